/**
 * A pipeline that accepts everything, or refuses what a test tells it to. It keeps account of what it holds and throws
 * when the datapath contradicts itself: adds what is there, changes or removes what is not, undoes a plan twice.
 */
import assert from 'node:assert/strict'
import { OXM, TableFeature } from '../../src/openflow/index.js'
import type { ActionName, ErrorName, OxmName, TableFeatures } from '../../src/openflow/index.js'
import { refusal } from '../../src/datapath/pipeline.js'
import type { Found, Change, FlowRecord, GroupRecord, HostRecord, MeterRecord, MissChoice, Pipeline, PipelineFeatures, Plan, PortRecord, Refusal, TableNote } from '../../src/datapath/pipeline.js'

export interface FakePlan extends Plan { readonly changes: readonly Change[]; undone: boolean; readonly merged?: readonly FakePlan[]; readonly atomic?: boolean }

const allFields = Object.keys(OXM) as OxmName[]
const settable = allFields.filter((field) => OXM[field].writable && field !== 'eth_type' && field !== 'ip_proto' && field !== 'mpls_bos')
export const allActions: readonly ActionName[] = [
  'output', 'group', 'set_field', 'push_vlan', 'pop_vlan', 'push_mpls', 'pop_mpls', 'push_pbb', 'pop_pbb', 'set_nw_ttl',
  'dec_nw_ttl', 'set_mpls_ttl', 'dec_mpls_ttl', 'copy_ttl_out', 'copy_ttl_in',
]

export function fakeTable(tableId: number, nTables: number): TableFeatures {
  const nextTables = Array.from({ length: nTables - tableId - 1 }, (_, index) => tableId + 1 + index)
  const instructions = ['write_metadata', 'write_actions', 'apply_actions', 'clear_actions', 'meter', 'stat_trigger', ...(nextTables.length > 0 ? ['goto_table'] : [])] as TableFeatures['instructions']
  return {
    tableId, name: `table${tableId}`, metadataMatch: 0xffffn, metadataWrite: 0xffffn, config: 0, maxEntries: 1000, command: 'replace', features: TableFeature.INGRESS_TABLE,
    instructions, instructionsMiss: instructions, nextTables, nextTablesMiss: nextTables,
    writeActions: allActions, writeActionsMiss: allActions, applyActions: [...allActions, 'meter'], applyActionsMiss: [...allActions, 'meter'],
    match: allFields.map((field) => ({ field, maskable: OXM[field].maskable })), wildcards: allFields,
    writeSetField: settable, writeSetFieldMiss: settable, applySetField: settable, applySetFieldMiss: settable,
    syncFrom: [], writeCopyField: [], writeCopyFieldMiss: [], applyCopyField: [], applyCopyFieldMiss: [], packetTypes: [],
  }
}

export function fakeFeatures(nTables = 4): PipelineFeatures {
  return {
    nTables, nIngressTables: nTables,
    tables: Array.from({ length: nTables }, (_, tableId) => fakeTable(tableId, nTables)),
    groups: {
      types: ['all', 'select', 'indirect', 'ff'], capabilities: 1 | 2 | 4 | 8,
      maxGroups: { all: 8, select: 8, indirect: 8, ff: 8 },
      actions: { all: allActions, select: allActions, indirect: allActions, ff: allActions },
    },
    meters: { maxMeter: 4, bandTypes: 6, capabilities: 15, maxBands: 3, maxColor: 0, features: 0 },
    controllerMeter: true,
    normal: true, portVlans: true,
    packetOutActions: allActions,
    copyTargets: [],
  }
}

export class FakePipeline implements Pipeline {
  readonly features: PipelineFeatures
  readonly flows = new Map<number, FlowRecord>()
  readonly groups = new Map<number, GroupRecord>()
  readonly meters = new Map<number, MeterRecord>()
  readonly hosts = new Map<number, HostRecord>()
  ports: readonly PortRecord[] = []
  missToController = false
  misses: ReadonlyMap<number, MissChoice> = new Map()
  note: TableNote | null = null
  planned = 0
  /** Called for every plan; a returned refusal is the answer. */
  refuse: (changes: readonly Change[]) => Refusal | null = () => null

  constructor(features: PipelineFeatures = fakeFeatures()) { this.features = features }

  refuseFlows(error: ErrorName, ...reasons: string[]): void {
    this.refuse = (changes) => changes.some((change) => change.op === 'add_flow' || change.op === 'modify_flow') ? refusal(error, ...reasons) : null
  }

  plan(changes: readonly Change[]): FakePlan | Refusal {
    const refused = this.refuse(changes)
    if (refused !== null) return refused
    this.planned++
    for (const change of changes) this.#apply(change)
    return { refused: false, changes: changes.filter(({ op }) => op !== 'together'), undone: false }
  }

  merge(plans: readonly Plan[], atomic: boolean): FakePlan {
    const merged = plans as readonly FakePlan[]
    return { refused: false, changes: merged.flatMap(({ changes }) => changes), undone: false, merged, atomic }
  }

  committed(): void { /* nothing is reserved beyond the plan itself */ }

