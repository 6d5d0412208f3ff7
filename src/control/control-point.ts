/**
 * What `ovs-appctl` finds in the run directory: the pidfile and the control socket of the switches of this process, and the
 * counters that are sampled for them.
 *
 *   <rundir>/<name>.pid   <rundir>/<name>.<process id>.ctl
 */
import { join } from 'node:path'
import type { Logger } from '../base/logger.js'
import { generalCommands, totalsOf } from './commands.js'
import { Coverage, SAMPLE_MS } from './coverage.js'
import { explainCommand, type ExplainingSwitch } from './explain-command.js'
import { lockPidfile } from './pidfile.js'
import { traceCommands, type TracedSwitch } from './trace-command.js'
import { UnixctlServer } from './unixctl-server.js'

export interface ControlPoint {
  /** Ends it; answers that are under way are still sent. */
  close(): Promise<void>
}

/** Rejects with SwitchError: the folder is not there, another process uses the names. */
export async function openControlPoint(rundir: string, name: string, switches: readonly (TracedSwitch & ExplainingSwitch)[], log: Logger): Promise<ControlPoint> {
  const pidfile = await lockPidfile(join(rundir, `${name}.pid`))
  if (!pidfile.locked) log.warn({ rundir, name }, 'the pidfile cannot be locked without the package koffi: name the control socket by its path')
  const coverage = new Coverage(() => totalsOf(switches))
  const server = new UnixctlServer([...generalCommands(switches, coverage), ...traceCommands(switches), explainCommand(switches)], log)
  try {
    await server.start(join(rundir, `${name}.${process.pid}.ctl`))
  } catch (error) {
    pidfile.remove()
    throw error
  }
  const timer = setInterval(() => coverage.sample(), SAMPLE_MS)
  timer.unref()
  return {
    close: async () => {
      clearInterval(timer)
      pidfile.remove()
      await server.close()
    },
  }
}
