/** Runs something until a signal or a failure ends it, and then stops it within two seconds. */
import type { Logger } from '../base/logger.js'
import { messageOf } from '../base/errors.js'

/** Two seconds, less what is needed to leave. */
const STOP_MS = 1800

export interface Running {
  close(): Promise<void>
  /** Resolves when it cannot go on. */
  readonly failed?: Promise<Error>
}

/** Signals are taken over from here on; the first one aborts. */
export function stopOnSignals(): AbortSignal {
  const controller = new AbortController()
  let count = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whoever asks twice does not want to wait.
      if (++count > 1) process.exit(1)
      controller.abort(signal)
    })
  }
  return controller.signal
}

/** An exception that nobody caught is a bug; it is logged where the rest is, and ends the process. */
export function logCrashes(log: Logger): void {
  process.on('uncaughtException', (error) => {
    log.fatal({ err: { message: messageOf(error), stack: error instanceof Error ? error.stack : undefined } }, 'bug: uncaught exception')
    process.exit(1)
  })
}

/** Starts, runs until a signal or a failure, stops; resolves with the exit status. What `start` throws goes through. */
export async function runUntilStopped(start: () => Promise<Running>, stop: AbortSignal, log: Logger): Promise<number> {
  const stopped = new Promise<null>((resolve) => {
    if (stop.aborted) resolve(null)
    else stop.addEventListener('abort', () => resolve(null), { once: true })
  })
  const starting = start()
  const running = await Promise.race([starting, stopped])
  const failure = running === null || running.failed === undefined ? await stopped : await Promise.race([stopped, running.failed])
  if (failure !== null) log.fatal({ reason: messageOf(failure) }, 'failed; stopping')
  else log.info({ signal: String(stop.reason) }, 'stopping')
  const closed = await inTime(starting.then((started) => started.close()), log)
  if (closed && failure === null) log.info('stopped')
  return closed && failure === null ? 0 : 1
}

async function inTime(closing: Promise<void>, log: Logger): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => { timer = setTimeout(() => resolve(false), STOP_MS) })
  try {
    const closed = await Promise.race([closing.then(() => true as const), late])
    if (!closed) log.error('could not stop in time')
    return closed
  } catch (error) {
    log.error({ reason: messageOf(error) }, 'error while stopping')
    return false
  } finally {
    clearTimeout(timer)
  }
}
