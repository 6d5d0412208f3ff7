/**
 * `ofswitchd quick-start`: everything in one process, to see it work. A switch with the embedded target, simulated hosts
 * on its ports, and the example controller over a real TCP connection; a controller of the user's takes over when it
 * comes. Needs neither root nor a network.
 */
import { createServer } from 'node:net'
import type { Agent } from '../agent/agent.js'
import { SwitchError } from '../base/errors.js'
import { formatEndpoint } from '../base/endpoint.js'
import { createLogger } from '../base/logger.js'
import type { Logger } from '../base/logger.js'
import { checkConfig } from '../config/index.js'
import type { Config, SimulatedHost } from '../config/index.js'
import { LearningController } from '../example/learning-controller.js'
import { SimulatedPortDriver } from '../target/ports/index.js'
import type { PortDriver } from '../target/ports/index.js'
import { optionSource, parseArguments } from './arguments.js'
import { logCrashes, runUntilStopped, stopOnSignals } from './lifetime.js'
import type { Running } from './lifetime.js'
import { quickStartOptions } from './options.js'
import { PingWatch, describePing } from './ping-watch.js'
import { readCommands } from './prompt.js'
import { Takeover } from './takeover.js'

/** The ports of the embedded target are ours, so that we can ping from them. */
type StartAgent = (config: Config, log: Logger, options: { readonly ports: PortDriver }) => Promise<Agent>

const hosts: readonly SimulatedHost[] = [1, 2, 3, 4].map((n) => ({ name: `h${n}`, port: n, mac: `00:00:00:00:00:0${n}`, ipv4: `10.0.0.${n}` }))
const LISTEN_PORT = 6654
/** How long the controller has to teach the switch before the first pings. */
const READY_MS = 10_000

const say = (line: string): void => { process.stdout.write(`${line}\n`) }

/** Resolves with the exit status; throws ConfigError. */
export async function quickStart(args: readonly string[]): Promise<number> {
  const given = parseArguments(args, quickStartOptions)
  const options = optionSource(given, quickStartOptions)
  const checked = checkConfig(options, null, process.cwd())
  const stop = stopOnSignals()
  const log = createLogger({ level: given.has('log-level') ? checked.logLevel : 'warn', fd: 2 })
  logCrashes(log)
  try {
    return await runUntilStopped(() => start(checked, given.has('controller'), stop, log), stop, log)
  } finally {
    await log.close()
  }
}

