/**
 * What the tables can do, in a form that is quick to ask: the sets behind the lists of their features, which are those of
 * the pipeline or what a controller has left of them. The answers to a table-features request and what flow-mods are
 * checked against come from the same place. OF 1.3.5 §7.3.5.5
 */
import type { ActionName, GroupType, InstructionName, OxmName, TableFeatures } from '../openflow/index.js'
import type { PipelineFeatures } from './pipeline.js'

/** What a list of actions may hold. */
export interface ActionRules {
  readonly actions: ReadonlySet<ActionName>
  readonly setFields: ReadonlySet<OxmName>
  /** Fields that a copy may be from or to, and those that it may be to. */
  readonly copyFields: ReadonlySet<OxmName>
  readonly copyTargets: ReadonlySet<OxmName>
}

export interface TableCapabilities {
  /** field → whether it may be masked */
  readonly match: ReadonlyMap<OxmName, boolean>
  /** Fields that every match must name. */
  readonly required: readonly OxmName[]
  readonly instructions: ReadonlySet<InstructionName>
  readonly nextTables: ReadonlySet<number>
  readonly apply: ActionRules
  readonly write: ActionRules
  readonly metadataMatch: bigint
  readonly metadataWrite: bigint
  readonly maxEntries: number
}

export class Capabilities {
  readonly features: PipelineFeatures
  /** What an ordinary flow may have, and what one that matches everything with priority 0 may. */
  readonly #tables: TableCapabilities[]
  readonly #misses: TableCapabilities[]
  readonly #described: TableFeatures[]
  readonly #copyTargets: ReadonlySet<OxmName>
  readonly packetOut: ActionRules
  readonly #buckets: Readonly<Record<GroupType, ActionRules>>

  constructor(features: PipelineFeatures) {
    this.features = features
    this.#described = Array.from({ length: features.nTables }, (_, tableId) => describedIn(features, tableId))
    this.#copyTargets = new Set(features.copyTargets)
    this.#tables = this.#described.map((table) => capabilitiesOf(table, this.#copyTargets))
    this.#misses = this.#described.map((table) => capabilitiesOf(ofMisses(table), this.#copyTargets))
    const settable = new Set<OxmName>()
    for (const table of features.tables) {
      for (const field of [...table.applySetField, ...table.writeSetField]) settable.add(field)
    }
    const copies = { copyFields: new Set(features.tables.flatMap((table) => table.applyCopyField)), copyTargets: this.#copyTargets }
    this.packetOut = { actions: new Set(features.packetOutActions), setFields: settable, ...copies }
    const rules = (type: GroupType): ActionRules => ({ actions: new Set(features.groups.actions[type]), setFields: settable, ...copies })
    this.#buckets = { all: rules('all'), select: rules('select'), indirect: rules('indirect'), ff: rules('ff') }
  }

  bucket(type: GroupType): ActionRules { return this.#buckets[type] }

  table(tableId: number): TableCapabilities | undefined { return this.#tables[tableId] }
  missOf(tableId: number): TableCapabilities | undefined { return this.#misses[tableId] }
  tableName(tableId: number): string { return this.#described[tableId]?.name ?? '' }
  tableFeatures(): readonly TableFeatures[] { return this.#described }

  /** Tables are to be no more than this, which is within what the pipeline has. Returns the way back. */
  describe(tables: readonly TableFeatures[]): () => void {
    const before = [...this.#described]
    for (const table of tables) this.#set(table)
    return () => { for (const table of before) this.#set(table) }
  }

  #set(table: TableFeatures): void {
    this.#described[table.tableId] = table
    this.#tables[table.tableId] = capabilitiesOf(table, this.#copyTargets)
    this.#misses[table.tableId] = capabilitiesOf(ofMisses(table), this.#copyTargets)
  }
}

function describedIn(features: PipelineFeatures, tableId: number): TableFeatures {
  const table = features.tables.find((candidate) => candidate.tableId === tableId)
  if (table === undefined) throw new RangeError(`the pipeline does not describe its table ${tableId}`)
  return table
}

const ofMisses = (table: TableFeatures): TableFeatures => ({
  ...table, instructions: table.instructionsMiss, nextTables: table.nextTablesMiss, applyActions: table.applyActionsMiss, writeActions: table.writeActionsMiss,
  applySetField: table.applySetFieldMiss, writeSetField: table.writeSetFieldMiss, applyCopyField: table.applyCopyFieldMiss, writeCopyField: table.writeCopyFieldMiss,
})

function capabilitiesOf(table: TableFeatures, copyTargets: ReadonlySet<OxmName>): TableCapabilities {
  const wildcards = new Set(table.wildcards)
  return {
    match: new Map(table.match.map(({ field, maskable }) => [field, maskable])),
    required: table.match.filter(({ field }) => !wildcards.has(field)).map(({ field }) => field),
    instructions: new Set(table.instructions),
    nextTables: new Set(table.nextTables),
    apply: { actions: new Set(table.applyActions), setFields: new Set(table.applySetField), copyFields: new Set(table.applyCopyField), copyTargets },
    write: { actions: new Set(table.writeActions), setFields: new Set(table.writeSetField), copyFields: new Set(table.writeCopyField), copyTargets },
    metadataMatch: table.metadataMatch,
    metadataWrite: table.metadataWrite,
    maxEntries: table.maxEntries,
  }
}
