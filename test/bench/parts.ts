/** The parts of a run that only need the control channel. Each brings its own contenders up, and down again. */
import { Sandbox } from '../support/netns.js'
import { startContender, whyNot } from './contenders.js'
import type { Contender, ContenderName, ContenderOptions } from './contenders.js'
import { inTurns, quantile } from './measure.js'
import type { Row } from './measure.js'

export interface Settings { readonly short: boolean; readonly log: (text: string) => void }
export interface Part { readonly title: string; readonly text: string; run(settings: Settings): Promise<readonly Row[]> }

/** Runs with those contenders that are installed. */
export async function withContenders<T>(
  names: readonly ContenderName[], settings: Settings, run: (contenders: readonly Contender[]) => Promise<T>, options: ContenderOptions = {},
): Promise<T> {
  const sandbox = new Sandbox()
  try {
    const contenders: Contender[] = []
    for (const name of names) {
      const reason = whyNot(name)
      if (reason === undefined) contenders.push(await startContender(sandbox, name, options))
      else settings.log(`without ${name}: ${reason}`)
    }
    return await run(contenders)
  } finally {
    await sandbox.close()
  }
}
const few: ContenderOptions = { ports: [1, 2] }
const all: readonly ContenderName[] = ['embedded', 'BMv2', 'Open vSwitch', 'bare']

export const flowMods: Part = {
  title: 'flow-mods: 50,000 at once and one barrier',
  text: 'Adds of exact destination addresses, over four tables; flow-mods a second until the barrier reply. The bare client uses the best of several batch sizes, found in this run, and entries made beforehand.',
  run: (settings) => withContenders(all, settings, async (contenders) => {
    const count = settings.short ? 20_000 : 50_000
    const best = await bestBatch(contenders, settings)
    const run = async ({ load, name }: Contender): Promise<number> => {
      const ms = await load.ask('pipelined', { first: 0, count, tables: 4, ...(name === 'bare' ? best : {}) }) as number
      await load.ask('clear')
      return count / ms * 1000
    }
    await inTurns(1, contenders, run)
    return [{
      what: `${count} flow-mods + 1 barrier`, unit: '1/s', values: await inTurns(settings.short ? 5 : 9, contenders, run),
      goals: [{ of: 'embedded', to: 'Open vSwitch', atLeast: 1 }, { of: 'BMv2', to: 'bare', atLeast: 0.9 }],
    }]
  }, few),
}

async function bestBatch(contenders: readonly Contender[], settings: Settings): Promise<{ batch: number; inFlight: number }> {
  const bare = contenders.find(({ name }) => name === 'bare')
  let best = { batch: 200, inFlight: 1, ms: Infinity }
  if (bare === undefined) return best
  for (const batch of [100, 200, 500, 1000]) {
    for (const inFlight of [1, 2, 4]) {
      const ms = await bare.load.ask('pipelined', { first: 0, count: 20_000, tables: 4, batch, inFlight }) as number
      await bare.load.ask('clear')
      if (ms < best.ms) best = { batch, inFlight, ms }
    }
  }
  settings.log(`the bare client is fastest with ${best.batch} updates a Write, ${best.inFlight} in flight`)
  return { batch: best.batch, inFlight: best.inFlight }
}

export const single: Part = {
  title: 'barrier: one flow-mod and its barrier at a time',
  text: 'Median time from a flow-mod to the reply of the barrier behind it, microseconds, after four turns of 1000 to warm up; for the bare client one Write of one entry.',
  run: (settings) => withContenders(all, settings, async (contenders) => {
    const count = settings.short ? 300 : 1000
    const runOf = (requests: number) => async ({ load }: Contender): Promise<number> => {
      const times = await load.ask('single', { count: requests }) as number[]
      await load.ask('clear')
      return quantile(times.sort((a, b) => a - b), 0.5) * 1000
    }
    // So often that the code of all is the fast one that it is in a switch that has been running for a while, in a short run too.
    await inTurns(4, contenders, runOf(1000))
    const run = runOf(count)
    return [{
      what: 'flow-mod + barrier', unit: 'µs', values: await inTurns(settings.short ? 5 : 9, contenders, run),
      goals: [{ of: 'embedded', to: 'Open vSwitch', atMost: 1.5 }, { of: 'BMv2', to: 'bare', atMost: 1.2 }],
    }]
  }, few),
}

