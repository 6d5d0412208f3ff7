/**
 * Random frames and random Write requests: the target may refuse anything, but it must not fail, and what it says of its
 * tables must be what the accepted requests make of them. Seeds are fixed; TARGET_FUZZ_SEEDS=n runs more of them.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TableInfo } from '../../../src/p4info/index.js'
import { p4 } from '../../../src/p4proto/generated.js'
import { RpcError } from '../../../src/p4proto/service.js'
import { Random } from './random.js'
import { Type, rigWith } from './rig.js'
import type { Rig } from './rig.js'

const seeds = Number(process.env['TARGET_FUZZ_SEEDS'] ?? 2)
const steps = 400

/** Mostly sensible, sometimes not. */
class Requests {
  private readonly random: Random
  private readonly rig: Rig
  constructor(random: Random, rig: Rig) {
    this.random = random
    this.rig = rig
  }

  private value(width: number): Uint8Array {
    const { random } = this
    if (random.chance(0.03)) return random.bytes(random.below(20))
    let bits = random.chance(0.8) ? BigInt.asUintN(width, BigInt(random.below(4))) : random.bits(width)
    const bytes: number[] = []
    do bytes.unshift(Number(bits & 0xffn)); while ((bits >>= 8n) > 0n)
    return Uint8Array.from(bytes)
  }

  action(actions: readonly { readonly action: { readonly id: number; readonly params: readonly { readonly id: number; readonly bitwidth: number }[] } }[]): p4.v1.IAction {
    const { random } = this
    const picked = random.pick(actions)?.action
    if (picked === undefined || random.chance(0.02)) return { actionId: random.below(1 << 30), params: [] }
    return { actionId: picked.id, params: picked.params.filter(() => !random.chance(0.02)).map(({ id, bitwidth }) => ({ paramId: id, value: this.value(bitwidth) })) }
  }

  entry(): p4.v1.ITableEntry {
    const { random } = this
    const table = random.pick([...this.rig.client.program.index.tables.values()]) as TableInfo | undefined
    if (table === undefined) return { tableId: random.below(10) }
    const match = table.matchFields.filter(field => field.kind === 'exact' ? !random.chance(0.02) : random.chance(0.5)).map(({ id, bitwidth, kind }): p4.v1.IFieldMatch => {
      const fieldId = random.chance(0.01) ? random.below(100) : id
      switch (random.chance(0.02) ? random.pick(['exact', 'lpm', 'ternary', 'range', 'optional']) : kind) {
        case 'exact': return { fieldId, exact: { value: this.value(bitwidth) } }
        case 'lpm': return { fieldId, lpm: { value: random.chance(0.5) ? Uint8Array.of(0) : this.value(bitwidth), prefixLen: random.below(bitwidth + 2) - (random.chance(0.05) ? 1 : 0) } }
        case 'ternary': { const value = this.value(bitwidth); return { fieldId, ternary: { value, mask: random.chance(0.7) ? value : this.value(bitwidth) } } }
        case 'range': return { fieldId, range: { low: this.value(bitwidth), high: this.value(bitwidth) } }
        default: return { fieldId, optional: { value: this.value(bitwidth) } }
      }
    })
    const action: p4.v1.ITableAction = table.actionProfile === null || random.chance(0.05) ? { action: this.action(table.actions) }
      : random.chance(0.4) ? { actionProfileMemberId: random.below(4) } : random.chance(0.7) ? { actionProfileGroupId: random.below(4) }
        : { actionProfileActionSet: { actionProfileActions: [{ action: this.action(table.actions), weight: random.below(3) }] } }
    return {
      tableId: random.chance(0.01) ? random.below(1 << 30) : table.id, match, priority: table.needsPriority !== random.chance(0.02) ? 1 + random.below(3) : 0,
      ...(random.chance(0.95) ? { action } : {}), ...(random.chance(0.1) ? { isDefaultAction: true } : {}), ...(random.chance(0.1) ? { idleTimeoutNs: random.below(3) * 1e9 } : {}),
      ...(random.chance(0.2) ? { controllerMetadata: random.below(100) } : {}), ...(random.chance(0.05) ? { meterConfig: this.meter() } : {}), ...(random.chance(0.05) ? { counterData: {} } : {}),
    }
  }

  private meter(): p4.v1.IMeterConfig {
    const { random } = this
    return { cir: random.below(10) - 1, cburst: random.below(10), pir: random.below(20), pburst: random.below(10) }
  }

