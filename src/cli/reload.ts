/** Another configuration for a running switch: SIGHUP, and `ofswitchd reload`, which sends it. */
import type { Agent } from '../agent/agent.js'
import { messageOf, SwitchError } from '../base/errors.js'
import type { RootLogger } from '../base/logger.js'
import { ConfigError, formatProblem } from '../config/index.js'
import type { Config } from '../config/index.js'
import { parseArguments } from './arguments.js'
import { reloadOptions } from './options.js'
import { runningProcess } from './pidfile.js'

/** `read` throws ConfigError. What cannot be used leaves everything as it is, and is logged. */
export function reloadOnHangup(starting: Promise<Agent>, config: Config, read: () => Config, log: RootLogger): void {
  let { logLevel } = config
  const reload = async (): Promise<void> => {
    try {
      const agent = await starting
      const wanted = read()
      const left = await agent.reload(wanted)
      if (wanted.logLevel !== logLevel) log.control.setLevel(null, wanted.logLevel)
      logLevel = wanted.logLevel
      if (left.length > 0) log.warn({ keys: left }, 'the configuration was reloaded, but these keys need a restart')
      else log.info('the configuration was reloaded')
    } catch (error) {
      const reasons = error instanceof ConfigError ? error.problems.map(formatProblem) : [messageOf(error)]
      log.error({ reasons }, 'the configuration was not reloaded; the one before stays in force')
    }
  }
  let last = Promise.resolve()
  process.on('SIGHUP', () => { last = last.then(reload) })
}

/** `ofswitchd reload --pidfile FILE`. Resolves with the exit status; throws ConfigError, SwitchError. */
export async function reload(args: readonly string[]): Promise<number> {
  const path = parseArguments(args, reloadOptions).get('pidfile')?.[0]
  if (path === undefined) throw new ConfigError([{ where: '--pidfile', key: '', reason: 'needed, to find the running switch' }])
  const pid = runningProcess(path)
  if (pid === null) throw new SwitchError('process.absent', `--pidfile ${path}: no ofswitchd is running with it`)
  try {
    process.kill(pid, 'SIGHUP')
  } catch (error) {
    throw new SwitchError('process.signal', `process ${pid}: ${messageOf(error)}`, { cause: error })
  }
  process.stdout.write(`process ${pid} reloads its configuration; its log tells how it went\n`)
  return 0
}