async function start(given: Config, ownControllers: boolean, stop: AbortSignal, log: Logger): Promise<Running> {
  const ready = signal()
  let example = new LearningController()
  const newExample = (): LearningController => new LearningController({
    onSwitch: () => ready.fire(),
    onError: (_, error) => log.warn({ error }, 'example controller: the switch refused something'),
  })
  example = newExample()
  const examplePort = await example.listen()
  const takeover = new Takeover({
    start: async () => {
      example = newExample()
      await example.listen(examplePort)
    },
    stop: () => example.close({ removeFlows: true }),
  }, (peer) => peer === `tcp:127.0.0.1:${examplePort}`, (line) => say(line))

  const configFor = (listenPort: number | null): Config => ({
    ...given,
    target: { kind: 'simulated', hosts },
    ports: hosts.map(({ port, name }) => ({ number: port, interface: name, p4Port: port })),
    controllers: [
      { endpoint: { transport: 'tcp', passive: false, host: '127.0.0.1', port: examplePort } },
      ...(ownControllers ? given.controllers : [{ endpoint: { transport: 'tcp', passive: false, host: '127.0.0.1', port: 6653 } } as const]),
    ],
    listen: listenPort === null ? given.listen : [{ transport: 'tcp', passive: true, host: '127.0.0.1', port: listenPort }],
  })
  const { startAgent } = await import('../agent/agent.js')
  const startWithPorts: StartAgent = startAgent
  const startOn = async (listenPort: number | null): Promise<{ agent: Agent; config: Config; network: SimulatedPortDriver; listenPort: number | null }> => {
    const config = configFor(listenPort)
    const network = new SimulatedPortDriver({ kind: 'simulated', hosts: hosts.map(({ name, port, mac, ipv4 }) => ({ name, port, mac, ip: ipv4 })) }, { log })
    return { agent: await startWithPorts(config, log, { ports: network }), config, network, listenPort }
  }
  const { agent, config, network, listenPort } = given.listen.length > 0
    ? await startOn(null)
    // The port that was free a moment ago may be somebody else's by now.
    : await freePort(LISTEN_PORT).then(startOn).catch((error: unknown) => {
      if (error instanceof SwitchError && error.code === 'channel.listen') return freePort(LISTEN_PORT + 1).then(startOn)
      throw error
    })
  agent.channels.watch({ onOpen: (connection) => takeover.onOpen(connection), onClose: (id, reason) => takeover.onClose(id, reason) })
  introduce(config, examplePort, listenPort)

  const watch = new PingWatch({ hosts: hosts.map(({ name, ipv4 }) => ({ name, ip: ipv4 })), ping: (...call) => network.ping(...call) }, say)
  const closePrompt = readCommands(process.stdin, process.stdout, {
    ping: async (from, to) => {
      const [source, target] = [host(from), host(to)]
      if (source === null || target === null) return `the hosts are ${hosts.map(({ name }) => name).join(', ')}`
      return describePing(source, target, await network.ping(source.name, target.ip, 3, { intervalMs: 200, timeoutMs: 1000 }), 3)
    },
    quit: () => process.kill(process.pid, 'SIGINT'),
  })
  const pings = ready.within(READY_MS)
    .then(async (taught) => {
      if (stop.aborted) return
      if (!taught) say('the controller has not taught the switch yet; pinging anyway')
      const all = await watch.firstRound()
      if (!stop.aborted) say(`${all ? 'Every host reaches its neighbour.' : 'Not every host reaches its neighbour.'} Ctrl-C stops; only changes are told from here on.`)
      await watch.watch()
    })
    .catch((error: unknown) => log.error({ reason: String(error) }, 'pings failed'))
  return {
    failed: agent.failed,
    close: async () => {
      closePrompt()
      watch.stop()
      ready.fire()
      await Promise.all([takeover.end(), agent.close()])
      await pings
    },
  }
}

function introduce(config: Config, examplePort: number, listenPort: number | null): void {
  const others = config.controllers.slice(1).map(({ endpoint }) => formatEndpoint(endpoint))
  const [listener] = config.listen.map(formatEndpoint)
  const dpid = config.datapathId.toString(16).padStart(16, '0')
  say(`switch      datapath ${dpid}, OpenFlow 1.0 to 1.5, on the embedded P4 target`)
  for (const { name, port, ipv4 } of hosts) say(`            port ${port}: simulated host ${name} ${ipv4}`)
  say(`controller  example learning switch on tcp:127.0.0.1:${examplePort}`)
  for (const other of others) say(`            yours is welcome on ${other}: start Faucet, os-ken … and it takes over`)
  if (listenPort !== null && listenPort !== LISTEN_PORT) say(`listening   ${listener} (${LISTEN_PORT} is taken)`)
  else for (const endpoint of config.listen) say(`listening   ${formatEndpoint(endpoint)}`)
  if (listenPort !== null) say(`            try: ovs-ofctl -O OpenFlow13 dump-flows tcp:127.0.0.1:${listenPort}`)
  say('')
}

function host(name: string): { readonly name: string; readonly ip: string } | null {
  const found = hosts.find((each) => each.name === name)
  return found === undefined ? null : { name, ip: found.ipv4 }
}

/** The first port from `first` on that can be bound on loopback. */
async function freePort(first: number): Promise<number> {
  for (let port = first; port < first + 100; port++) if (await isFree(port)) return port
  throw new SwitchError('channel.listen', `no free port on 127.0.0.1 from ${first} to ${first + 99}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

/** Something that happens once and is waited for with a limit. */
function signal(): { fire(): void; within(ms: number): Promise<boolean> } {
  let fire = (): void => {}
  const fired = new Promise<true>((resolve) => { fire = () => resolve(true) })
  return {
    fire: () => fire(),
    within: async (ms) => {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<false>((resolve) => { timer = setTimeout(() => resolve(false), ms) })
      try {
        return await Promise.race([fired, late])
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
