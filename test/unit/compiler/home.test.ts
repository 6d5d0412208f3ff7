/** What an entry's metadata says of its object is read back as it was, also what only some versions can say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_FLOW_COUNTS, NO_INSTRUCTIONS, type Instructions } from '../../../src/openflow/index.js'
import { flowHome, readHome } from '../../../src/compiler/home.js'
import type { FlowRecord } from '../../../src/datapath/pipeline.js'

const life = { flags: 1, hardTimeout: 9, importance: 0, createdAt: 1_700_000_000_123.5, modifiedAt: 1_700_000_001_000, packets: 5n, bytes: 500n }
const cases: readonly (readonly [string, Partial<Instructions>])[] = [
  ['nothing special', { apply: [{ type: 'output', port: 1, maxLen: 0 }], gotoTable: 3 }],
  ['a meter', { meter: 7, apply: [] }],
  ['a meter action behind another', { apply: [{ type: 'set_field', field: 'eth_dst', value: 1n, mask: null }, { type: 'meter', meterId: 7 }] }],
  ['a stat trigger', { apply: [{ type: 'output', port: 1, maxLen: 0 }], statTrigger: { flags: 1, thresholds: { ...NO_FLOW_COUNTS, packetCount: 5n, idleTime: { seconds: 3, nanoseconds: 4 } } } }],
  ['extensions', { apply: [{ type: 'note', data: Uint8Array.of(1, 2, 3, 4, 5, 6) }, { type: 'controller', maxLen: 64, controllerId: 5, reason: 'invalid_ttl' }] }],
]
for (const [what, instructions] of cases) {
  test(`a flow with ${what}`, () => {
    const flow: FlowRecord = { id: 4, tableId: 2, priority: 77, match: [{ field: 'in_port', value: 3n, mask: null }], instructions: { ...NO_INSTRUCTIONS, ...instructions }, cookie: 9n, idleTimeout: 30, life }
    const { id: _, ...kept } = flow
    assert.deepEqual(readHome(flowHome(flow)), { kind: 'flow', flow: kept })
  })
}
