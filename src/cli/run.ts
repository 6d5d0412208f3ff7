/** `ofswitchd …`: the switch itself. */
import { loadConfig } from '../config/index.js'
import { formatEndpoint } from '../base/endpoint.js'
import { createLogger } from '../base/logger.js'
import { optionSource, parseArguments } from './arguments.js'
import { logCrashes, runUntilStopped, stopOnSignals } from './lifetime.js'
import { switchOptions } from './options.js'
import { writePidfile } from './pidfile.js'

/** Resolves with the exit status; throws ConfigError. */
export async function run(args: readonly string[]): Promise<number> {
  const given = parseArguments(args, switchOptions)
  const file = given.get('config')?.[0] ?? null
  const config = loadConfig(optionSource(given, switchOptions), file)
  if (given.has('check-config')) {
    const { ports, controllers, listen } = config
    process.stdout.write(`${file ?? 'the configuration'} is valid: ${ports.length} ports, controllers ${list(controllers.map(formatEndpoint))}, listening on ${list(listen.map(formatEndpoint))}\n`)
    return 0
  }
  const stop = stopOnSignals()
  const log = createLogger({ level: config.logLevel })
  logCrashes(log)
  const pidfile = given.get('pidfile')?.[0]
  const removePidfile = pidfile === undefined ? () => {} : writePidfile(pidfile)
  try {
    const { startAgent } = await import('../agent/agent.js')
    return await runUntilStopped(() => startAgent(config, log), stop, log)
  } finally {
    removePidfile()
    await log.close()
  }
}

const list = (texts: readonly string[]): string => (texts.length === 0 ? 'none' : texts.join(', '))