export const packets: Part = {
  title: 'packets: from the controller through the tables to the controller',
  text: 'Loop: packet-out to TABLE, a flow sends it to the controller. Reactive: each packet-in is answered by a flow-mod and a packet-out, as a learning controller does. 32 packets under way; turns a second.',
  run: (settings) => withContenders(all, settings, async (contenders) => {
    const rounds = settings.short ? 3 : 7
    const loopRun = (method: 'loop' | 'reactive', most: number) => async ({ load, name }: Contender): Promise<number> => {
      const count = Math.min(most, name === 'embedded' || name === 'Open vSwitch' ? 20_000 : 5000)
      const ms = await load.ask(method, { count, window: 32 }) as number
      await load.ask('clear')
      return count / ms * 1000
    }
    const goals = [{ of: 'BMv2', to: 'bare', atLeast: 0.9 }, { of: 'embedded', to: 'Open vSwitch', atLeast: 0.5 }] as const
    await inTurns(1, contenders, loopRun('loop', 5000))
    const looped = await inTurns(rounds, contenders, loopRun('loop', 20_000))
    // Few enough that BMv2's search through the flows is not what is measured.
    await inTurns(4, contenders, loopRun('reactive', 1000))
    const reacted = await inTurns(rounds, contenders, loopRun('reactive', 1000))
    return [
      { what: 'packet-out → pipeline → packet-in', unit: '1/s', values: looped, goals },
      { what: 'packet-in → flow-mod + packet-out', unit: '1/s', values: reacted, goals },
    ]
  }, few),
}

export const echo: Part = {
  title: 'echo: while 50,000 flow-mods are queued',
  text: 'The 99th percentile of the time to an echo reply, milliseconds, asked every 2 ms from the moment the flow-mods are written to their barrier reply: on a connection of its own, and on the connection with the flow-mods.',
  run: (settings) => withContenders(['embedded', 'BMv2', 'Open vSwitch'], settings, async (contenders) => {
    const same = new Map<ContenderName, number[]>(contenders.map(({ name }) => [name, []]))
    const p99 = (values: readonly number[]): number => quantile([...values].sort((a, b) => a - b), 0.99)
    const other = await inTurns(settings.short ? 3 : 7, contenders, async ({ load, name }) => {
      const delays = await load.ask('echo', { count: 50_000, tables: 4 }) as { same: number[]; other: number[] }
      await load.ask('clear')
      same.get(name)?.push(p99(delays.same))
      return p99(delays.other)
    })
    const limits = [{ of: 'embedded', atMost: 20, what: '' }, { of: 'BMv2', atMost: 20, what: '' }] as const
    return [
      { what: 'p99 on another connection', unit: 'ms', values: other, limits },
      { what: 'p99 on the same connection', unit: 'ms', values: same, limits },
    ]
  }, few),
}

export const dump: Part = {
  title: 'dump-flows: statistics of 100,000 flows',
  text: 'Flow statistics of all tables, flows a second from the request to the last part of the reply; and delays of what else is asked while they are dumped again and again.',
  run: (settings) => withContenders(['embedded', 'BMv2', 'Open vSwitch'], settings, async (contenders) => {
    const count = settings.short ? 20_000 : 100_000
    for (const { load } of contenders) await load.ask('pipelined', { first: 0, count, tables: 8 })
    const run = async ({ load }: Contender): Promise<number> => count / (await load.ask('dump', { expected: count }) as number) * 1000
    await inTurns(1, contenders, run)
    const rates = await inTurns(settings.short ? 3 : 7, contenders, run)
    const flowMods = new Map<ContenderName, number[]>()
    const worst = new Map<ContenderName, number[]>()
    const echoes = new Map<ContenderName, number[]>()
    const dumps = new Map<ContenderName, number[]>()
    const of = (values: readonly number[], part: number): number => quantile([...values].sort((a, b) => a - b), part)
    for (const { name, load } of contenders) {
      const delays = await load.ask('beside', { count: 500 }) as { flowMods: number[]; echoes: number[]; dumps: number[] }
      flowMods.set(name, [of(delays.flowMods, 0.5)])
      worst.set(name, [of(delays.flowMods, 0.99)])
      echoes.set(name, [of(delays.echoes, 0.99)])
      dumps.set(name, [count / of(delays.dumps, 0.5) * 1000])
    }
    return [
      { what: `${count} flows`, unit: '1/s', values: rates, goals: [{ of: 'embedded', to: 'Open vSwitch', atLeast: 1 }, { of: 'BMv2', to: 'Open vSwitch', atLeast: 1 }] },
      { what: 'flow-mod + barrier on another connection meanwhile, median', unit: 'ms', values: flowMods },
      { what: 'flow-mod + barrier on another connection meanwhile, p99', unit: 'ms', values: worst },
      { what: 'echo on a third connection, p99', unit: 'ms', values: echoes },
      { what: `${count} flows beside these`, unit: '1/s', values: dumps },
    ]
  }, few),
}
