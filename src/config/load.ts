/**
 * Merges a configuration file and command-line options into one Config. An option replaces the key of the file
 * altogether, lists too. All that is wrong is found and reported together, each with the place it came from:
 *
 *   file ──readYaml──▶ Source ─┐
 *                              ├─ merge by key ─▶ configSchema ─▶ Config, or Problems with the place of each
 *   options ─────────▶ Source ─┘
 */
import { accessSync, constants, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { messageOf } from '../base/errors.js'
import { readTlsMaterial } from '../base/tls-material.js'
import { completeConfig, switchesOf } from './config.js'
import type { Config } from './config.js'
import { ConfigError, formatPath } from './problem.js'
import type { Path, Problem } from './problem.js'
import { controllerKeys } from './fields.js'
import { configKeys, configSchema, instanceKeys, ownKeys } from './schema.js'
import type { ConfigValues } from './schema.js'
import { readYaml } from './yaml-source.js'
import type { Source } from './yaml-source.js'

/** Throws ConfigError. `options` comes from the command line, see cli/options.ts. */
export function loadConfig(options: Source, file: string | null): Config {
  if (file === null) return checkConfig(options, null, process.cwd())
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError([{ where: file, key: '', reason: `cannot be read: ${messageOf(error)}` }])
  }
  const result = readYaml(text, file, formatPath)
  if (!result.ok) throw new ConfigError(result.problems)
  return checkConfig(options, result.source, dirname(resolve(file)))
}

export const noSource: Source = { values: {}, where: () => '', name: formatPath }

/** Throws ConfigError. `folder` is what the paths in `file` are relative to. */
export function checkConfig(options: Source, file: Source | null, folder: string): Config {
  const merged: Record<string, unknown> = { ...file?.values }
  for (const [key, value] of Object.entries(options.values)) merged[key] = value
  const sourceOf = (path: Path): Source => (file === null || (path[0] !== undefined && path[0] in options.values) ? options : file)
  const problem = (path: Path, part: 'key' | 'value', reason: string): Problem =>
    ({ where: sourceOf(path).where(path, part), key: sourceOf(path).name(path), reason })

  const result = configSchema.safeParse(merged, { reportInput: true })
  if (!result.success) throw new ConfigError(inOrder(result.error.issues.flatMap((issue) => explain(issue, problem))))

  const { instances } = result.data
  const wrong = instances === undefined ? [] : ownKeys.filter((key) => key in merged)
  if (wrong.length > 0) throw new ConfigError(wrong.map((key) => problem([key], 'key', 'each of the instances has its own; give it there')))
  const config = completeConfig(result.data, (path, key) => resolve(key in options.values ? process.cwd() : folder, path))
  const problems: Problem[] = checkTls(result.data, config, problem)
  switchesOf(config).forEach(({ controllers, ports }, which) => {
    const at = (...path: Path): Path => (instances === undefined ? path : ['instances', which, ...path])
    controllers.forEach(({ endpoint, auxiliary }, i) => {
      if (endpoint.passive && auxiliary !== undefined && auxiliary > 0) problems.push(problem(at('controllers', i, 'auxiliary'), 'value', 'a controller that connects to us opens its auxiliary connections itself'))
    })
    ports.forEach((port, i) => {
      if (port.p4Port === config.cpuPort) problems.push(problem(at('ports', i, 'p4Port'), 'value', `P4 port ${port.p4Port} is the CPU port`))
      if (port.pcap !== undefined && config.target.kind === 'remote') problems.push(problem(at('ports', i, 'pcap'), 'value', 'frames of a target in another process cannot be captured here'))
    })
  })
  if (result.data.pipeline !== undefined) {
    for (const key of ['p4info', 'json'] as const) {
      const unreadable = whyUnreadable(config.pipeline[key])
      if (unreadable !== null) problems.push(problem(['pipeline', key], 'value', unreadable))
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

const tlsKeys = ['privateKey', 'certificate', 'caCert'] as const

/** ssl endpoints need all files, and files that are named must be of use. */
function checkTls(values: ConfigValues, config: Config, problem: Report): Problem[] {
  if (values.caCert !== undefined && values.bootstrapCaCert !== undefined) {
    return [problem(['bootstrapCaCert'], 'key', 'caCert is given too; one of them is enough')]
  }
  const authorityKey = values.bootstrapCaCert === undefined ? 'caCert' : 'bootstrapCaCert'
  if (config.tls !== null) {
    const result = readTlsMaterial(config.tls, Date.now())
    return result.ok ? [] : result.problems.map(({ file, reason }) => problem([file === 'caCert' ? authorityKey : file], 'value', reason))
  }
  const missing = tlsKeys.filter((key) => values[key === 'caCert' ? authorityKey : key] === undefined)
  const switches = values.instances ?? [values]
  for (const [which, one] of switches.entries()) for (const key of ['controllers', 'listen'] as const) {
    const first = one[key].map((each) => ('endpoint' in each ? each.endpoint : each)).findIndex(({ transport }) => transport === 'ssl')
    if (first >= 0) return [problem([...(values.instances === undefined ? [] : ['instances', which]), key, first], 'value', `TLS needs ${missing.join(', ')} too`)]
  }
  const given = [...tlsKeys, 'bootstrapCaCert' as const].find((key) => values[key] !== undefined)
  return given === undefined ? [] : [problem([given], 'key', `TLS needs ${missing.join(', ')} too`)]
}

type Report = (path: Path, part: 'key' | 'value', reason: string) => Problem

function explain(issue: z.core.$ZodIssue, problem: Report): Problem[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => problem([...path, key], 'key', `unknown key${suggestion(key, path)}`))
    case 'invalid_type':
      return [issue.input === undefined
        ? problem(path.slice(0, -1), 'value', `'${String(path.at(-1))}' is missing`)
        : problem(path, 'value', `expected ${typeNames[issue.expected] ?? issue.expected}, not ${show(issue.input)}`)]
    case 'too_small':
      return [problem(path, 'value', issue.origin === 'array' || issue.origin === 'string'
        ? 'must not be empty'
        : `${show(issue.input)} is too small; the least is ${issue.minimum}`)]
    case 'too_big':
      return [problem(path, 'value', issue.origin === 'string' ? issue.message : `${show(issue.input)} is too large; the most is ${issue.maximum}`)]
    case 'invalid_value':
      return [problem(path, 'value', `${show(issue.input)} is not one of ${issue.values.map(String).join(', ')}`)]
    case 'invalid_union': {
      // The one form that it nearly has, if the others are of another kind altogether.
      const near = issue.errors.filter((issues) => !issues.every(({ code, path }) => code === 'invalid_type' && path.length === 0))
      if (near.length === 1 && issue.message === UNION_MESSAGE) return near[0]!.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue, problem))
      return [problem(path, 'value', `${issue.message}${issue.input === undefined ? '' : `, not ${show(issue.input)}`}`)]
    }
    default:
      return [problem(path, 'value', issue.message)]
  }
}