  update(): p4.v1.IUpdate {
    const { random } = this
    const { index } = this.rig.client.program
    const type = random.pick([Type.INSERT, Type.INSERT, Type.INSERT, Type.MODIFY, Type.DELETE, random.below(5) as p4.v1.Update.Type])
    const someId = (list: Iterable<{ readonly id: number }>): number => random.chance(0.05) ? random.below(1 << 30) : random.pick([...list])?.id ?? 0
    const replicas = (): p4.v1.IReplica[] => Array.from({ length: random.below(4) }, () => ({ port: this.value(random.chance(0.9) ? 3 : 10), instance: random.below(3) }))
    const entity = ((): p4.v1.IEntity => {
      switch (random.below(12)) {
        case 0: return { packetReplicationEngineEntry: { multicastGroupEntry: { multicastGroupId: random.below(4), replicas: replicas() } } }
        case 1: return { packetReplicationEngineEntry: { cloneSessionEntry: { sessionId: random.pick([5, 6, 7, 0]), replicas: replicas() } } }
        case 2: return { counterEntry: { counterId: someId(index.counters.values()), ...(random.chance(0.8) ? { index: { index: random.below(10) - 1 } } : {}), data: { packetCount: random.below(5) } } }
        case 3: return { meterEntry: { meterId: someId(index.meters.values()), index: { index: random.below(10) }, ...(random.chance(0.8) ? { config: this.meter() } : {}) } }
        case 4: return { actionProfileMember: { actionProfileId: someId(index.actionProfiles.values()), memberId: random.below(4), action: this.action([...index.actions.values()].map(action => ({ action }))) } }
        case 5: return { actionProfileGroup: { actionProfileId: someId(index.actionProfiles.values()), groupId: random.below(4), members: [{ memberId: random.below(4), weight: random.below(3) }] } }
        case 6: return { digestEntry: { digestId: someId(index.digests.values()), config: { maxListSize: random.below(3) } } }
        case 7: return { directCounterEntry: { tableEntry: this.entry(), data: {} } }
        default: return random.chance(0.02) ? {} : { tableEntry: this.entry() }
      }
    })()
    return { type, entity }
  }
}

/** A frame that programs take seriously: short, with small numbers, now and then long or empty. */
const frameOf = (random: Random): string => {
  const length = random.chance(0.05) ? 0 : random.chance(0.1) ? 1500 : random.below(40)
  return Buffer.from(Uint8Array.from({ length }, () => random.chance(0.7) ? random.below(16) : random.below(256))).toString('hex')
}

/** The key of an entry as text: what identifies it in a table. */
const keyOf = (entry: p4.v1.ITableEntry): string => JSON.stringify([entry.tableId, entry.priority ?? 0, entry.match], (_, value: unknown) => value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value)

describe('fuzz', () => {
  for (const program of ['tables', 'paths', 'actions', 'parser']) {
    test(`${program}: ${seeds} seeds`, async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const random = new Random(seed * 7919)
        const rig = await rigWith(program)
        const requests = new Requests(random, rig)
        const where = `seed ${seed}`
        for (let step = 0; step < steps; step++) {
          if (random.chance(0.4)) {
            rig.inject(1 + random.below(5), frameOf(random))
          } else if (random.chance(0.05)) {
            rig.client.stream.send({ packet: { payload: random.bytes(random.below(30)), metadata: [{ metadataId: random.below(4), value: random.bytes(random.below(3)) }] } })
          } else if (random.chance(0.05)) {
            rig.target.advance(random.below(3000))
          } else if (random.chance(0.05)) {
            const entity = requests.update().entity
            await rig.client.read(entity ?? {}).catch((error: unknown) => assert.ok(error instanceof RpcError && error.code !== 13, `${where}, read: ${String(error)}`))
          } else {
            const updates = Array.from({ length: 1 + random.below(4) }, () => requests.update())
            await rig.client.write(updates).catch((error: unknown) => {
              assert.ok(error instanceof RpcError, `${where}: ${String(error)}`)
              assert.equal(error.code, 2, `${where}, step ${step}: ${error.message}`)
              assert.equal(error.updateStatuses.length, updates.length)
              assert.ok(error.updateStatuses.every(({ code, message }) => code !== 13 && (code === 0) === (message === '')))
            })
          }
        }
        // Every entry can be found by its key and deleted by it, once; then there is none.
        const entries = (await rig.client.read({ tableEntry: {} })).flatMap(({ tableEntry }) => tableEntry && !tableEntry.isConst ? [tableEntry] : [])
        assert.equal(new Set(entries.map(keyOf)).size, entries.length, `${where}: a key stands in a table twice`)
        for (const entry of entries) {
          const again = await rig.client.read({ tableEntry: { tableId: entry.tableId ?? 0, match: entry.match ?? [], priority: entry.priority ?? 0 } })
          assert.ok(again.some(({ tableEntry }) => keyOf(tableEntry ?? {}) === keyOf(entry)), `${where}: ${keyOf(entry)}`)
        }
        await rig.client.write(entries.map(tableEntry => ({ type: Type.DELETE, entity: { tableEntry } })))
        assert.equal((await rig.client.read({ tableEntry: {} })).filter(({ tableEntry }) => !tableEntry?.isConst).length, 0, where)
        // With nothing referring to them, groups and members can go too.
        const groups = await rig.client.read({ actionProfileGroup: {} })
        const members = await rig.client.read({ actionProfileMember: {} })
        await rig.client.write([...groups, ...members].map(entity => ({ type: Type.DELETE, entity })))
      }
    })
  }

  test('random bytes as a device config are refused', async () => {
    const random = new Random(3)
    const rig = await rigWith('paths')
    const text = new TextDecoder().decode(rig.client.program.json)
    for (let round = 0; round < 60; round++) {
      const at = random.below(text.length - 20)
      const mangled = random.chance(0.5) ? text.slice(0, at) + String(random.below(1000)) + text.slice(at + random.below(6)) : text.slice(0, at) + text.slice(at + 1 + random.below(30))
      try {
        await rig.client.push({ config: { p4info: rig.client.program.info, p4DeviceConfig: new TextEncoder().encode(mangled) } })
        for (let frame = 0; frame < 5; frame++) rig.inject(1, frameOf(random))
      } catch (error) {
        assert.ok(error instanceof RpcError && error.code === 3, `round ${round}: ${String(error)}`)
      }
    }
  })
})
