#!/usr/bin/env bash
# The switch of two VLANs under Faucet: tables, traces, and what learning changes in them.
. "$(dirname "$0")/lib.sh"
cd "$WORK"

show dump-flows br0
save-flows br0 > flow1

# What happens to a packet that comes in on p1.
show ovs-appctl ofproto/trace br0 in_port=p1
# The same with addresses, and this time it happens: the packet's source is learned.
show ovs-appctl ofproto/trace br0 in_port=p1,dl_src=00:11:11:00:00:00,dl_dst=00:22:22:00:00:00 -generate
learned () { ovs-ofctl -OOpenFlow13 dump-flows br0 | grep -q "dl_dst=$1"; }
within 10 learned 00:11:11:00:00:00
show diff-flows flow1 br0

# An answer from p2 is learned too, and goes to p1 alone.
show ovs-appctl ofproto/trace br0 in_port=p2,dl_src=00:22:22:00:00:00,dl_dst=00:11:11:00:00:00 -generate
within 10 learned 00:22:22:00:00:00
show ovs-appctl ofproto/trace br0 in_port=p1,dl_src=00:11:11:00:00:00,dl_dst=00:22:22:00:00:00 -generate
# Nothing of VLAN 100 reaches a port of VLAN 200.
show ovs-appctl ofproto/trace br0 in_port=p4,dl_src=00:44:44:00:00:00,dl_dst=00:11:11:00:00:00
show diff-flows flow1 br0
