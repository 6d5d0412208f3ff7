/** `ofswitchd target`: the embedded P4 target alone, as a P4Runtime server for a switch in another process. */
import { formatHostPort, parseHostPort } from '../base/endpoint.js'
import { createLogger } from '../base/logger.js'
import { ConfigError, checkConfig } from '../config/index.js'
import { optionSource, parseArguments } from './arguments.js'
import { logCrashes, runUntilStopped, stopOnSignals } from './lifetime.js'
import { targetOptions } from './options.js'
import { writePidfile } from './pidfile.js'

const DEFAULT_LISTEN = '127.0.0.1:9559'

/** Resolves with the exit status; throws ConfigError. */
export async function target(args: readonly string[]): Promise<number> {
  const given = parseArguments(args, targetOptions)
  const listen = given.get('listen')?.[0] ?? DEFAULT_LISTEN
  const address = parseHostPort(listen, 0)
  if (address === null) throw new ConfigError([{ where: `--listen ${listen}`, key: '', reason: 'expected HOST:PORT, with an IPv6 address in brackets' }])
  const config = checkConfig(optionSource(given, targetOptions), null, process.cwd())
  const stop = stopOnSignals()
  const log = createLogger({ level: config.logLevel })
  logCrashes(log)
  const pidfile = given.get('pidfile')?.[0]
  const removePidfile = pidfile === undefined ? () => {} : writePidfile(pidfile)
  try {
    const [{ runTargetServer }, { serveP4Runtime }] = await Promise.all([import('../target/index.js'), import('../p4runtime/index.js')])
    return await runUntilStopped(() => runTargetServer({
      address: formatHostPort(address),
      deviceId: config.deviceId,
      cpuPort: config.cpuPort,
      ports: { kind: 'linux', interfaces: config.ports.map(({ p4Port, interface: name }) => ({ port: p4Port, name })) },
      log,
      serve: serveP4Runtime,
    }), stop, log)
  } finally {
    removePidfile()
    await log.close()
  }
}