  undo(plan: Plan): void {
    const { changes, undone, merged } = plan as FakePlan
    assert.equal(undone, false, 'a plan is undone once')
    ;(plan as FakePlan).undone = true
    if (merged !== undefined) {
      for (const part of [...merged].reverse()) this.undo(part)
      return
    }
    for (const change of [...changes].reverse()) this.#revert(change)
  }

  found(): Found { return { flows: [], groups: [], meters: [], ports: new Map(), halves: [], tables: null, firstEgress: null } }
  holds(): boolean { return false }
  leftovers(): null { return null }
  rearrange(): null { return null }
  settled(): void { /* nothing is held */ }

  reset(): void {
    this.flows.clear()
    this.groups.clear()
    this.meters.clear()
    this.hosts.clear()
    this.ports = []
    this.missToController = false
  }

  #apply(change: Change): void {
    switch (change.op) {
      case 'together': return
      case 'add_flow':
        assert.ok(!this.flows.has(change.flow.id), `flow ${change.flow.id} is added twice`)
        this.#checkReferences(change.flow)
        this.flows.set(change.flow.id, change.flow)
        return
      case 'modify_flow':
        assert.deepEqual(this.flows.get(change.flow.id), change.previous, `flow ${change.flow.id} is not what it is said to have been`)
        this.#checkReferences(change.flow)
        this.flows.set(change.flow.id, change.flow)
        return
      case 'delete_flow':
        assert.deepEqual(this.flows.get(change.flow.id), change.flow, `flow ${change.flow.id} is deleted as something else`)
        this.flows.delete(change.flow.id)
        return
      case 'add_group':
        assert.ok(!this.groups.has(change.group.groupId), `group ${change.group.groupId} is added twice`)
        this.groups.set(change.group.groupId, change.group)
        return
      case 'modify_group':
        assert.deepEqual(this.groups.get(change.group.groupId), change.previous)
        this.groups.set(change.group.groupId, change.group)
        return
      case 'delete_group':
        assert.ok(this.groups.delete(change.group.groupId), `group ${change.group.groupId} is deleted twice`)
        return
      case 'add_meter':
        assert.ok(!this.meters.has(change.meter.meterId), `meter ${change.meter.meterId} is added twice`)
        this.meters.set(change.meter.meterId, change.meter)
        return
      case 'modify_meter':
        assert.deepEqual(this.meters.get(change.meter.meterId), change.previous)
        this.meters.set(change.meter.meterId, change.meter)
        return
      case 'delete_meter':
        for (const flow of this.flows.values()) assert.notEqual(flow.instructions.meter, change.meter.meterId, `flow ${flow.id} still uses the meter`)
        assert.ok(this.meters.delete(change.meter.meterId), `meter ${change.meter.meterId} is deleted twice`)
        return
      case 'set_host':
        assert.ok(!this.hosts.has(change.host.id), `host ${change.host.id} is added twice`)
        if (change.previous !== null) this.#takeHost(change.previous)
        this.hosts.set(change.host.id, change.host)
        return
      case 'delete_host':
        this.#takeHost(change.host)
        return
      case 'set_ports':
        this.ports = change.ports
        return
      case 'set_miss':
        this.missToController = change.toController
        this.misses = change.tables
        return
      case 'note_tables':
        this.note = change.note
    }
  }

  #revert(change: Change): void {
    switch (change.op) {
      case 'together': return
      case 'add_flow': assert.ok(this.flows.delete(change.flow.id)); return
      case 'modify_flow': this.flows.set(change.flow.id, change.previous); return
      case 'delete_flow': this.flows.set(change.flow.id, change.flow); return
      case 'add_group': assert.ok(this.groups.delete(change.group.groupId)); return
      case 'modify_group': this.groups.set(change.group.groupId, change.previous); return
      case 'delete_group': this.groups.set(change.group.groupId, change.group); return
      case 'add_meter': assert.ok(this.meters.delete(change.meter.meterId)); return
      case 'modify_meter': this.meters.set(change.meter.meterId, change.previous); return
      case 'delete_meter': this.meters.set(change.meter.meterId, change.meter); return
      case 'set_host':
        assert.ok(this.hosts.delete(change.host.id))
        if (change.previous !== null) this.hosts.set(change.previous.id, change.previous)
        return
      case 'delete_host': this.hosts.set(change.host.id, change.host); return
      case 'set_ports': case 'set_miss': case 'note_tables': return
    }
  }

  #takeHost(host: HostRecord): void {
    assert.deepEqual(this.hosts.get(host.id), host, `host ${host.id} is not what it is said to have been`)
    this.hosts.delete(host.id)
  }

  #checkReferences({ instructions }: FlowRecord): void {
    if (instructions.meter !== null) assert.ok(this.meters.has(instructions.meter), `a flow uses meter ${instructions.meter}, which is not there`)
    for (const action of instructions.apply ?? []) if (action.type === 'meter') assert.ok(this.meters.has(action.meterId), `a flow uses meter ${action.meterId}, which is not there`)
    for (const action of [...(instructions.apply ?? []), ...(instructions.write ?? [])]) {
      if (action.type === 'group') assert.ok(this.groups.has(action.groupId), `a flow refers to group ${action.groupId}, which is not there`)
    }
  }
}
