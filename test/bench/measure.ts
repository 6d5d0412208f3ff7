/** Numbers of several contenders that took turns, and what they say. */
import { titles } from './contenders.js'
import type { ContenderName } from './contenders.js'

export interface Goal {
  readonly of: ContenderName
  readonly to: ContenderName
  readonly atLeast?: number
  readonly atMost?: number
}
export interface Limit { readonly of: ContenderName; readonly atMost?: number; readonly atLeast?: number; readonly what: string }
/** One value for each round, the same round at the same place. */
export interface Row {
  readonly what: string
  readonly unit: string
  readonly values: ReadonlyMap<ContenderName, readonly number[]>
  readonly goals?: readonly Goal[]
  readonly limits?: readonly Limit[]
}

export interface Summary { readonly median: number; readonly low: number; readonly high: number }

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: quantile(sorted, 0.5), low: sorted[0] ?? NaN, high: sorted.at(-1) ?? NaN }
}
/** Of sorted values. */
export function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part
  const below = sorted[Math.floor(at)] ?? NaN
  return below + ((sorted[Math.ceil(at)] ?? NaN) - below) * (at - Math.floor(at))
}

/** Every contender once in each round, so that what else the machine does hits all alike. */
export async function inTurns<C extends { readonly name: ContenderName }>(
  rounds: number, contenders: readonly C[], run: (contender: C, round: number) => Promise<number>,
): Promise<Map<ContenderName, number[]>> {
  const values = new Map<ContenderName, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of round % 2 === 0 ? contenders : [...contenders].reverse()) values.get(contender.name)?.push(await run(contender, round))
  }
  return values
}

export function table(rows: readonly Row[]): string {
  const names = (Object.keys(titles) as ContenderName[]).filter((name) => rows.some(({ values }) => values.has(name)))
  const lines = [
    ['', ...names.map((name) => titles[name]), 'ratios'],
    ['---', ...names.map(() => '---'), '---'],
    ...rows.map((row) => [`${row.what}, ${row.unit}`, ...names.map((name) => cell(row.values.get(name))), verdicts(row).join('<br>')]),
  ]
  return `${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`
}

const cell = (values: readonly number[] | undefined): string => {
  if (values === undefined || values.length === 0) return '–'
  const { median, low, high } = summarize(values)
  return values.length === 1 ? figure(median) : `**${figure(median)}** (${figure(low)} … ${figure(high)})`
}

export function verdicts({ values, goals = [], limits = [] }: Row): string[] {
  const ratios = goals.flatMap((goal) => {
    const [own, other] = [values.get(goal.of), values.get(goal.to)]
    if (own === undefined || other === undefined) return []
    const { median, low, high } = summarize(own.map((value, at) => value / (other[at] ?? NaN)))
    return [`${goal.of} : ${goal.to} = **${median.toFixed(2)}** (${low.toFixed(2)} … ${high.toFixed(2)})${asked(median, goal)}`]
  })
  const bounds = limits.flatMap((limit) => {
    const own = values.get(limit.of)
    return own === undefined ? [] : [`${limit.of} ${limit.what}${asked(summarize(own).median, limit)}`]
  })
  return [...ratios, ...bounds]
}

const asked = (median: number, { atLeast, atMost }: { readonly atLeast?: number; readonly atMost?: number }): string => {
  if (atLeast !== undefined) return `, goal ≥ ${atLeast}: ${median >= atLeast ? 'met' : '**not met**'}`
  if (atMost !== undefined) return `, goal ≤ ${atMost}: ${median <= atMost ? 'met' : '**not met**'}`
  return ''
}

export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ' ')
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2)
}