/** What zod says where a schema has no words of its own. */
const UNION_MESSAGE = 'Invalid input'

const typeNames: Readonly<Record<string, string>> = {
  string: 'text', number: 'a number', int: 'a whole number', array: 'a list', object: 'keys and values', boolean: 'true or false',
}
function show(value: unknown): string {
  const text = JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? v.toString() : v)) ?? String(value)
  return text.length > 40 ? `${text.slice(0, 37)}…` : text
}

function suggestion(key: string, path: Path): string {
  if (path[0] === 'instances' && path.length === 2) return `; the keys are ${instanceKeys.join(', ')}`
  if (path.includes('controllers')) return `; the keys are ${controllerKeys.join(', ')}`
  if (path.length > 0) return ''
  const plain = (text: string): string => text.toLowerCase().replace(/[-_]|s$/g, '')
  const near = configKeys.find((known) => plain(known) === plain(key))
  return near === undefined ? `; the keys are ${configKeys.join(', ')}` : `; did you mean '${near}'?`
}

function whyUnreadable(path: string): string | null {
  try {
    accessSync(path, constants.R_OK)
    return null
  } catch (error) {
    return `cannot be read: ${messageOf(error)}`
  }
}

/** By line and column; zod reports unknown keys last. */
function inOrder(problems: Problem[]): Problem[] {
  const position = ({ where }: Problem): readonly [number, number] => {
    const match = /:(\d+):(\d+)$/.exec(where)
    return match === null ? [0, 0] : [Number(match[1]), Number(match[2])]
  }
  return problems.map((problem) => ({ problem, at: position(problem) }))
    .sort((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1])
    .map(({ problem }) => problem)
}
