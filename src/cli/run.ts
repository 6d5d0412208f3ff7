/** `ofswitchd …`: the switch itself. */
import { loadConfig } from '../config/index.js'
import { formatEndpoint } from '../base/endpoint.js'
import { createLogger } from '../base/logger.js'
import { optionSource, parseArguments, type Given } from './arguments.js'
import { logCrashes, runUntilStopped, stopOnSignals } from './lifetime.js'
import { switchOptions } from './options.js'
import { writePidfile } from './pidfile.js'
import { reloadOnHangup } from './reload.js'

/** Resolves with the exit status; throws ConfigError. */
export async function run(args: readonly string[]): Promise<number> {
  const given = withRundir(parseArguments(args, switchOptions))
  const file = given.get('config')?.[0] ?? null
  const config = loadConfig(optionSource(given, switchOptions), file)
  if (given.has('check-config')) {
    const { ports, controllers, listen } = config
    process.stdout.write(`${file ?? 'the configuration'} is valid: ${ports.length} ports, controllers ${list(controllers.map(({ endpoint }) => formatEndpoint(endpoint)))}, listening on ${list(listen.map(formatEndpoint))}\n`)
    return 0
  }
  const stop = stopOnSignals()
  const log = createLogger({ level: config.logLevel })
  logCrashes(log)
  const pidfile = given.get('pidfile')?.[0]
  const removePidfile = pidfile === undefined ? () => {} : writePidfile(pidfile)
  try {
    const { startAgent } = await import('../agent/agent.js')
    const asked = new AbortController()
    return await runUntilStopped(() => {
      const starting = startAgent(config, log, { onExit: () => asked.abort('exit') })
      reloadOnHangup(starting, config, () => loadConfig(optionSource(given, switchOptions), file), log)
      return starting
    }, AbortSignal.any([stop, asked.signal]), log)
  } finally {
    removePidfile()
    await log.close()
  }
}

/** As with Open vSwitch's programs, the environment says where the run directory is when nothing else does. */
function withRundir(given: Given): Given {
  const rundir = process.env['OVS_RUNDIR'] ?? ''
  return given.has('rundir') || given.has('config') || rundir === '' ? given : new Map([...given, ['rundir', [rundir]]])
}

const list = (texts: readonly string[]): string => (texts.length === 0 ? 'none' : texts.join(', '))
