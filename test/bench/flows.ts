/** The flows and frames that all contenders get. */
import { CONTROLLER_MAX_LEN_NO_BUFFER, encodeMessage, NO_BUFFER, NO_INSTRUCTIONS, Port, Table } from '../../src/openflow/index.js'
import type { Action, FlowMod, Instructions, Match, Message } from '../../src/openflow/index.js'

export const VERSION = 4
/** Destination address number n; the numbers of different parts of a run do not meet. */
export const macOf = (n: number): bigint => 0x0200_0000_0000n + BigInt(n)
export const toAddress = (n: number): Match => [{ field: 'eth_dst', value: macOf(n), mask: null }]
export const output = (port: number): Action => ({ type: 'output', port, maxLen: port === Port.CONTROLLER ? CONTROLLER_MAX_LEN_NO_BUFFER : 0 })
export const apply = (...actions: readonly Action[]): Instructions => ({ ...NO_INSTRUCTIONS, apply: actions })

export const PRIORITY = 100
export const MISS_PRIORITY = 0

export const addFlow = (tableId: number, match: Match, instructions: Instructions, priority = PRIORITY): FlowMod => ({
  type: 'flow_mod', command: 'add', tableId, priority, match, cookie: 0n, cookieMask: 0n, idleTimeout: 0, hardTimeout: 0, bufferId: NO_BUFFER,
  outPort: Port.ANY, outGroup: 0xffffffff, flags: 0, importance: 0, instructions,
})
export const deleteAll: FlowMod = { ...addFlow(Table.ALL, [], NO_INSTRUCTIONS, 0), command: 'delete' }

/** Flow n of a run over several tables: an exact destination address to port 2. */
export const plainFlow = (n: number, tables: number): FlowMod => addFlow(n % tables, toAddress(n), apply(output(2)))

export const bytesOf = (message: Message, xid: number): Uint8Array => {
  const [bytes] = encodeMessage(message, VERSION, xid)
  if (bytes === undefined) throw new Error(`${message.type} has no bytes`)
  return bytes
}

/** An Ethernet frame of 64 bytes (with FCS) that carries UDP over IPv4. */
export function frameTo(n: number): Uint8Array {
  const frame = Buffer.alloc(60)
  frame.writeUIntBE(Number(macOf(n)), 0, 6)
  frame.writeUIntBE(0x0a00_0000_0201, 6, 6)
  frame.writeUInt16BE(0x0800, 12)
  frame.set([0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 14)
  frame.writeUInt16BE(checksum(frame.subarray(14, 34)), 24)
  frame.writeUInt16BE(1000, 34)
  frame.writeUInt16BE(2000, 36)
  frame.writeUInt16BE(26, 38)
  return frame
}
function checksum(header: Buffer): number {
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
