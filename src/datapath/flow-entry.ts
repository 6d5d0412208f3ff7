/**
 * A flow of the tables. There may be a million of these: what its record says is not kept twice. OF 1.3.5 §5.2
 */
import type { Millis } from '../base/clock.js'
import type { DatapathConfig } from './events.js'
import { fieldsOf } from './flow-table.js'
import type { Counters, FlowId, FlowRecord } from './pipeline.js'
import type { Flow } from './state.js'

export class FlowEntry implements Flow {
  readonly id: FlowId
  readonly key: string
  readonly fieldsLow: number
  readonly fieldsHigh: number
  token = 0
  record: FlowRecord
  previous: FlowRecord | null = null
  deleting = false
  idle = false
  deadline: Millis = 0
  heapIndex = -1
  base: Counters
  last: Counters
  /** Which knows when the clock was 0. */
  readonly #config: DatapathConfig

  /** `key` as flowKey() makes it; `base`: counted before. */
  constructor(record: FlowRecord, key: string, base: Counters, config: DatapathConfig) {
    const { low, high } = fieldsOf(record.match)
    this.id = record.id
    this.key = key
    this.fieldsLow = low
    this.fieldsHigh = high
    this.record = record
    this.base = base
    this.last = base
    this.#config = config
  }

  get tableId(): number { return this.record.tableId }
  get priority(): number { return this.record.priority }
  get flags(): number { return this.record.life?.flags ?? 0 }
  get importance(): number { return this.record.life?.importance ?? 0 }
  get hardTimeout(): number { return this.record.life?.hardTimeout ?? 0 }
  get createdAt(): Millis { return (this.record.life?.createdAt ?? 0) - (this.#config.epoch ?? 0) }
  get modifiedAt(): Millis { return (this.record.life?.modifiedAt ?? 0) - (this.#config.epoch ?? 0) }
}
