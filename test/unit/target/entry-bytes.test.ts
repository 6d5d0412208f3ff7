/** What readEncoded() answers is what read() answers, byte for byte, whatever the entries. P4RT 1.4 §13 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { allOnes, toCanonicalBytes, type MatchFieldInfo, type TableInfo } from '../../../src/p4info/index.js'
import { p4 } from '../../../src/p4proto/generated.js'
import { toUint64 } from '../../../src/p4proto/int64.js'
import { Random } from './random.js'
import { Type, rigWith } from './rig.js'
import type { Rig } from './rig.js'

const ENTRIES = 12

const encoded = async (rig: Rig, entities: p4.v1.IEntity[]): Promise<string> => Buffer.concat(await rig.target.target.readEncoded({ deviceId: 1, entities })).toString('hex')
const plain = async (rig: Rig, entities: p4.v1.IEntity[]): Promise<string> =>
  Buffer.from(p4.v1.ReadResponse.encode({ entities: await rig.target.target.read({ deviceId: 1, entities }) }).finish()).toString('hex')

function randomMatch(random: Random, { id: fieldId, kind, bitwidth }: MatchFieldInfo): p4.v1.IFieldMatch | null {
  if (kind !== 'exact' && random.chance(0.6)) return null
  const bytes = (value: bigint): Uint8Array => toCanonicalBytes(value)
  const value = random.bits(bitwidth)
  switch (kind) {
    case 'exact': return { fieldId, exact: { value: bytes(value) } }
    case 'optional': return { fieldId, optional: { value: bytes(value) } }
    case 'lpm': {
      const prefixLen = 1 + random.below(bitwidth)
      return { fieldId, lpm: { value: bytes(value >> BigInt(bitwidth - prefixLen) << BigInt(bitwidth - prefixLen)), prefixLen } }
    }
    case 'ternary': {
      const mask = random.chance(0.5) ? allOnes(bitwidth) : random.bits(bitwidth)
      return mask === 0n ? null : { fieldId, ternary: { value: bytes(value & mask), mask: bytes(mask) } }
    }
    default: return null
  }
}

function randomEntry(random: Random, table: TableInfo): p4.v1.ITableEntry {
  const { action } = random.pick(table.actions.filter(({ scope }) => scope !== 'default_only'))
  const metadata = random.bytes(random.chance(0.7) ? random.below(200) : 0)
  return {
    tableId: table.id, match: table.matchFields.flatMap((field) => randomMatch(random, field) ?? []), ...(table.needsPriority ? { priority: 1 + random.below(70_000) } : {}),
    action: { action: { actionId: action.id, params: action.params.map(({ id, bitwidth }) => ({ paramId: id, value: toCanonicalBytes(random.bits(bitwidth)) })) } },
    ...(random.chance(0.7) ? { controllerMetadata: toUint64(random.bits(random.pick([7, 32, 52, 64]))) } : {}), ...(metadata.length > 0 ? { metadata } : {}),
    ...(table.idleTimeout && random.chance(0.5) ? { idleTimeoutNs: random.below(1000) * 1_000_000 } : {}),
    ...(table.directCounter !== null && random.chance(0.5) ? { counterData: { packetCount: random.below(1000), byteCount: random.below(2 ** 31) * 2 ** 20 } } : {}),
  }
}

describe('entries as bytes', () => {
  for (const [name, folder] of [['ofswitchd', 'p4'], ['tables', 'test/unit/target/programs']] as const) {
    test(`every table of ${name}`, async () => {
      const random = new Random(7)
      const rig = await rigWith(name, folder)
      const { program } = rig.client
      let bytes = 0
      for (const table of program.index.tables.values()) {
        if (table.isConst || table.matchFields.length === 0 || table.actionProfile !== null) continue
        // One that is there already, or of which the target says that it does not fit, is none.
        await rig.client.write(Array.from({ length: ENTRIES }, () => ({ type: Type.INSERT, entity: { tableEntry: randomEntry(random, table) } }))).catch(() => {})
        for (const query of [{ tableEntry: { tableId: table.id } }, { tableEntry: { tableId: table.id, counterData: {} } }]) {
          const found = await encoded(rig, [query])
          bytes += found.length / 2
          assert.equal(found, await plain(rig, [query]), table.name)
        }
      }
      assert.ok(bytes > 5000, `${bytes} bytes`)
      const queries = [{ tableEntry: { tableId: 0 } }, { packetReplicationEngineEntry: { multicastGroupEntry: {} } }]
      assert.equal(await encoded(rig, queries), await plain(rig, queries))
    })
  }
})
