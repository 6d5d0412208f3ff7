/**
 * How memory and speed change with the number of flows. The pipeline's tables are too small for a million flows, so its
 * P4Info and JSON are given larger ones, in a temporary folder; nothing else differs.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ContenderName } from './contenders.js'
import type { Row } from './measure.js'
import { withContenders } from './parts.js'
import type { Part, Settings } from './parts.js'

const TABLES = 16
/** The last flows of a step are timed. */
const TIMED = 10_000

export const scale: Part = {
  title: 'scale: memory and update rate at 10,000 and 100,000 flows',
  text: 'Flows over sixteen tables. The rate is that of the last 10,000 adds before the number is reached, and so is the CPU time, which other work on the machine does not change much; it is that of all processes of the contender. Memory is the growth of the process that holds the flows since its start, divided by their number: the agent (with the target in another process), the target, ovs-vswitchd.',
  run: (settings) => grow([10_000, 100_000], settings),
}

/** Takes minutes, and gigabytes; so it has a name of its own. */
export const million: Part = {
  title: 'million: the same with 1,000,000 flows',
  text: 'As above.',
  run: (settings) => grow([10_000, 1_000_000], settings),
}

type PerStep = readonly Map<ContenderName, number[]>[]

async function grow(steps: readonly number[], settings: Settings): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ofs-bench-'))
  try {
    const config = largePipeline(folder, Math.ceil((steps.at(-1) ?? 0) / TABLES) + TIMED)
    const empty = (): PerStep => steps.map(() => new Map<ContenderName, number[]>())
    const [rates, times, memories, targets] = [empty(), empty(), empty(), empty()]
    const names: readonly ContenderName[] = ['embedded', 'embedded apart', 'Open vSwitch']
    for (const name of names) {
      await withContenders([name], settings, async ([contender]) => {
        if (contender === undefined) return
        const add = (first: number): Promise<unknown> => contender.load.ask('pipelined', { first, count: TIMED, tables: TABLES })
        // Once through all that happens at first use.
        await add(0)
        await contender.load.ask('clear')
        const before = contender.memory()
        let there = 0
        for (const [at, step] of steps.entries()) {
          for (; there < step - TIMED; there += TIMED) await add(there)
          const begin = sum(contender.cpu())
          const ms = await add(there) as number
          there += TIMED
          rates[at]?.set(name, [TIMED / ms * 1000])
          times[at]?.set(name, [(sum(contender.cpu()) - begin) / TIMED * 1000])
          const grown = contender.memory().map((bytes, process) => (bytes - (before[process] ?? 0)) / step)
          if (name !== 'embedded') memories[at]?.set(name, [grown[0] ?? NaN])
          if (name === 'embedded apart') targets[at]?.set(name, [grown[1] ?? NaN])
          settings.log(`${name}: ${step} flows, ${Math.round(TIMED / ms * 1000)}/s, bytes a flow ${grown.map(Math.round).join(', ')}`)
        }
      }, { ports: [1, 2], extra: name === 'Open vSwitch' ? [] : ['--config', config] })
    }
    const rows = (what: string, unit: string, values: PerStep, limits: Row['limits'] = []): Row[] =>
      steps.map((step, at) => ({ what: `${what} at ${step} flows`, unit, values: values[at] ?? new Map(), limits: at === steps.length - 1 ? limits : [] }))
    const drop = ratio(rates.at(-1), rates[0])
    return [
      ...rows('update rate', '1/s', rates), ...rows('CPU time of an update', 'µs', times),
      { what: `rate at ${steps.at(-1)} : rate at ${steps[0]}`, unit: 'ratio', values: drop, limits: [{ of: 'embedded', atLeast: 0.8, what: '' }] },
      { what: `CPU time at ${steps[0]} : at ${steps.at(-1)}`, unit: 'ratio', values: ratio(times[0], times.at(-1)) },
      ...rows('agent (ovs-vswitchd)', 'bytes a flow', memories, steps.at(-1) === 1_000_000 ? [{ of: 'embedded apart', atMost: 1024, what: '' }] : []),
      ...rows('embedded target', 'bytes a flow', targets),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const ratio = (a: ReadonlyMap<ContenderName, readonly number[]> = new Map(), b: ReadonlyMap<ContenderName, readonly number[]> = new Map()): Map<ContenderName, number[]> =>
  new Map([...a].map(([name, [value = NaN]]) => [name, [value / (b.get(name)?.[0] ?? NaN)]]))

/** Returns the path of a configuration with flow tables of `size` entries. */
function largePipeline(folder: string, size: number): string {
  const p4 = join(process.cwd(), 'p4')
  const names = new Set<string>()
  const p4info = readFileSync(join(p4, 'ofswitchd.p4info.txtpb'), 'utf8').replace(/^tables \{\n(?:.*\n)*?\}/gm, (text) => {
    if (!text.includes('@of_table') && !text.includes('name: "of_table"')) return text
    names.add(/name: "([^"]+)"/.exec(text)?.[1] ?? '')
    return text.replace(/^ {2}size: \d+/m, `  size: ${size}`)
  })
  const json = JSON.parse(readFileSync(join(p4, 'ofswitchd.json'), 'utf8')) as { pipelines: { tables: { name: string; max_size: number }[] }[] }
  for (const pipeline of json.pipelines) for (const table of pipeline.tables) if (names.has(table.name)) table.max_size = size
  writeFileSync(join(folder, 'large.p4info.txtpb'), p4info)
  writeFileSync(join(folder, 'large.json'), JSON.stringify(json))
  const config = join(folder, 'large.yaml')
  writeFileSync(config, 'pipeline: { p4info: large.p4info.txtpb, json: large.json }\n')
  return config
}
