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

# As an ordinary switch: NORMAL learns, and shows where.
show ovs-ofctl add-flow br0 'priority=1 idle_timeout=0,in_port=100,actions=mod_nw_src:9.181.137.1,normal'
show ovs-ofctl add-flow br0 priority=2,actions=normal
show ovs-appctl ofproto/trace br0 in_port=p1,dl_src=00:11:11:00:00:00,dl_dst=00:22:22:00:00:00,dl_type=0x88b5 -generate
known () { ovs-appctl fdb/show br0 | grep -q 00:11:11:00:00:00; }
within 10 known
show ovs-appctl ofproto/trace br0 in_port=p2,dl_src=00:22:22:00:00:00,dl_dst=00:11:11:00:00:00,dl_type=0x88b5
show ovs-appctl fdb/show br0
show ovs-appctl version
