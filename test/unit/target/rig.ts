/** A client of the embedded target for tests: speaks P4Runtime, but lets the tests say names. */
import { readFileSync } from 'node:fs'
import { P4InfoIndex, fromBytes, toCanonicalBytes } from '../../../src/p4info/index.js'
import { parseMessage } from '../../../src/p4info/p4info-index.js'
import { p4 } from '../../../src/p4proto/generated.js'
import { toUint64 } from '../../../src/p4proto/int64.js'
import { RpcError } from '../../../src/p4proto/service.js'
import type { P4RuntimeService, P4RuntimeStream } from '../../../src/p4proto/service.js'
import { createInProcessTarget } from '../../../src/target/index.js'
import type { InProcessTarget } from '../../../src/target/index.js'

export const { Type } = p4.v1.Update
export const { Action } = p4.v1.SetForwardingPipelineConfigRequest

export interface ProgramFiles { readonly info: p4.config.v1.P4Info; readonly index: P4InfoIndex; readonly json: Uint8Array }
const programs = 'test/unit/target/programs'
export const loadProgram = (name: string, folder = programs): ProgramFiles => {
  const text = readFileSync(`${folder}/${name}.p4info.txtpb`, 'utf8')
  return { info: parseMessage(text), index: P4InfoIndex.parse(text), json: readFileSync(`${folder}/${name}.json`) }
}

/** A value for a field: a number matches exactly, or as the kind of the field says. */
export type MatchValue = bigint | number | { readonly value: bigint | number; readonly mask: bigint | number } | { readonly value: bigint | number; readonly length: number } | { readonly low: bigint | number; readonly high: bigint | number }
export interface EntrySpec {
  readonly table: string
  readonly match?: Readonly<Record<string, MatchValue>>
  readonly priority?: number
  readonly action?: readonly [name: string, params?: Readonly<Record<string, bigint | number>>]
  readonly more?: p4.v1.ITableEntry
}

const bytes = (value: bigint | number): Uint8Array => toCanonicalBytes(BigInt(value))

/** Suffixes of names are enough: "forward" for "Ingress.forward". */
const find = <T extends { readonly name: string }>(list: Iterable<T>, name: string): T => {
  for (const item of list) if (item.name === name || item.name.endsWith(`.${name}`)) return item
  throw new Error(`the program has no ${name}`)
}

export class Client {
  readonly messages: p4.v1.StreamMessageResponse[] = []
  ended: RpcError | null | undefined
  /** Called after each message. */
  onMessage: () => void = () => {}
  readonly service: P4RuntimeService
  readonly program: ProgramFiles
  readonly electionId: { readonly low: number }
  stream: P4RuntimeStream
  constructor(service: P4RuntimeService, program: ProgramFiles, electionLow = 1) {
    this.service = service
    this.program = program
    this.electionId = { low: electionLow }
    this.stream = service.streamChannel({ onMessage: message => {
      this.messages.push(message)
      this.onMessage()
    }, onEnd: error => { this.ended = error } })
  }

  async arbitrate(update: p4.v1.IMasterArbitrationUpdate = { deviceId: 1, electionId: this.electionId }): Promise<p4.v1.IMasterArbitrationUpdate | null> {
    const before = this.messages.length
    this.stream.send({ arbitration: update })
    await this.until(() => this.ended !== undefined || this.messages.slice(before).some(message => message.arbitration))
    return this.messages.at(-1)?.arbitration ?? null
  }

