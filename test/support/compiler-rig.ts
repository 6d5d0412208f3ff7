/** A compiler over one of the repository's pipelines, a plan as text, and a store that is as strict as a target. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Compiler, readContract, type CompiledPlan } from '../../src/compiler/index.js'
import type { NamedEntity, NamedUpdate } from '../../src/compiler/ir.js'
import type { Change, FlowRecord, MeterRecord, Refusal } from '../../src/datapath/pipeline.js'
import { MeterFlag, NO_INSTRUCTIONS, type Action, type Bucket, type Instructions, type Match, type MeterBand, type OxmName } from '../../src/openflow/model.js'
import { P4InfoIndex } from '../../src/p4info/index.js'

export const PORTS = [1, 2, 3, 4, 5] as const

export function compilerFor(pipeline: 'ofswitchd' | 'examples/l2', twinsFrom: number | null = null): Compiler {
  const info = P4InfoIndex.parse(readFileSync(join(process.cwd(), 'p4', `${pipeline}.p4info.txtpb`), 'utf8'))
  return new Compiler({ contract: readContract(info), targetPorts: new Map(PORTS.map((port) => [port, port])), twinsFrom })
}

export const setPorts = (): Change => ({ op: 'set_ports', ports: PORTS.map((portNo) => ({ portNo, config: 0, linkUp: true })) })
export const output = (port: number, maxLen = 0): Action => ({ type: 'output', port, maxLen })
export const setField = (field: OxmName, value: bigint): Action => ({ type: 'set_field', field, value, mask: null })
export const exact = (field: OxmName, value: bigint): Match[number] => ({ field, value, mask: null })
export const bucket = (...actions: readonly Action[]): Bucket => ({ bucketId: 0, weight: 0, watchPort: 0xffffffff, watchGroup: 0xffffffff, actions })

export const meter = (meterId: number, flags: number, ...bands: readonly Partial<MeterBand>[]): MeterRecord =>
  ({ meterId, flags: flags | (flags & MeterFlag.PKTPS ? 0 : MeterFlag.KBPS), bands: bands.map((band) => ({ type: 'drop', rate: 0, burstSize: 0, precLevel: 0, ...band })) })

export function flow(id: number, tableId: number, match: Match, instructions: Partial<Instructions>, rest: Partial<FlowRecord> = {}): FlowRecord {
  return { id, tableId, priority: 100, match, instructions: { ...NO_INSTRUCTIONS, ...instructions }, cookie: 0n, idleTimeout: 0, ...rest }
}

/** One line for each update; zero parameters are left out, names are shortened to their last part. */
export function planText(plan: CompiledPlan | Refusal): string {
  if (plan.refused) return `refused ${plan.error}: ${plan.reasons.join('; ')}\n`
  return plan.updates.map(({ update }) => `${update.op} ${entityText(update.entity)}\n`).join('')
}
function entityText(entity: NamedEntity): string {
  switch (entity.kind) {
    case 'table': {
      const match = entity.match.map((field) => field.kind === 'ternary' ? `${field.field}=0x${field.value.toString(16)}/0x${field.mask.toString(16)}` : field.kind === 'range' ? `${field.field}=${field.low}..${field.high}` : field.kind === 'lpm' ? `${field.field}=${field.value}/${field.prefixLength}` : `${field.field}=${field.value}`)
      const { action } = entity
      const params = [...(action?.own === undefined ? [] : [action.own]), ...(action?.params ?? [])].filter(({ value }) => value !== 0n).map(({ name, value }) => `${name}=${value}`)
      return `${short(entity.table)}[${match.join(' ')}${entity.priority === 0 ? '' : ` @${entity.priority}`}] ${last(action?.name ?? '')}(${params.join(' ')})`
    }
    case 'default': return `default of ${short(entity.table)} ${last(entity.action.name)}`
    case 'multicast': return `multicast ${entity.groupId} ${entity.replicas.map(({ port, instance }) => `${port}:${instance}`).join(' ')}`
    case 'counter_reset': return `counter ${last(entity.counter)}[${entity.index}]`
    case 'meter': return `meter ${last(entity.meter)}[${entity.index}] ${entity.config === null ? 'free' : `rate=${entity.config.rate} burst=${entity.config.burst}`}`
  }
}
const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1)
const short = (name: string): string => name.replace(/^[^.]*\./, '').replace('.execute.rewrite', '')

/** What a target holds: insert of what is there, and change or removal of what is not, fail the test. */
export class StrictStore {
  readonly entries = new Map<string, NamedUpdate['entity']>()

  apply(updates: readonly NamedUpdate[]): void {
    for (const { op, entity } of updates) {
      if (entity.kind === 'default' || entity.kind === 'counter_reset') continue
      const key = keyOf(entity)
      if (entity.kind === 'meter') {
        if (entity.config === null) this.entries.delete(key)
        else this.entries.set(key, entity)
        continue
      }
      if (op === 'insert') assert.ok(!this.entries.has(key), `inserted twice: ${key}`)
      else assert.ok(this.entries.has(key), `${op} of what is not there: ${key}`)
      if (op === 'delete') this.entries.delete(key)
      else this.entries.set(key, entity)
    }
  }
  copy(): StrictStore {
    const copy = new StrictStore()
    for (const [key, entity] of this.entries) copy.entries.set(key, entity)
    return copy
  }
  snapshot(): readonly string[] {
    return [...this.entries].map(([key, entity]) => `${key} = ${entityText(entity)}`).sort()
  }
}
function keyOf(entity: NamedEntity): string {
  if (entity.kind === 'multicast') return `multicast ${entity.groupId}`
  if (entity.kind === 'meter') return `${entity.meter} ${entity.index}`
  if (entity.kind !== 'table') return entity.kind
  return `${entity.table} ${JSON.stringify(entity.match, (_key, value: unknown) => typeof value === 'bigint' ? value.toString() : value)} @${entity.priority}`
}

/** A compiler with a store that gets what it plans. */
export class Bench {
  readonly store = new StrictStore()
  readonly compiler: Compiler
  constructor(compiler: Compiler) { this.compiler = compiler }
  /** Null, or why it is refused. */
  carryOut(change: Change, takeBack = false): string | null {
    const before = this.store.snapshot()
    const plan = this.compiler.plan([change])
    if (plan.refused) {
      assert.deepEqual(this.store.snapshot(), before)
      return plan.error
    }
    this.store.apply(plan.updates.map(({ update }) => update))
    if (!takeBack) {
      this.compiler.committed(plan)
      return null
    }
    const leftover = plan.revert()
    this.store.apply(plan.updates.flatMap(({ inverse, revocable }) => (inverse === null || !revocable() ? [] : [inverse])).reverse())
    this.store.apply(leftover)
    this.compiler.undo(plan)
    assert.deepEqual(this.store.snapshot(), before)
    return null
  }
}
