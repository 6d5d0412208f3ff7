"""Raw frames for the tests: one AF_PACKET socket per interface, records on stdin and stdout.

Usage: netns-frames.py NUMBER=INTERFACE ...
A record is port number (2 bytes), length (4 bytes), frame; network byte order, the same in both directions.
The kernel takes the outer VLAN tag off a received frame and hands it over beside it; it is put back here.
"""
import os
import select
import socket
import struct
import sys

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
PACKET_OUTGOING = 4
VLAN_VALID, VLAN_TPID_VALID = 0x10, 0x40

sockets = {}
numbers = {}
for argument in sys.argv[1:]:
    number, interface = argument.split('=')
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.bind((interface, 0))
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    try:
        s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    except OSError:
        pass
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.setblocking(False)
    sockets[int(number)] = s
    numbers[s.fileno()] = int(number)


def receive(s):
    frame, ancillary, _, address = s.recvmsg(65536, 512)
    if address[2] == PACKET_OUTGOING:
        return None
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA and len(data) >= 20:
            status, _, _, _, _, tci, tpid = struct.unpack('=IIIHHHH', data[:20])
            if status & VLAN_VALID:
                tag = struct.pack('!HH', tpid if status & VLAN_TPID_VALID else 0x8100, tci)
                frame = frame[:12] + tag + frame[12:]
    return frame


def write_all(data):
    while data:
        data = data[os.write(1, data):]


write_all(struct.pack('!HI', 0xffff, 0))  # ready
pending = b''
by_fd = {s.fileno(): s for s in sockets.values()}
while True:
    readable, _, _ = select.select([0, *by_fd], [], [])
    for fd in readable:
        if fd == 0:
            continue
        while True:
            try:
                frame = receive(by_fd[fd])
            except BlockingIOError:
                break
            except OSError:
                break
            if frame is not None:
                write_all(struct.pack('!HI', numbers[fd], len(frame)) + frame)
    if 0 in readable:
        data = os.read(0, 1 << 16)
        if not data:
            sys.exit(0)
        pending += data
        while len(pending) >= 6:
            number, length = struct.unpack('!HI', pending[:6])
            if len(pending) < 6 + length:
                break
            try:
                sockets[number].send(pending[6:6 + length])
            except OSError as error:
                print(f'port {number}: {error}', file=sys.stderr)
            pending = pending[6 + length:]
