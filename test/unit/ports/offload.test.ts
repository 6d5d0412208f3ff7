import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  EtherType, IpProto, TcpFlag, ethernet, formatFrame, internetChecksum, ipv4, ipv6, pseudoHeaderSum, sctp, tcp, toHex, udp, wrongChecksums,
} from '../../../src/packet/index.js'
import { completeChecksum, readOffload, segment } from '../../../src/target/ports/offload.js'

const eth = { dst: '0a:00:00:00:00:02', src: '0a:00:00:00:00:01' }
const v4 = { src: '10.0.0.1', dst: '10.0.0.2' }
const v6 = { src: '2001:db8::1', dst: '2001:db8::2' }
const payload = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => i * 7 & 0xff)
const none = { flags: 0, gsoType: 0, gsoSize: 0, checksumStart: 0, checksumOffset: 0 }

/** Leaves in the checksum field what a stack leaves there for hardware: the folded sum of the pseudo header. */
function partial(frame: Uint8Array, l4At: number, offset: number, addressesAt: number, addressesSize: number, proto: number): Uint8Array {
  const half = frame.slice()
  const sum = ~internetChecksum(new Uint8Array(0), 0, 0, pseudoHeaderSum(frame, addressesAt, addressesSize, proto, frame.length - l4At)) & 0xffff
  half[l4At + offset] = sum >> 8
  half[l4At + offset + 1] = sum & 0xff
  return half
}

test('completes the checksums of TCP and UDP', () => {
  const cases: readonly [Uint8Array, number, number, number, number, number][] = [
    [ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.TCP }, tcp({ src: 1, dst: 2 }, payload(33)))), 34, 16, 26, 8, IpProto.TCP],
    [ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.UDP }, udp({ src: 1, dst: 2 }, payload(32)))), 34, 6, 26, 8, IpProto.UDP],
    [ethernet({ ...eth, type: EtherType.IPV6 }, ipv6({ ...v6, proto: IpProto.TCP }, tcp({ src: 1, dst: 2 }, payload(7)))), 54, 16, 22, 32, IpProto.TCP],
  ]
  for (const [whole, at, offset, addressesAt, addressesSize, proto] of cases) {
    const half = partial(whole, at, offset, addressesAt, addressesSize, proto)
    assert.notDeepEqual(wrongChecksums(half), [])
    assert.equal(completeChecksum(half, { ...none, flags: 1, checksumStart: at, checksumOffset: offset }), true)
    assert.equal(toHex(half), toHex(whole))
  }
})

test('completes the CRC32c of SCTP', () => {
  const whole = ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.SCTP }, sctp({ src: 1, dst: 2 }, payload(20))))
  const half = whole.slice().fill(0, 42, 46)
  assert.equal(completeChecksum(half, { ...none, flags: 1, checksumStart: 34, checksumOffset: 8 }), true)
  assert.equal(toHex(half), toHex(whole))
})

test('a checksum outside the frame is refused, an unflagged one is left alone', () => {
  const frame = ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.UDP }, udp({ src: 1, dst: 2 })))
  assert.equal(completeChecksum(frame.slice(), { ...none, flags: 1, checksumStart: 34, checksumOffset: 60 }), false)
  assert.equal(completeChecksum(frame.slice(), { ...none, flags: 1, checksumStart: 0, checksumOffset: 6 }), false)
  const same = frame.slice()
  assert.equal(completeChecksum(same, { ...none, checksumStart: 34, checksumOffset: 6 }), true)
  assert.equal(toHex(same), toHex(frame))
})

test('cuts a TCP segment as hardware would', () => {
  const flags = TcpFlag.FIN | TcpFlag.PSH | TcpFlag.ACK | TcpFlag.CWR
  const data = payload(2500)
  for (const [gsoType, big] of [
    [1, ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.TCP, id: 0xffff, options: Uint8Array.of(1, 1, 1, 0) }, tcp({ src: 1, dst: 2, seq: 0xfffffff0, flags }, data)))],
    [4, ethernet({ ...eth, type: EtherType.IPV6, vlans: [{ vid: 5 }] }, ipv6({ ...v6, proto: IpProto.TCP }, tcp({ src: 1, dst: 2, seq: 0xfffffff0, flags }, data)))],
  ] as const) {
    const headers = big.length - data.length
    const l4At = headers - 20
    const pieces = segment(big, { ...none, flags: 1, gsoType, gsoSize: 1000, checksumStart: l4At, checksumOffset: 16 })!
    assert.deepEqual(pieces.map((piece) => piece.length - headers), [1000, 1000, 500])
    assert.deepEqual(pieces.map(wrongChecksums), [[], [], []])
    assert.equal(pieces.map((piece) => toHex(piece.subarray(headers))).join(''), toHex(data))
    const view = (piece: Uint8Array): DataView => new DataView(piece.buffer, piece.byteOffset)
    assert.deepEqual(pieces.map((piece) => view(piece).getUint32(l4At + 4)), [0xfffffff0, 0x3d8, 0x7c0])
    assert.deepEqual(pieces.map((piece) => piece[l4At + 13]), [TcpFlag.ACK | TcpFlag.CWR, TcpFlag.ACK, TcpFlag.ACK | TcpFlag.FIN | TcpFlag.PSH])
    if (gsoType === 1) assert.deepEqual(pieces.map((piece) => view(piece).getUint16(18)), [0xffff, 0, 1])
  }
})

test('cuts a UDP datagram into datagrams', () => {
  const big = ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.UDP }, udp({ src: 1, dst: 2 }, payload(250))))
  const pieces = segment(big, { ...none, flags: 1, gsoType: 5, gsoSize: 100, checksumStart: 34, checksumOffset: 6 })!
  assert.deepEqual(pieces.map((piece) => formatFrame(piece).replace(/^\S+ > \S+, /, '')), [
    'udp 10.0.0.1:1 > 10.0.0.2:2 ttl 64, 142 bytes', 'udp 10.0.0.1:1 > 10.0.0.2:2 ttl 64, 142 bytes', 'udp 10.0.0.1:1 > 10.0.0.2:2 ttl 64, 92 bytes'])
  assert.deepEqual(pieces.map(wrongChecksums), [[], [], []])
})

test('does not cut what it does not understand', () => {
  const frame = ethernet({ ...eth, type: EtherType.IPV4 }, ipv4({ ...v4, proto: IpProto.TCP }, tcp({ src: 1, dst: 2 }, payload(100))))
  const ask = { ...none, flags: 1, gsoType: 1, gsoSize: 50, checksumStart: 34, checksumOffset: 16 }
  assert.equal(segment(frame, ask)?.length, 2)
  assert.equal(segment(frame, { ...ask, gsoSize: 0 }), null)
  assert.equal(segment(frame, { ...ask, gsoType: 4 }), null)
  assert.equal(segment(frame, { ...ask, gsoType: 3 }), null)
  assert.equal(segment(frame, { ...ask, checksumStart: 84 }), null, 'the TCP header of a tunnel')
  assert.equal(segment(frame.subarray(0, 40), ask), null)
})

test('reads a virtio_net_hdr', () => {
  assert.deepEqual(readOffload(Uint8Array.of(9, 1, 0x81, 66, 0, 0xa8, 5, 34, 0, 16, 0), 1),
    { flags: 1, gsoType: 1, gsoSize: 1448, checksumStart: 34, checksumOffset: 16 })
})
