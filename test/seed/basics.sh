#!/usr/bin/env bash
# The everyday commands: what is there, flows added, looked at and deleted.
. "$(dirname "$0")/lib.sh"

show ovs-ofctl show br0
show ovs-ofctl dump-flows br0
show ovs-ofctl add-flow br0 'priority=1 idle_timeout=0,in_port=100,actions=mod_nw_src:9.181.137.1,output:1'
show ovs-ofctl add-flow br0 'priority=1,in_port=3,actions=output:1'
show ovs-ofctl dump-flows br0
show ovs-ofctl dump-tables br0
show ovs-ofctl del-flows br0 in_port=100
show ovs-ofctl dump-flows br0
show ovs-appctl version
