/**
 * How long a switch with many flows is away: its agent is killed and started again beside a target that goes on, or its
 * target is killed and comes back empty.
 */
import type { Contender, ContenderName } from './contenders.js'
import type { Row } from './measure.js'
import { withContenders } from './parts.js'
import type { Part } from './parts.js'

const TABLES = 16
const NAME: ContenderName = 'embedded apart'
const AGENT = 0

interface Times { readonly seconds: number; readonly agent: number; readonly target: number }

export const restore: Part = {
  title: 'restore: an agent or a target that starts again with 100,000 flows',
  text: 'Flows over sixteen tables. The agent is killed (SIGKILL) and started again: seconds from then to the answer to a request for the number of flows, Node\'s start included. Or the target is, and comes back empty: seconds until a flow-mod and its barrier, which come behind all that was there, are answered. Afterwards the target is read, and has every flow. CPU time is that which the two processes needed for it.',
  run: (settings) => withContenders([NAME], settings, async ([contender]) => {
    if (contender?.restart === undefined) return []
    const count = settings.short ? 20_000 : 100_000
    await contender.load.ask('pipelined', { first: 0, count, tables: TABLES })
    const agent: Times[] = []
    const target: Times[] = []
    for (let round = 0; round < (settings.short ? 2 : 5); round++) {
      agent.push(await away(contender, contender.restart.agent, 'counted', 1, count))
      target.push(await away(contender, contender.restart.target, 'writable', 0, count))
      settings.log(`agent ${agent.at(-1)?.seconds.toFixed(2)} s, target ${target.at(-1)?.seconds.toFixed(2)} s`)
    }
    const rows = (what: string, times: readonly Times[], atMost?: number): Row[] => [
      { what, unit: 's', values: new Map([[NAME, times.map(({ seconds }) => seconds)]]), limits: atMost === undefined ? [] : [{ of: NAME, atMost, what: '' }] },
      { what: 'CPU time of the agent', unit: 's', values: new Map([[NAME, times.map((time) => time.agent)]]) },
      { what: 'CPU time of the target', unit: 's', values: new Map([[NAME, times.map((time) => time.target)]]) },
    ]
    return [...rows(`agent killed, ${count} flows told again`, agent, 5), ...rows(`target killed, ${count} flows written again`, target, 5)]
  }, { ports: [1, 2] }),
}

/** `stays`: which of the processes is not restarted; the other begins with no CPU time. */
async function away(contender: Contender, restart: () => Promise<void>, until: 'counted' | 'writable', stays: 0 | 1, count: number): Promise<Times> {
  const before = contender.cpu()[stays] ?? 0
  const begin = Date.now()
  const started = restart()
  const end = await contender.load.ask(until, { count }) as number
  await started
  const spent = contender.cpu().map((ms, at) => (ms - (at === stays ? before : 0)) / 1000)
  await contender.load.ask('dump', { expected: count })
  const held = await contender.load.ask('held', { count }) as number
  if (held !== count) throw new Error(`the target holds ${held} flows after its restart or its agent's, and not ${count}`)
  return { seconds: (end - begin) / 1000, agent: spent[AGENT] ?? NaN, target: spent[1] ?? NaN }
}
