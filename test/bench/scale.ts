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
import type { Part } from './parts.js'

const TABLES = 16
/** The last flows of a step are timed. */
const TIMED = 10_000

export const scale: Part = {
  title: 'scale: memory and update rate at 10,000, 100,000 and 1,000,000 flows',
  text: 'Flows over sixteen tables. The rate is that of the last 10,000 adds before the number is reached; memory is the growth of the process that holds the flows since its start, divided by their number: the agent (with the target in another process), the target, ovs-vswitchd.',
  run: async (settings) => {
    const steps = settings.short ? [10_000, 100_000] : [10_000, 100_000, 1_000_000]
    const folder = mkdtempSync(join(tmpdir(), 'ofs-bench-'))
    try {
      const config = largePipeline(folder, Math.ceil((steps.at(-1) ?? 0) / TABLES) + TIMED)
      const rates = steps.map(() => new Map<ContenderName, number[]>())
      const memories = steps.map(() => new Map<ContenderName, number[]>())
      const targets = steps.map(() => new Map<ContenderName, number[]>())
      const names: readonly ContenderName[] = ['embedded', 'embedded apart', 'Open vSwitch']
      for (const name of names) {
        await withContenders([name], settings, async ([contender]) => {
          if (contender === undefined) return
          const { load } = contender
          // Once through all that happens at first use.
          await load.ask('pipelined', { first: 0, count: TIMED, tables: TABLES })
          await load.ask('clear')
          const empty = contender.memory()
          let there = 0
          for (const [at, step] of steps.entries()) {
            for (; there < step - TIMED; there += TIMED) await load.ask('pipelined', { first: there, count: TIMED, tables: TABLES })
            const ms = await load.ask('pipelined', { first: there, count: TIMED, tables: TABLES }) as number
            there += TIMED
            rates[at]?.set(name, [TIMED / ms * 1000])
            const grown = contender.memory().map((bytes, process) => (bytes - (empty[process] ?? 0)) / step)
            if (name !== 'embedded') memories[at]?.set(name, [grown[0] ?? NaN])
            if (name === 'embedded apart') targets[at]?.set(name, [grown[1] ?? NaN])
            settings.log(`${name}: ${step} flows, ${Math.round(TIMED / ms * 1000)}/s, bytes a flow ${grown.map(Math.round).join(', ')}`)
          }
        }, { ports: [1, 2], extra: name === 'Open vSwitch' ? [] : ['--config', config] })
      }
      const last = rates.at(-1) ?? new Map<ContenderName, number[]>()
      const drop = new Map([...last].map(([name, [rate = NaN]]) => [name, [rate / (rates[0]?.get(name)?.[0] ?? NaN)]]))
      return [
        ...steps.map((step, at): Row => ({ what: `update rate at ${step} flows`, unit: '1/s', values: rates[at] ?? new Map() })),
        { what: `rate at ${steps.at(-1)} : rate at ${steps[0]}`, unit: 'ratio', values: drop, limits: [{ of: 'embedded', atLeast: 0.8, what: '' }] },
        ...steps.map((step, at): Row => ({
          what: `agent (ovs-vswitchd) at ${step} flows`, unit: 'bytes a flow', values: memories[at] ?? new Map(),
          limits: at === steps.length - 1 ? [{ of: 'embedded apart', atMost: 1024, what: '' }] : [],
        })),
        ...steps.map((step, at): Row => ({ what: `embedded target at ${step} flows`, unit: 'bytes a flow', values: targets[at] ?? new Map() })),
      ]
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

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
