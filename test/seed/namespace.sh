#!/usr/bin/env bash
# Two ends of a cable in two namespaces, without any switch: what the notes say of ip netns and ip link. NS: a name nobody else uses.
. "$(dirname "$0")/lib.sh"
trap 'ip netns delete "$NS"; ip link delete veth-a 2> /dev/null' EXIT

ip netns add "$NS"
ip netns list | grep -q "^$NS\b" || exit 1
ip link add veth-a type veth peer name veth-b
ip link set veth-b netns "$NS"
ip netns exec "$NS" ip link set dev veth-b up
ip netns exec "$NS" ip addr add 10.0.0.2/24 dev veth-b
ip addr add 10.0.0.1/24 dev veth-a
ip link set dev veth-a up
ip netns exec "$NS" ip route | grep -q '^10.0.0.0/24 dev veth-b'
ping -n -c 1 -w 5 10.0.0.2 && ip netns exec "$NS" ping -n -c 1 -w 5 10.0.0.1
