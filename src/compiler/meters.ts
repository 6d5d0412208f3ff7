/**
 * Meters: a slot of cells for each, one cell a band, and an entry in the meter table of every flow table whose flows use it; the
 * meter of packet-ins has one where these leave.
 * Flows name the meter by its number, so changing a meter never touches a flow. OF 1.3.5 §5.7
 */
import { Meter, MeterFlag, type MeterBand } from '../openflow/model.js'
import type { MeterRecord } from '../datapath/pipeline.js'
import type { Contract, Meters, MeterTable, MeterUnit } from './contract.js'
import { exactly, tableEntry } from './entries.js'
import { meterHome } from './home.js'
import { meterKey } from './holds.js'
import { release, type Handle } from './interned.js'
import type { NamedMeterCell, NamedUpdate } from './ir.js'
import { CannotPlan, type Planning } from './planning.js'
import type { SharedState } from './shared-state.js'

/** Cells of the two counters; `bands` in the order in which the meter was configured. */
export interface MeterCells { readonly total: number; readonly bands: readonly number[] }

interface InstalledMeter {
  readonly record: MeterRecord
  /** Its slot; the entry in the first table, which says of the meter what its cells do not; of the meter of packet-ins, its entry. */
  readonly uses: readonly Handle[]
  readonly slot: Handle
  readonly unit: MeterUnit
  /** By rising rate: the order of the cells. `index` is the place of the band in the configuration. */
  readonly bands: readonly { readonly index: number; readonly reaction: bigint; readonly cell: NamedMeterCell }[]
}

type Layout = Omit<InstalledMeter, 'uses'>

/** What a band that applies does, see `on_exceeded` in p4/README.md. */
const DROP = 0n
const LEAVE = 3n
/** From low to high drop precedence. RFC 2597 §2 */
const MAX_RAISE = 2

export class MeterTables {
  readonly #contract: Contract
  readonly #state: SharedState
  readonly #installed = new Map<number, InstalledMeter>()

  constructor(contract: Contract, state: SharedState) {
    this.#contract = contract
    this.#state = state
  }

