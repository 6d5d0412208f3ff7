/**
 * `vlog/list` and `vlog/set` in Open vSwitch's words. A module is a component of the log; there is one destination, the console
 * (standard output), so that levels of the other two cannot be set.
 */
import type { LogControl, LogLevel } from '../base/logger.js'
import { CommandError } from './unixctl-server.js'

const toLevel: Readonly<Record<string, LogLevel>> = { off: 'silent', emer: 'fatal', err: 'error', warn: 'warn', info: 'info', dbg: 'debug' }
const toText: Readonly<Record<LogLevel, string>> = { silent: 'OFF', fatal: 'EMER', error: 'ERR', warn: 'WARN', info: 'INFO', debug: 'DBG', trace: 'DBG' }
const destinations: readonly string[] = ['any', 'console', 'syslog', 'file']

export function listLevels(control: LogControl): string {
  const rows = [...control.levels()].sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([module, level]) => `${module.padEnd(16)}  ${toText[level].padStart(4)}        OFF        OFF`)
  return ['                 console    syslog    file', '                 -------    ------    ------', ...rows].join('\n')
}

/** `[MODULE][:DESTINATION][:LEVEL]`, the words in any order. Throws CommandError. */
export function setLevels(control: LogControl, spec: string): void {
  const known = new Set([...control.levels()].map(([module]) => module))
  let module: string | null = null
  let destination: string | null = null
  let level: LogLevel | null = null
  for (const word of spec.split(/[ :,]+/).filter((part) => part !== '')) {
    const lower = word.toLowerCase()
    // "any" stands for every module and every destination.
    if (lower === 'any') continue
    if (Object.hasOwn(toLevel, lower)) {
      if (level !== null) throw new CommandError('cannot specify multiple levels')
      level = toLevel[lower] ?? null
    } else if (destinations.includes(lower)) {
      if (destination !== null) throw new CommandError('cannot specify multiple destinations')
      destination = lower
    } else if (known.has(word)) {
      if (module !== null) throw new CommandError('cannot specify multiple modules')
      module = word
    } else throw new CommandError(`no destination, level, or module "${word}"`)
  }
  if (destination !== null && destination !== 'console') throw new CommandError(`there is no destination "${destination}", only the console`)
  control.setLevel(module, level ?? 'debug')
}
