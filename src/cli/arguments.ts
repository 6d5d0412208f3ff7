/**
 * Command-line arguments, strictly: an option that is unknown, lacks its value or is given twice is refused, all at once.
 * The values of options that set up the switch become a Source, so that one schema checks them and the file alike.
 */
import { parseArgs } from 'node:util'
import { ConfigError } from '../config/index.js'
import type { Path, Problem, Source } from '../config/index.js'

export interface OptionSpec {
  /** The value's name in the usage; absent for a switch. */
  readonly value?: string
  readonly repeatable?: boolean
}
/** Texts of each option given; [''] for a switch. */
export type Given = ReadonlyMap<string, readonly string[]>

/** Throws ConfigError. */
export function parseArguments<Name extends string>(args: readonly string[], specs: Readonly<Record<Name, OptionSpec>>): Given {
  const given = new Map<string, string[]>()
  const problems: Problem[] = []
  const stray: Problem[] = []
  const known = (name: string): name is Name => Object.hasOwn(specs, name)
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(Object.entries<OptionSpec>(specs).map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' as const : 'string' as const }])),
    strict: false, allowPositionals: true, tokens: true,
  })
  for (const token of tokens) {
    if (token.kind === 'positional') stray.push({ where: `'${token.value}'`, key: '', reason: 'unexpected argument' })
    if (token.kind !== 'option') continue
    const problem = (reason: string): void => { problems.push({ where: token.rawName, key: '', reason }) }
    if (!known(token.name) || !token.rawName.startsWith('--')) {
      problem('unknown option')
      continue
    }
    const { value, repeatable } = specs[token.name]
    if (value === undefined && token.value !== undefined) problem('takes no value')
    else if (value !== undefined && (token.value === undefined || (!token.inlineValue && token.value.startsWith('-')))) problem(`needs a value: ${token.rawName} ${value}`)
    else if (given.has(token.name) && repeatable !== true) problem('is given twice')
    else given.set(token.name, [...given.get(token.name) ?? [], token.value ?? ''])
  }
  // After another mistake, what an argument belongs to is a guess.
  if (problems.length + stray.length > 0) throw new ConfigError(problems.length > 0 ? problems : stray)
  return given
}

type ReadResult = { readonly value: unknown } | { readonly refused: string }

/** How an option becomes a key of the configuration. */
export interface ConfigOption extends OptionSpec {
  readonly key: string
  /** One text to a raw value of the schema, or why it is none. */
  readonly read: (text: string) => ReadResult
  /** A list in the configuration: one element an option, or (split) several in one. */
  readonly list?: 'element' | 'split'
}

/** A number where it looks like one; the schema tells what is wrong with the rest. */
export const readNumber = (text: string): ReadResult & { readonly value: unknown } => ({ value: /^[0-9]{1,15}$/.test(text) ? Number(text) : text })
export const readText = (text: string): ReadResult & { readonly value: unknown } => ({ value: text })

/** NUMBER[:P4PORT]@INTERFACE[,tag=VLAN][,trunks=VLANS][,vlan-mode=MODE]; VLANS such as 1+3+10-20 */
export function readPort(text: string): ReadResult {
  const match = /^([^:@]+)(?::([0-9]{1,5}))?@(.+?)((?:,(?:tag|trunks|vlan-mode)=[^,]*)*)$/.exec(text)
  if (match === null) return { refused: 'expected NUMBER@INTERFACE, such as 1@eth0 (or NUMBER:P4PORT@INTERFACE)' }
  const [, number = '', p4Port, name, rest = ''] = match
  const settings = rest.split(',').slice(1).map((each) => each.split('=') as [string, string])
  const twice = settings.find(([key], at) => settings.findIndex(([other]) => other === key) < at)
  if (twice !== undefined) return { refused: `${twice[0]} is given twice` }
  const read: Readonly<Record<string, (value: string) => readonly [string, unknown]>> = {
    'tag': (value) => ['tag', readNumber(value).value], 'vlan-mode': (value) => ['vlanMode', value],
    'trunks': (value) => ['trunks', value.split('+').map((each) => readNumber(each).value)],
  }
  const vlans = Object.fromEntries(settings.flatMap(([key, value]) => (read[key] === undefined ? [] : [read[key](value)])))
  return { value: { number: readNumber(number).value, interface: name, ...(p4Port === undefined ? {} : { p4Port: Number(p4Port) }), ...vlans } }
}

/** Throws ConfigError. */
export function optionSource(given: Given, specs: Readonly<Record<string, OptionSpec | ConfigOption>>): Source {
  const values: Record<string, unknown> = {}
  /** For each key, what was written: one text, or one for each element of its list. */
  const written = new Map<string, readonly string[]>()
  const problems: Problem[] = []
  for (const [name, texts] of given) {
    const spec = specs[name]
    if (spec === undefined || !('key' in spec)) continue
    const elements = spec.list === 'split' ? (texts[0] ?? '').split(',').map((text) => text.trim()) : texts
    const read = elements.flatMap((text) => {
      const result = spec.read(text)
      if ('value' in result) return [result.value]
      problems.push({ where: `--${name} ${text}`, key: '', reason: result.refused })
      return []
    })
    values[spec.key] = spec.list === undefined ? read[0] : read
    written.set(spec.key, elements.map((text) => `--${name} ${spec.list === 'split' ? texts[0] ?? '' : text}`))
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return {
    values,
    where: (path: Path) => {
      const texts = written.get(String(path[0])) ?? []
      return texts[typeof path[1] === 'number' ? path[1] : 0] ?? String(path[0])
    },
    name: () => '',
  }
}
