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
export interface RootLogger extends Logger {
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
  if (readable) {
    const stream = PinoPretty({ destination: fd, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname', singleLine: true, colorize: isatty(fd) })
    return Object.assign(fromPino(pino({ level: options.level }, stream)), { close: () => Promise.resolve() })
  }
  const output = openLogOutput(fd)
  return Object.assign(fromPino(pino({ level: options.level, base: { pid: process.pid } }, output)), { close: () => output.close() })
}

/** The levels of a pino logger as plain functions that can be passed around without their object. */
function fromPino(logger: pino.Logger): Logger {
  const method = (level: Exclude<LogLevel, 'silent'>): LogMethod =>
    (first: string | LogFields, message?: string): void => {
      if (typeof first === 'string') logger[level](first)
      else logger[level](first, message)
    }
  return {
    trace: method('trace'), debug: method('debug'), info: method('info'),
    warn: method('warn'), error: method('error'), fatal: method('fatal'),
    child: (fields) => fromPino(logger.child(fields)),
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