  /** Waits for what a stream or a thread brings. */
  async until(condition: () => boolean, millis = 5000): Promise<void> {
    const deadline = performance.now() + millis
    while (!condition()) {
      if (performance.now() > deadline) throw new Error('nothing came in time')
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  push(config: Partial<p4.v1.ISetForwardingPipelineConfigRequest> = {}): Promise<void> {
    return this.service.setForwardingPipelineConfig({
      deviceId: 1, electionId: this.electionId, action: Action.VERIFY_AND_COMMIT,
      config: { p4info: this.program.info, p4DeviceConfig: this.program.json, cookie: { cookie: 77 } }, ...config,
    })
  }

  table(name: string): ReturnType<typeof find<NonNullable<ReturnType<P4InfoIndex['tableById']['get']>>>> { return find(this.program.index.tables.values(), name) }
  counterId(name: string): number { return find(this.program.index.counters.values(), name).id }
  meterId(name: string): number { return find(this.program.index.meters.values(), name).id }
  profileId(name: string): number { return find(this.program.index.actionProfiles.values(), name).id }
  digestId(name: string): number { return find(this.program.index.digests.values(), name).id }

  action(name: string, params: Readonly<Record<string, bigint | number>> = {}): p4.v1.IAction {
    const action = find(this.program.index.actions.values(), name)
    return { actionId: action.id, params: Object.entries(params).map(([key, value]) => ({ paramId: action.paramByName.get(key)?.id ?? 0, value: bytes(value) })) }
  }

  entry(spec: EntrySpec): p4.v1.ITableEntry {
    const table = this.table(spec.table)
    const match = Object.entries(spec.match ?? {}).map(([name, value]): p4.v1.IFieldMatch => {
      const field = table.matchFieldByName.get(name)
      if (field === undefined) throw new Error(`table ${spec.table} has no field ${name}`)
      const fieldId = field.id
      if (typeof value === 'object') {
        if ('mask' in value) return { fieldId, ternary: { value: bytes(value.value), mask: bytes(value.mask) } }
        if ('length' in value) return { fieldId, lpm: { value: bytes(value.value), prefixLen: value.length } }
        return { fieldId, range: { low: bytes(value.low), high: bytes(value.high) } }
      }
      switch (field.kind) {
        case 'ternary': return { fieldId, ternary: { value: bytes(value), mask: bytes((1n << BigInt(field.bitwidth)) - 1n) } }
        case 'lpm': return { fieldId, lpm: { value: bytes(value), prefixLen: field.bitwidth } }
        case 'range': return { fieldId, range: { low: bytes(value), high: bytes(value) } }
        case 'optional': return { fieldId, optional: { value: bytes(value) } }
        default: return { fieldId, exact: { value: bytes(value) } }
      }
    })
    return {
      tableId: table.id, match, ...(spec.priority === undefined ? {} : { priority: spec.priority }),
      ...(spec.action === undefined ? {} : { action: { action: this.action(spec.action[0], spec.action[1]) } }), ...spec.more,
    }
  }

  write(updates: readonly p4.v1.IUpdate[]): Promise<void> {
    return this.service.write({ deviceId: 1, electionId: this.electionId, updates: [...updates] })
  }
  insert(...specs: EntrySpec[]): Promise<void> { return this.write(specs.map(spec => ({ type: Type.INSERT, entity: { tableEntry: this.entry(spec) } }))) }
  modify(spec: EntrySpec): Promise<void> { return this.write([{ type: Type.MODIFY, entity: { tableEntry: this.entry(spec) } }]) }
  remove(spec: EntrySpec): Promise<void> { return this.write([{ type: Type.DELETE, entity: { tableEntry: this.entry(spec) } }]) }
  setDefault(table: string, action?: EntrySpec['action']): Promise<void> {
    return this.modify({ table, ...(action === undefined ? {} : { action }), more: { isDefaultAction: true } })
  }
  group(id: number, replicas: readonly (readonly [port: number, instance: number])[], type: p4.v1.Update.Type = Type.INSERT): Promise<void> {
    const multicastGroupEntry = { multicastGroupId: id, replicas: replicas.map(([port, instance]) => ({ port: bytes(port), instance })) }
    return this.write([{ type, entity: { packetReplicationEngineEntry: { multicastGroupEntry } } }])
  }
  session(id: number, replicas: readonly (readonly [port: number, instance: number])[]): Promise<void> {
    const cloneSessionEntry = { sessionId: id, replicas: replicas.map(([port, instance]) => ({ port: bytes(port), instance })) }
    return this.write([{ type: Type.INSERT, entity: { packetReplicationEngineEntry: { cloneSessionEntry } } }])
  }
  read(...entities: p4.v1.IEntity[]): Promise<p4.v1.IEntity[]> { return this.service.read({ deviceId: 1, entities }) }

  packetOut(payload: Uint8Array, metadata: Readonly<Record<string, bigint | number>> = {}): void {
    const header = this.program.index.controllerHeaders.get('packet_out')
    const fields = Object.entries(metadata).map(([name, value]) => ({ metadataId: header?.fieldByName.get(name)?.id ?? 0, value: bytes(value) }))
    this.stream.send({ packet: { payload, metadata: fields } })
  }

  /** Packet-ins so far, metadata by name. */
  packetsIn(): { readonly payload: string; readonly metadata: Readonly<Record<string, bigint>> }[] {
    const fields = this.program.index.controllerHeaders.get('packet_in')?.fields ?? []
    return this.messages.flatMap(({ packet }) => !packet ? [] : [{
      payload: hex(packet.payload ?? new Uint8Array(0)),
      metadata: Object.fromEntries((packet.metadata ?? []).map(({ metadataId, value }) => [fields.find(field => field.id === metadataId)?.name ?? '?', fromBytes(value ?? new Uint8Array(0))])),
    }])
  }
}

export interface Rig { readonly target: InProcessTarget; readonly client: Client; inject(port: number, frame: string): string[] }

/** A target with a program in it, and a primary client. Outputs read "port hex". */
export const rigWith = async (name: string, folder?: string): Promise<Rig> => {
  const target = createInProcessTarget()
  const client = new Client(target.target.connect(), loadProgram(name, folder))
  await client.arbitrate()
  await client.push()
  return { target, client, inject: (port, frame) => shown(target.inject(port, unhex(frame))) }
}

export const shown = (outputs: readonly { readonly port: number; readonly frame: Uint8Array }[]): string[] => outputs.map(({ port, frame }) => `${port} ${hex(frame)}`)
export const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')
export const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s+/g, ''), 'hex'))
export const metadata64 = (value: bigint): ReturnType<typeof toUint64> => toUint64(value)

/** The statuses of a Write that must fail: one code for each update. */
export const codesOf = async (write: Promise<void>): Promise<number[]> => {
  try {
    await write
  } catch (error) {
    if (error instanceof RpcError) return error.updateStatuses.map(status => status.code)
    throw error
  }
  throw new Error('the Write was accepted')
}
/** The code of an RPC that must fail. */
export const codeOf = async (call: Promise<unknown>): Promise<number> => {
  try {
    await call
  } catch (error) {
    if (error instanceof RpcError) return error.code
    throw error
  }
  throw new Error('the call was accepted')
}
