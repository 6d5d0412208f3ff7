/**
 * The embedded target without thread, ports and clock, for tests and tools: frames are method calls, time moves when it is
 * told to, and everything that follows from a call has happened when the call returns (answers on streams: one microtask
 * later).
 */
import { EmbeddedTarget } from './embedded-target.js'
import type { EmbeddedTargetOptions } from './embedded-target.js'
import type { TraceStep } from './trace.js'

export interface OutputFrame { readonly port: number; readonly frame: Uint8Array }

/** Turns of work that one frame may cause; a packet that recirculates for ever is left under way after that. */
const maxTurns = 64
const tickMs = 500

export class InProcessTarget {
  readonly target: EmbeddedTarget
  private millis: number
  private outputs: OutputFrame[] = []
  private deferred: (() => void)[] = []

  constructor(options: Omit<EmbeddedTargetOptions, 'now' | 'transmit' | 'defer'> & { readonly startAt?: number } = {}) {
    const { startAt = 1000, ...rest } = options
    this.millis = startAt
    this.target = new EmbeddedTarget({
      ...rest,
      now: () => this.millis,
      transmit: (port, frame) => this.outputs.push({ port, frame: frame.slice() }),
      defer: work => this.deferred.push(work),
    })
  }

  get now(): number { return this.millis }

  /** Returns what was sent because of the frame, in order. */
  inject(port: number, frame: Uint8Array): OutputFrame[] {
    this.target.receive(port, frame.slice())
    this.settle()
    return this.take()
  }

  /** Frames sent since the last call; packet-outs leave theirs here. */
  take(): OutputFrame[] {
    this.settle()
    const { outputs } = this
    this.outputs = []
    return outputs
  }

  advance(millis: number): void {
    const until = this.millis + millis
    while (this.millis < until) {
      this.millis = Math.min(until, this.millis + tickMs)
      this.target.tick()
    }
  }

  trace(port: number, frame: Uint8Array): TraceStep[] { return this.target.trace(port, frame) }

  private settle(): void {
    for (let turn = 0; turn < maxTurns; turn++) {
      const work = this.deferred.shift()
      if (work === undefined) return
      work()
    }
  }
}

export const createInProcessTarget = (options: ConstructorParameters<typeof InProcessTarget>[0] = {}): InProcessTarget => new InProcessTarget(options)