  reset(): void { this.#installed.clear() }

  cells(meterId: number): MeterCells | null {
    const meter = this.#installed.get(meterId)
    if (meter === undefined) return null
    const bands = [...meter.bands].sort((a, b) => a.index - b.index).map(({ cell }) => cell.index)
    return { total: meter.slot.id, bands }
  }

  add(planning: Planning, record: MeterRecord): void {
    const meters = this.#meters()
    const { meterId } = record
    const { holding, meterSlots } = this.#state
    const held = holding?.slotOf(meterId) ?? null
    const slot = (held === null ? null : meterSlots.adopt(planning, String(meterId), held)) ?? meterSlots.acquire(planning, String(meterId), () => ({ updates: [], uses: [] }))
    const laid = this.#lay(meters, record, slot)
    const { controllerMeter, tables: [first] } = this.#contract
    const entries = [meterId === Meter.CONTROLLER ? controllerMeter : null, first?.meter ?? null].filter((table) => table !== null)
    const installed = { ...laid, uses: [slot, ...entries.map((table) => this.#acquire(planning, table, meterId, laid))] }
    planning.put(this.#installed, meterId, installed)
    // One that the target has already goes on counting.
    const isNew = slot.id !== held
    if (isNew) this.#reset(planning, meterId, meters.totalCounter, slot.id)
    for (const { cell } of installed.bands) this.#configure(planning, meterId, cell, null, isNew)
  }

  /** The cells in use are configured first, then the tables look at them, then those that are no longer in use are freed. */
  modify(planning: Planning, record: MeterRecord): void {
    const { meterId } = record
    this.#state.holds.take(planning, meterKey(meterId))
    const old = this.#existing(meterId)
    const installed = { ...this.#lay(this.#meters(), record, old.slot), uses: old.uses }
    planning.put(this.#installed, meterId, installed)
    const before = new Map(old.bands.map(({ cell }) => [placeOf(cell), cell]))
    for (const { cell } of installed.bands) {
      this.#configure(planning, meterId, cell, before.get(placeOf(cell)) ?? null)
      before.delete(placeOf(cell))
    }
    for (const meter of [...this.#contract.tables.map((table) => table.meter), this.#contract.continuation?.meter ?? null, this.#contract.controllerMeter]) {
      const handle = meter === null ? undefined : this.#state.meters(meter).find(String(meterId))
      if (meter !== null && handle !== undefined) this.#rewrite(planning, handle, this.#entry(meter, meterId, old), this.#entry(meter, meterId, installed), meterId)
    }
    for (const cell of before.values()) this.#free(planning, meterId, cell)
  }

  delete(planning: Planning, { meterId }: MeterRecord, dying: Set<Handle>): void {
    const old = this.#existing(meterId)
    planning.put(this.#installed, meterId, undefined)
    for (const { cell } of old.bands) this.#free(planning, meterId, cell)
    for (const used of old.uses) release(planning, used, dying)
  }

  /** A reference to a meter of what this table is beneath, of a flow table or of continuations: the entry that is needed there. */
  use(planning: Planning, meter: MeterTable, meterId: number): Handle {
    const installed = this.#installed.get(meterId)
    if (installed === undefined) throw new CannotPlan('OFPMMFC_INVALID_METER', `there is no meter ${meterId}`)
    return this.#acquire(planning, meter, meterId, installed)
  }

  #acquire(planning: Planning, table: MeterTable, meterId: number, installed: Layout): Handle {
    return this.#state.meters(table).acquire(planning, String(meterId), () => ({
      updates: [{ op: 'insert', entity: this.#entry(table, meterId, installed) }], uses: [],
      // It would come back with the meter as it was, if the plan that removes it were refused.
      destroyed: (later) => this.#state.holds.take(later, meterKey(meterId)),
    }))
  }

  /** Equal rates: the band that comes first in the configuration applies, as in Open vSwitch. */
  #lay(meters: Meters, record: MeterRecord, slot: Handle): Layout {
    const unit: MeterUnit = (record.flags & MeterFlag.PKTPS) !== 0 ? 'pktps' : 'kbps'
    const array = meters.arrays.get(unit)
    if (array === undefined) throw new CannotPlan('OFPMMFC_BAD_FLAGS', `the pipeline does not measure ${unit}`)
    if (record.bands.length > meters.maxBands) throw new CannotPlan('OFPMMFC_OUT_OF_BANDS', `a meter has at most ${meters.maxBands} bands`)
    const rising = record.bands.map((band, index) => ({ band, index })).sort((a, b) => a.band.rate - b.band.rate || b.index - a.index)
    const bands = rising.map(({ band, index }, place) => {
      const reaction = reactionOf(band)
      if (reaction !== DROP && !meters.remarks) throw new CannotPlan('OFPMMFC_BAD_BAND', 'the pipeline does not remark')
      const config = configOf(band, unit, record.flags, array.maxBurst)
      return { index, reaction, cell: { kind: 'meter' as const, meter: array.name, index: slot.id * meters.maxBands + place, config } }
    })
    return { record, slot, unit, bands }
  }

  #entry(table: MeterTable, meterId: number, { record, slot, unit, bands }: Layout) {
    const action = table.actions.get(unit)
    if (action === undefined) throw new CannotPlan('OFPMMFC_BAD_FLAGS', `table ${table.table} has no meters of ${unit}`)
    const reactions = bands.reduce((bits, { reaction }, place) => bits | (reaction << BigInt(2 * place)), 0n)
    const values = new Map([['cell', BigInt(slot.id * this.#meters().maxBands)], ['bands', BigInt(bands.length)], ['on_exceeded', reactions]])
    const params = [...action.roles].map(([role, { name }]) => ({ name, value: values.get(role) ?? 0n }))
    const home = table === this.#contract.tables[0]?.meter ? meterHome(record, slot.id) : undefined
    return tableEntry(table.table, [...table.fixed, ...exactly(table.key, meterId)], { name: action.name, params }, home)
  }

  #rewrite(planning: Planning, handle: Handle, old: NamedUpdate['entity'], entity: NamedUpdate['entity'], meter: number): void {
    const before = handle.updates
    this.#state.holds.take(planning, handle)
    handle.updates = [{ op: 'insert', entity }]
    planning.changed(() => { handle.updates = before })
    planning.main({ op: 'modify', entity }, { op: 'modify', entity: old }, { meter })
  }

  /** Its band counts from zero, its bucket is full. */
  #configure(planning: Planning, meter: number, cell: NamedMeterCell, before: NamedMeterCell | null, isNew = true): void {
    planning.main({ op: 'modify', entity: cell }, { op: 'modify', entity: before ?? { ...cell, config: null } }, { meter })
    if (isNew) this.#reset(planning, meter, this.#meters().bandCounter, cell.index)
  }
  #free(planning: Planning, meter: number, cell: NamedMeterCell): void {
    planning.main({ op: 'modify', entity: { ...cell, config: null } }, { op: 'modify', entity: cell }, { meter })
  }
  #reset(planning: Planning, meter: number, counter: string | null, index: number): void {
    if (counter !== null) planning.main({ op: 'modify', entity: { kind: 'counter_reset', counter, index } }, null, { meter })
  }

  #existing(meterId: number): InstalledMeter {
    const meter = this.#installed.get(meterId)
    if (meter === undefined) throw new Error(`meter ${meterId} is not in the pipeline`)
    return meter
  }
  #meters(): Meters {
    const { meters } = this.#contract
    if (meters === null) throw new CannotPlan('OFPMMFC_OUT_OF_METERS', 'the pipeline has no meters')
    return meters
  }
}

const placeOf = ({ meter, index }: NamedMeterCell): string => `${meter}/${index}`

function reactionOf({ type, precLevel }: MeterBand): bigint {
  if (type === 'drop') return DROP
  return precLevel === 0 ? LEAVE : BigInt(Math.min(precLevel, MAX_RAISE))
}

/**
 * kb/s are 1000 bit/s. A burst that is not asked for is what comes in one second, as in Open vSwitch; without a limit to it
 * being asked for, it is at most what the array holds. OF 1.3.5 §7.3.4.4
 */
function configOf({ rate, burstSize }: MeterBand, unit: MeterUnit, flags: number, maxBurst: bigint): NonNullable<NamedMeterCell['config']> {
  const inArray = (amount: number): bigint => BigInt(amount) * (unit === 'kbps' ? 125n : 1n)
  const asked = (flags & MeterFlag.BURST) !== 0 && burstSize > 0
  const burst = inArray(asked ? burstSize : rate)
  if (burst <= maxBurst) return { rate: inArray(rate), burst }
  if (asked) throw new CannotPlan('OFPMMFC_BAD_BURST', `a burst of ${burstSize} is more than the pipeline can hold`)
  return { rate: inArray(rate), burst: maxBurst }
}
