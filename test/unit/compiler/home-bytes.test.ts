/** What a flow's entry says of the flow: the same bytes whoever has the same instructions, and what they are read as. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flowHome, readHome } from '../../../src/compiler/home.js'
import type { FlowRecord } from '../../../src/datapath/pipeline.js'
import { encodeMessage, NO_INSTRUCTIONS } from '../../../src/openflow/index.js'
import type { FieldValue, Instructions } from '../../../src/openflow/index.js'

const HEAD = 34
const output: Instructions = { ...NO_INSTRUCTIONS, apply: [{ type: 'output', port: 2, maxLen: 0 }] }
/** Said in 1.3 as a push and a set-field, unless there is a tag already. */
const vlan: Instructions = { ...NO_INSTRUCTIONS, apply: [{ type: 'set_vlan_vid', vid: 7 }, { type: 'output', port: 2, maxLen: 0 }], gotoTable: 3 }
const on = (field: FieldValue['field'], value: bigint): FieldValue => ({ field, value, mask: null })
const matches: readonly (readonly FieldValue[])[] = [[], [on('eth_dst', 0x0200_0000_0001n)], [on('vlan_vid', 0n)], [on('in_port', 3n), on('vlan_vid', 0x1005n)], [on('eth_type', 0x86ddn), on('ipv6_src', 2n ** 127n)]]
const life = { flags: 1, hardTimeout: 9, importance: 0, createdAt: 1.5e12, modifiedAt: 1.6e12 + 0.5, packets: 2n ** 40n, bytes: 3n }
const record = (match: FlowRecord['match'], instructions: Instructions, more: Partial<FlowRecord> = {}): FlowRecord =>
  ({ id: 5, tableId: 2, priority: 77, match, instructions, cookie: 0xdead_beefn, idleTimeout: 30, life, ...more })
const messageOf = ({ tableId, priority, match, instructions, cookie, idleTimeout, life: given }: FlowRecord) => ({
  type: 'flow_mod' as const, command: 'add' as const, tableId, priority, match, instructions, cookie, cookieMask: 0n, idleTimeout, hardTimeout: given?.hardTimeout ?? 0, flags: given?.flags ?? 0,
  bufferId: 0xffffffff, outPort: 0xffffffff, outGroup: 0xffffffff, importance: given?.importance ?? 0,
})

test('flows with the same instructions are said as each would be alone', () => {
  for (const instructions of [output, vlan, output, vlan]) {
    for (const match of matches) {
      const flow = record(match, instructions)
      const [alone] = encodeMessage(messageOf(flow), 4, 0)
      assert.deepEqual(Buffer.from(flowHome(flow).subarray(HEAD)), Buffer.from(alone ?? []))
    }
  }
})

test('and is read again as it was', () => {
  for (const match of matches) {
    const flow = record(match, output)
    const { id: _, ...expected } = flow
    const home = readHome(flowHome(flow))
    assert.deepEqual(home, { kind: 'flow', flow: expected })
  }
})

test('what 1.3 cannot say is said in another version', () => {
  const important = record([], output, { life: { ...life, importance: 3 } })
  assert.equal(flowHome(important)[HEAD], 6)
  const flags = record([on('eth_type', 0x0800n), on('ip_proto', 6n), { field: 'tcp_flags', value: 2n, mask: 2n }], output)
  assert.equal(flowHome(flags)[HEAD], 6)
  assert.equal(flowHome(record([], output))[HEAD], 4, 'which says nothing of other flows with these instructions')
  assert.equal(flowHome({ ...record([], output), life: undefined } as unknown as FlowRecord).length, 0)
})
