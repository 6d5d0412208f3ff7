/**
 * Logs: one JSON object a line where the output is a file or a pipe, readable lines on a terminal. Everything above
 * takes the small `Logger` interface below, so that tests can collect and embedders can pass their own.
 */
import { isatty } from 'node:tty'
import { pino } from 'pino'
import { PinoPretty } from 'pino-pretty'
import { monotonicNow } from './clock.js'
import { openLogOutput } from './log-output.js'
import { RepeatLimiter } from './repeats.js'
import type { RepeatLimitOptions } from './repeats.js'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export type LogFields = Readonly<Record<string, unknown>>
export interface LogMethod {
  (message: string): void
  (fields: LogFields, message: string): void
}
export interface Logger {
  readonly trace: LogMethod
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
  readonly fatal: LogMethod
  child(fields: LogFields): Logger
}
/** Levels while the program runs: one for each component that has logged, or that a logger was made for. */
export interface LogControl {
  levels(): ReadonlyMap<string, LogLevel>
  /** Of one component, or (null) of all of them and of those to come. */
  setLevel(component: string | null, level: LogLevel): void
}
export interface RootLogger extends Logger {
  readonly control: LogControl
  /** Resolves when everything is written, or after half a second with a reader that does not read. The last call. */
  close(): Promise<void>
}

export interface LoggerOptions {
  readonly level: LogLevel
  /** File descriptor: 1 or 2. */
  readonly fd?: number
  /** 'auto': readable on a terminal, JSON elsewhere. */
  readonly format?: 'auto' | 'json' | 'readable'
}

export function createLogger(options: LoggerOptions): RootLogger {
  const fd = options.fd ?? 1
  const format = options.format ?? 'auto'
  const readable = format === 'readable' || (format === 'auto' && isatty(fd))
  const levels = new Levels(options.level)
  if (readable) {
    const stream = PinoPretty({ destination: fd, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname', singleLine: true, colorize: isatty(fd) })
    return Object.assign(fromPino(pino({ level: 'trace' }, stream), levels, MAIN), { control: levels, close: () => Promise.resolve() })
  }
  const output = openLogOutput(fd)
  return Object.assign(fromPino(pino({ level: 'trace', base: { pid: process.pid } }, output), levels, MAIN), { control: levels, close: () => output.close() })
}

/** The component of lines that name none. */
const MAIN = 'ofswitchd'

class Levels implements LogControl {
  readonly #levels = new Map<string, LogLevel>()
  #common: LogLevel

  constructor(common: LogLevel) {
    this.#common = common
    this.add(MAIN)
  }
  add(component: string): void {
    if (!this.#levels.has(component)) this.#levels.set(component, this.#common)
  }
  levels(): ReadonlyMap<string, LogLevel> { return this.#levels }
  setLevel(component: string | null, level: LogLevel): void {
    if (component !== null) {
      this.#levels.set(component, level)
      return
    }
    this.#common = level
    for (const known of this.#levels.keys()) this.#levels.set(known, level)
  }
  isLogged(component: string, level: LogLevel): boolean {
    return logLevels.indexOf(level) >= logLevels.indexOf(this.#levels.get(component) ?? this.#common)
  }
}

/** The levels of a pino logger as plain functions that can be passed around without their object. */
function fromPino(logger: pino.Logger, levels: Levels, component: string): Logger {
  const method = (level: Exclude<LogLevel, 'silent'>): LogMethod =>
    (first: string | LogFields, message?: string): void => {
      if (!levels.isLogged(component, level)) return
      if (typeof first === 'string') logger[level](first)
      else logger[level](first, message)
    }
  return {
    trace: method('trace'), debug: method('debug'), info: method('info'),
    warn: method('warn'), error: method('error'), fatal: method('fatal'),
    child: (fields) => {
      const named = typeof fields['component'] === 'string' ? fields['component'] : component
      levels.add(named)
      return fromPino(logger.child(fields), levels, named)
    },
  }
}

export const silentLogger: Logger = (() => {
  const nothing = (): void => {}
  const logger: Logger = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing, fatal: nothing, child: () => logger }
  return logger
})()

/**
 * Logs at most a few of each key (see RepeatLimiter). A line that follows ones that were left out has `suppressed`, their
 * number.
 */
export interface LimitedLog {
  log(level: 'debug' | 'info' | 'warn' | 'error', key: string, fields: LogFields, message: string): void
}
export function limitRepeats(logger: Logger, options: RepeatLimitOptions = {}, now: () => number = monotonicNow): LimitedLog {
  const limiter = new RepeatLimiter(options)
  return {
    log(level, key, fields, message) {
      const { pass, suppressed } = limiter.decide(key, now())
      if (pass) logger[level](suppressed > 0 ? { ...fields, suppressed } : fields, message)
    },
  }
}
