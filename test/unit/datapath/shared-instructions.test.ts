import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedInstructions } from '../../../src/datapath/shared-instructions.js'
import { NO_INSTRUCTIONS } from '../../../src/openflow/index.js'
import type { Action, Instructions } from '../../../src/openflow/index.js'

const apply = (...actions: readonly Action[]): Instructions => ({ ...NO_INSTRUCTIONS, apply: actions })
const output = (port: number, maxLen = 0): Action => ({ type: 'output', port, maxLen })

const different: readonly Instructions[] = [
  NO_INSTRUCTIONS, apply(), { ...NO_INSTRUCTIONS, write: [] }, { ...NO_INSTRUCTIONS, clear: true }, { ...NO_INSTRUCTIONS, gotoTable: 1 }, { ...NO_INSTRUCTIONS, meter: 1 },
  apply(output(1)), apply(output(1, 1)), apply(output(1), output(2)), { ...apply(output(1)), write: [output(2)] }, { ...apply(output(2)), write: [output(1)] },
  { ...NO_INSTRUCTIONS, writeMetadata: { value: 1n, mask: 1n } }, { ...NO_INSTRUCTIONS, writeMetadata: { value: 1n, mask: 3n } },
  apply({ type: 'set_field', field: 'eth_dst', value: 1n, mask: null }), apply({ type: 'set_field', field: 'eth_src', value: 1n, mask: null }),
  apply({ type: 'set_field', field: 'eth_dst', value: 1n, mask: 1n }), apply({ type: 'push_vlan', ethertype: 0x8100 }), apply({ type: 'push_vlan', ethertype: 0x88a8 }),
  apply({ type: 'pop_vlan' }), apply({ type: 'group', groupId: 1 }),
]

test('equal instructions become one object, different ones never', () => {
  const shared = new SharedInstructions()
  const first = different.map((one) => shared.share(structuredClone(one)))
  assert.deepEqual(first, different)
  assert.equal(new Set(first).size, different.length)
  assert.ok(different.every((one, index) => shared.share(structuredClone(one)) === first[index]))
})

test('what holds bytes of its message is left alone', () => {
  const shared = new SharedInstructions()
  const opaque = (): Instructions => apply({ type: 'experimenter', experimenter: 1, body: Uint8Array.of(1) })
  shared.share(opaque())
  const other = opaque()
  assert.equal(shared.share(other), other)
})

test('memory is bounded', () => {
  const shared = new SharedInstructions()
  const one = shared.share(apply(output(1)))
  for (let port = 2; port < 10_000; port++) shared.share(apply(output(port)))
  assert.notEqual(shared.share(apply(output(1))), one)
})
