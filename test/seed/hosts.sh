#!/usr/bin/env bash
# Hosts in namespaces of their own, made as the notes make them. NAMES: two names, HOSTS: what is done with them (create, ping).
. "$(dirname "$0")/lib.sh"

# Run command inside network namespace
as_ns () {
    NAME=$1
    NETNS=faucet-${NAME}
    shift
    sudo ip netns exec ${NETNS} $@
}
# Create network namespace
create_ns () {
    NAME=$1
    IP=$2
    NETNS=faucet-${NAME}
    sudo ip netns add ${NETNS}
    sudo ip link add dev veth-${NAME} type veth peer name veth0 netns ${NETNS}
    sudo ip link set dev veth-${NAME} up
    as_ns ${NAME} ip link set dev lo up
    [ -n "${IP}" ] && as_ns ${NAME} ip addr add dev veth0 ${IP}
    as_ns ${NAME} ip link set dev veth0 up
}

set -- $NAMES
case $HOSTS in
  create)
    create_ns "$1" 192.168.0.1/24
    create_ns "$2" 192.168.0.2/24
    ;;
  ping) as_ns "$1" ping -n -c 3 -i 0.2 -w 10 192.168.0.2 ;;
esac
