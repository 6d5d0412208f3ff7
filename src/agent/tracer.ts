/**
 * Traces a packet through the compiled pipeline and tells in OpenFlow's terms what it met. The embedded target does it itself; of any
 * other target a copy is kept in a thread of this process: the same program, with the entries that the target has at that moment.
 */
import type { Logger } from '../base/logger.js'
import { targetGroup, type Compiler } from '../compiler/index.js'
import type { BucketChoice, TracedOutput, TracedPacket, TableVisit, TraceStart } from '../control/index.js'
import type { Datapath } from '../datapath/index.js'
import type { PortRecord } from '../datapath/index.js'
import { Directive, instanceFields, knownFields } from './packet-io.js'
import { Session } from '../p4runtime/index.js'
import { spawnTarget, type SpawnedTarget, type TraceStep } from '../target/index.js'
import { describeSteps } from './trace-steps.js'

/** Reasons of packet-ins; p4/README.md. */
const ACTION = 1
const TABLE_MISS = 5

export interface TracerOptions {
  readonly compiler: Compiler
  readonly datapath: Pick<Datapath, 'flow'>
  readonly session: Session
  /** The target's own engine; null where it is somewhere else. */
  readonly embedded: SpawnedTarget | null
  readonly program: { readonly p4info: string; readonly deviceConfig: Uint8Array }
  readonly targetPorts: ReadonlyMap<PortRecord['portNo'], number>
  readonly cpuPort: number
  readonly log: Logger
}

interface Copy { readonly target: SpawnedTarget; readonly session: Session }

export class Tracer {
  readonly #options: TracerOptions
  #copy: Promise<Copy> | null = null
  /** Traces on the copy come one after another. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: TracerOptions) { this.#options = options }

  /** Nothing is sent and nothing is counted. Rejects where the target or its copy cannot be had. */
  async trace(inPort: number, frame: Uint8Array, start: TraceStart): Promise<TracedPacket> {
    const { embedded, targetPorts, compiler } = this.#options
    const port = targetPorts.get(inPort)
    const directive = typeof start !== 'object' ? { kind: start === 'normal' ? Directive.NORMAL : Directive.TABLE }
      : 'output' in start ? { kind: Directive.PORT, value: BigInt(start.output) } : { kind: Directive.GROUP, value: BigInt(targetGroup(start.groupId)) }
    // A port that is none of the target's is known to it only by what a packet-out says.
    const packetOut = start === 'port' && port !== undefined ? null : knownFields(compiler.contract, {
      ...directive, in_port: BigInt(inPort), in_port_hw: BigInt(directive.kind === Directive.PORT ? 0 : port ?? 0), ...instanceFields(compiler),
    })
    const steps = embedded === null
      ? await this.#inTurn(async ({ target }) => target.trace(port ?? 0, frame, packetOut))
      : await embedded.trace(port ?? 0, frame, packetOut)
    return this.#read(steps)
  }

  async close(): Promise<void> {
    const copy = await this.#copy?.catch(() => null)
    this.#copy = null
    await copy?.session.close()
    await copy?.target.close()
  }

  #inTurn(run: (copy: Copy) => Promise<TraceStep[]>): Promise<TraceStep[]> {
    const result = this.#turn.then(async () => {
      this.#copy ??= this.#makeCopy()
      const copy = await this.#copy
      await copy.session.restore(await this.#options.session.snapshot())
      return run(copy)
    })
    // What has failed once is made anew.
    this.#turn = result.catch(() => this.close())
    return result
  }

  async #makeCopy(): Promise<Copy> {
    const { program, cpuPort, log } = this.#options
    const target = await spawnTarget({ ports: { kind: 'memory', ports: [] }, cpuPort, log })
    const session = new Session({ connect: () => target.connect(), deviceId: 1, ...program, logger: log })
    const failed = target.failed.then((error) => { throw error })
    const ready = new Promise<void>((resolve) => {
      session.start((event) => { if (event.kind === 'ready') resolve() })
    })
    try {
      await Promise.race([ready, failed])
    } catch (error) {
      await session.close()
      throw error
    }
    return { target, session }
  }

  #read(steps: readonly TraceStep[]): TracedPacket {
    const { compiler, datapath } = this.#options
    const { tables, group, egress } = compiler.contract
    const visits: TableVisit[] = []
    const egressVisits: { readonly port: number; readonly tables: TableVisit[] }[] = []
    const choices: BucketChoice[] = []
    const outputs: TracedOutput[] = []
    const flowOf = (id: number): TableVisit['flow'] => datapath.flow(id)?.record ?? null
    for (const step of steps) {
      if (step.kind === 'output') outputs.push({ kind: 'port', port: step.port, frame: step.frame })
      else if (step.kind === 'packet_in') {
        const field = (name: string): number => Number(step.fields[name] ?? 0n)
        // An action, as Open vSwitch shows it, also of the table-miss flow.
        outputs.push({ kind: 'controller', reason: field('reason') === TABLE_MISS ? ACTION : field('reason'), flow: flowOf(field('flow_id')), maxLen: field('max_len'), frame: step.frame })
      } else if (step.kind === 'table') {
        const table = tables.find(({ table: name, twins }) => name === step.table || twins?.twin === step.table || twins?.rest === step.table)
        // Only the last of the tables that hold its flows says that there is none.
        if (table !== undefined && (step.entry !== null || step.table === (table.twins?.rest ?? table.table))) {
          const flow = step.entry === null ? null : flowOf(Number(step.entry.controllerMetadata))
          const visit = { tableId: table.number, flow, miss: compiler.missOf(table.number) }
          // A copy that has been on its way for another pass is the one that goes on with this table.
          const of = egressVisits.findLast((one) => one.tables.length === 0 || one.tables.at(-1)?.flow?.instructions.gotoTable === table.number)
          if (table.egress) of?.tables.push(visit)
          else visits.push(visit)
        }
        if (step.table === egress?.port.table && step.entry !== null) egressVisits.push({ port: Number(step.params[0]?.value ?? 0n), tables: [] })
        const chooser = [group?.select, group?.failover].find((candidate) => candidate?.table === step.table)
        const multicast = chooser?.actions.find(({ name }) => name === step.action)?.roles.get('multicast')
        const choice = compiler.bucketOf(Number(step.params.find(({ name }) => name === multicast?.name)?.value ?? -1n))
        if (step.entry !== null && choice !== null) choices.push(choice)
      }
    }
    return { visits, egress: egressVisits, choices, outputs, pipeline: describeSteps(steps) }
  }
}
