/**
 * What the pipeline can do, in a form that is quick to ask: the sets behind the lists of its features. The answers to a
 * table-features request and what flow-mods are checked against come from the same place. OF 1.3.5 §7.3.5.5
 */
import type { ActionName, GroupType, InstructionName, OxmName, TableFeatures } from '../openflow/index.js'
import type { PipelineFeatures } from './pipeline.js'

/** What a list of actions may hold. */
export interface ActionRules { readonly actions: ReadonlySet<ActionName>; readonly setFields: ReadonlySet<OxmName> }

export interface TableCapabilities {
  /** field → whether it may be masked */
  readonly match: ReadonlyMap<OxmName, boolean>
  /** Fields that every match must name. */
  readonly required: readonly OxmName[]
  readonly instructions: ReadonlySet<InstructionName>
  readonly nextTables: ReadonlySet<number>
  readonly apply: ActionRules
  readonly write: ActionRules
  readonly metadataWrite: bigint
}

export class Capabilities {
  readonly features: PipelineFeatures
  readonly tables: readonly TableCapabilities[]
  readonly packetOut: ActionRules
  readonly #buckets: Readonly<Record<GroupType, ActionRules>>
  readonly #names = new Map<number, string>()

  constructor(features: PipelineFeatures) {
    this.features = features
    this.tables = Array.from({ length: features.nTables }, (_, tableId) => tableCapabilities(tableId, features))
    const settable = new Set<OxmName>()
    for (const table of features.tables) {
      for (const field of [...table.applySetField, ...table.writeSetField]) settable.add(field)
    }
    this.packetOut = { actions: new Set(features.packetOutActions), setFields: settable }
    const rules = (type: GroupType): ActionRules => ({ actions: new Set(features.groups.actions[type]), setFields: settable })
    this.#buckets = { all: rules('all'), select: rules('select'), indirect: rules('indirect'), ff: rules('ff') }
  }

  bucket(type: GroupType): ActionRules { return this.#buckets[type] }

  tableName(tableId: number): string {
    return this.#names.get(tableId) ?? this.features.tables[tableId]?.name ?? ''
  }

  /** Names are the one thing a table-features request may change. */
  renameTable(tableId: number, name: string): void { this.#names.set(tableId, name) }

  tableFeatures(): TableFeatures[] {
    return this.features.tables.map((table) => ({ ...table, name: this.tableName(table.tableId) }))
  }
}

function tableCapabilities(tableId: number, features: PipelineFeatures): TableCapabilities {
  const table = features.tables.find((candidate) => candidate.tableId === tableId)
  if (table === undefined) throw new RangeError(`the pipeline does not describe its table ${tableId}`)
  const wildcards = new Set(table.wildcards)
  return {
    match: new Map(table.match.map(({ field, maskable }) => [field, maskable])),
    required: table.match.filter(({ field }) => !wildcards.has(field)).map(({ field }) => field),
    instructions: new Set(table.instructions),
    nextTables: new Set(table.nextTables),
    apply: { actions: new Set(table.applyActions), setFields: new Set(table.applySetField) },
    write: { actions: new Set(table.writeActions), setFields: new Set(table.writeSetField) },
    metadataWrite: table.metadataWrite,
  }
}
