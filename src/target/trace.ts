/** One packet's way through the pipeline, as data: nothing is sent, and counters, meters, timers and registers stay as they are. */
import { unpackArgs } from './program/action-code.js'
import type { BoundPipeline } from './service/bind.js'
import { SimpleSwitch } from './simple-switch.js'
import type { PassEvent, SwitchOptions } from './simple-switch.js'
import type { ReplicationEngine } from './replication.js'

export type TraceStep =
  | PassEvent
  | {
    readonly kind: 'table'
    readonly table: string
    /** Null: no entry matched, and the default action ran. */
    readonly entry: { readonly priority: number; readonly controllerMetadata: bigint; readonly metadata: Uint8Array } | null
    readonly action: string | null
    readonly params: readonly { readonly name: string; readonly value: bigint }[]
  }
  | { readonly kind: 'output'; readonly port: number; readonly frame: Uint8Array }
  /** To the CPU port, with the fields of the packet_in header by name. */
  | { readonly kind: 'packet_in'; readonly fields: Readonly<Record<string, bigint>>; readonly frame: Uint8Array }

/** A packet that recirculates for ever is given up after this many passes. */
const maxPasses = 256

export const tracePacket = (
  pipeline: BoundPipeline, replication: ReplicationEngine, options: SwitchOptions & { readonly cpuPort: number }, now: number, port: number, frame: Uint8Array,
): TraceStep[] => {
  const { executable, byTable } = pipeline
  const { context, program, registers } = executable
  const steps: TraceStep[] = []
  const host = {
    now: () => now,
    transmit: (out: number, bytes: Uint8Array) => {
      const header = out === options.cpuPort ? pipeline.packetIn?.read(bytes) ?? null : null
      steps.push(header === null ? { kind: 'output', port: out, frame: bytes.slice() } : { kind: 'packet_in', ...header })
    },
    digest: () => undefined,
  }
  const traced = new SimpleSwitch(executable, replication, host, options)
  traced.onPass = event => steps.push(event)
  const kept = registers.map(register => register.slice())
  context.trace = {
    onTable: (table, entry, call) => {
      const bound = byTable.get(table)
      // Tables that p4c makes of single statements are of no interest.
      if (bound === undefined) return
      const params = call === null ? [] : program.actions[call.action]?.params ?? []
      const args = unpackArgs(params, call?.data ?? [])
      steps.push({
        kind: 'table', table: bound.info.name, action: call === null ? null : program.actions[call.action]?.name ?? null,
        entry: entry === null ? null : { priority: entry.rank, controllerMetadata: entry.controllerMetadata, metadata: entry.metadata },
        params: params.map((param, at) => ({ name: param.name, value: args[at] ?? 0n })),
      })
    },
  }
  try {
    traced.receive(port, frame.slice())
    for (let pass = 0; pass < maxPasses && traced.run(1); pass++);
  } finally {
    context.trace = null
    registers.forEach((register, at) => register.set(kept[at] ?? []))
  }
  return steps
}
