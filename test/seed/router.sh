#!/usr/bin/env bash
# Routing between the VLANs, with hosts that exist only as traces: 10.100.0.1 behind p1 sends to 10.200.0.1 behind p4.
. "$(dirname "$0")/lib.sh"

# Step 1, and 2: the host asks for its router, which answers (p1's capture shows it).
show ovs-appctl ofproto/trace br0 in_port=p1,dl_src=00:01:02:03:04:05,dl_dst=ff:ff:ff:ff:ff:ff,dl_type=0x806,arp_spa=10.100.0.1,arp_tpa=10.100.0.254,arp_sha=00:01:02:03:04:05,arp_tha=ff:ff:ff:ff:ff:ff,arp_op=1 -generate
arrived () { tcpdump -nr "$WORK/$1.pcap" "$2" 2> /dev/null | grep -q .; }
within 10 arrived p1 'arp and arp[6:2] = 2 and ether src 0e:00:00:00:00:01'
# Step 3, and 4: it sends its packet, and the router asks on p4 and p5 who has the address.
show ovs-appctl ofproto/trace br0 in_port=p1,dl_src=00:01:02:03:04:05,dl_dst=0e:00:00:00:00:01,udp,nw_src=10.100.0.1,nw_dst=10.200.0.1,nw_ttl=64 -generate
within 10 arrived p4 'arp and arp[6:2] = 1 and ether src 0e:00:00:00:00:01'
within 10 arrived p5 'arp and arp[6:2] = 1 and ether src 0e:00:00:00:00:01'
# Step 5: the other host answers.
show ovs-appctl ofproto/trace br0 in_port=p4,dl_src=00:10:20:30:40:50,dl_dst=0e:00:00:00:00:01,dl_type=0x806,arp_spa=10.200.0.1,arp_tpa=10.200.0.254,arp_sha=00:10:20:30:40:50,arp_tha=0e:00:00:00:00:01,arp_op=2 -generate
routed () { ovs-ofctl -OOpenFlow13 dump-flows br0 | grep -q 'set_field:00:10:20:30:40:50->eth_dst'; }
within 10 routed
# Step 6: the packet is delivered.
show ovs-appctl ofproto/trace br0 in_port=p1,dl_src=00:01:02:03:04:05,dl_dst=0e:00:00:00:00:01,udp,nw_src=10.100.0.1,nw_dst=10.200.0.1,nw_ttl=64 -generate
