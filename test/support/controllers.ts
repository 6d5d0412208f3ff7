/**
 * Real controllers as processes: Faucet, and learning switches. Faucet and os-ken live in a Python virtual environment
 * outside the repository, which .ci/controllers makes; OFSWITCHD_CONTROLLERS names another folder.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Daemon, isExecutable, onPath, until } from './netns-process.js'
import type { Namespace, Sandbox } from './netns.js'

export const controllerFolder = process.env['OFSWITCHD_CONTROLLERS']
  ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'ofswitchd-ci', 'venv')
const program = (name: string): string => join(controllerFolder, 'bin', name)

export const CONTROLLER_PORT = 6653
export const controllerAddress = `tcp:127.0.0.1:${CONTROLLER_PORT}`
const PROMETHEUS_PORT = 9302

export const whyNoFaucet = (): string | undefined =>
  isExecutable(program('faucet')) ? undefined : `Faucet is not installed in ${controllerFolder} (.ci/controllers does it)`

export const whyNoOsKen = (): string | undefined =>
  isExecutable(program('osken-manager')) && existsSync(join(controllerFolder, 'apps', 'ofctl_rest.py')) ? undefined
    : `os-ken and its applications are not installed in ${controllerFolder} (.ci/controllers does it)`

export class Faucet {
  readonly #namespace: Namespace
  readonly #folder: string
  readonly daemon: Daemon

  private constructor(namespace: Namespace, folder: string, daemon: Daemon) {
    this.#namespace = namespace
    this.#folder = folder
    this.daemon = daemon
  }

  /** Starts Faucet with a configuration and waits until it listens, on an address of the namespace. */
  static async start(sandbox: Sandbox, namespace: Namespace, config: string, address = '127.0.0.1', withinMs = 30_000): Promise<Faucet> {
    const folder = mkdtempSync(join(tmpdir(), 'ofs-faucet-'))
    sandbox.onClose(async () => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'faucet.yaml'), config)
    const daemon = namespace.daemon('faucet', program('faucet'),
      [`--ryu-ofp-tcp-listen-port=${CONTROLLER_PORT}`, `--ryu-ofp-listen-host=${address}`], {
        ...environment(),
        FAUCET_CONFIG: join(folder, 'faucet.yaml'),
        FAUCET_LOG: join(folder, 'faucet.log'),
        FAUCET_EXCEPTION_LOG: join(folder, 'exception.log'),
        FAUCET_PROMETHEUS_ADDR: '127.0.0.1',
        FAUCET_PROMETHEUS_PORT: String(PROMETHEUS_PORT),
      })
    const faucet = new Faucet(namespace, folder, daemon)
    await until(() => `Faucet to start:\n${daemon.log}\n${faucet.log()}`, async () => {
      if (!daemon.running) throw new Error(`Faucet ended while starting\n${daemon.log}`)
      return (await faucet.metrics()) !== undefined
    }, withinMs, 200)
    return faucet
  }

  /** Waits until Faucet has configured so many switches. */
  async connected(switches = 1, timeoutMs = 30_000): Promise<void> {
    await until(() => `Faucet to configure ${switches} of its switches:\n${this.log()}`,
      async () => [...(await this.metrics() ?? '').matchAll(/^dp_status\{.*\} 1\.0$/gm)].length >= switches, timeoutMs, 200)
  }

  /** The value of a counter of Faucet, over all its switches; 0 where it has counted nothing. */
  async counter(name: string): Promise<number> {
    return [...(await this.metrics() ?? '').matchAll(new RegExp(`^${name}(?:\\{.*\\})? ([\\d.e+]+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0)
  }

  /** Replaces the configuration as the tutorial does, and waits until it is in force. */
  async reload(config: string, withinMs = 20_000): Promise<void> {
    const applied = (): Promise<number> => this.counter('faucet_config_reload_requests_total')
    const before = await applied()
    writeFileSync(join(this.#folder, 'faucet.yaml'), config)
    this.daemon.kill('SIGHUP')
    await until(() => `Faucet to reload:\n${this.log()}`, async () => await applied() > before, withinMs, 100)
    await this.connected(1, Math.max(withinMs, 30_000))
  }

  log(): string { return this.#read('faucet.log') }

  /** Everything Faucet has to complain about: exceptions, error messages of the switch, lines of its log. */
  async complaints(): Promise<string[]> {
    const errors = [...(await this.metrics() ?? '').matchAll(/^of_errors_total\{.*\} ([\d.]+)$/gm)].filter(([, count]) => Number(count) > 0).map(([line]) => line)
    const lines = this.log().split('\n').filter((line) => /\bERROR\b|OFError|OFPErrorMsg|CRITICAL/.test(line) && !beforeConnection.test(line))
    return [...errors, ...lines, ...this.#read('exception.log').split('\n').filter((line) => line !== '')]
  }

  async metrics(): Promise<string | undefined> {
    const done = await this.#namespace.run('python3', ['-c', FETCH, `http://127.0.0.1:${PROMETHEUS_PORT}/metrics`])
    return done.code === 0 ? done.stdout : undefined
  }

  #read(name: string): string {
    const file = join(this.#folder, name)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
}

export interface LearningSwitch {
  readonly name: string
  /** The version it speaks, as `ovs-ofctl -O` names it. */
  readonly version: string
  /** A line of its log that says that the OpenFlow handshake is over. */
  readonly connected: string
  /** Whether one target of ofswitchd is enough: the version differs from the others' in the channel only. */
  readonly brief?: boolean
  whyNot(): string | undefined
  start(namespace: Namespace): Daemon
}

/** os-ken with one of its applications, listening on an address of the namespace. */
const osKenApplication = (namespace: Namespace, app: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, address = '127.0.0.1'): Daemon =>
  namespace.daemon(app, program('osken-manager'),
    ['--ofp-listen-host', address, '--ofp-tcp-listen-port', String(CONTROLLER_PORT), ...args, application(app)], { ...environment(), ...env })

const application = (app: string): string => join(controllerFolder, 'apps', `${app}.py`)

const osKen = (app: `simple_switch${'' | '_12' | '_13' | '_14' | '_15'}`, version: string): LearningSwitch => ({
  name: `os-ken ${app}`,
  version,
  connected: 'move onto main mode',
  whyNot: whyNoOsKen,
  start: (namespace) => osKenApplication(namespace, app, ['--verbose']),
})

/** Where os-ken's REST applications listen by default. */
export const restAddress = 'http://127.0.0.1:8080'
const restServer = join(process.cwd(), 'test/support/os-ken-rest.py')

/** ofctl_rest with one of the versions it knows: 1.0 and 1.2 to 1.5, as the number of the wire. */
export const osKenOfctlRest = (namespace: Namespace, version: number): Daemon =>
  osKenApplication(namespace, 'ofctl_rest', ['--user-flags', restServer, restServer], { OFP_VERSION: String(version) })

/** os-ken's discovery of links by LLDP, as rest_topology tells it. */
export const osKenTopology = (namespace: Namespace, version: number, address: string): Daemon =>
  osKenApplication(namespace, 'rest_topology', ['--observe-links', '--user-flags', restServer, restServer], { OFP_VERSION: String(version) }, address)

/** os-ken's simple_switch_13 behind TLS, on the controller's port. */
export const osKenOverTls = (namespace: Namespace, files: { readonly key: string; readonly cert: string; readonly ca: string }): Daemon =>
  namespace.daemon('os-ken over TLS', program('osken-manager'),
    ['--verbose', '--ofp-listen-host', '127.0.0.1', '--ofp-ssl-listen-port', String(CONTROLLER_PORT), '--ctl-privkey', files.key, '--ctl-cert', files.cert,
      '--ca-certs', files.ca, application('simple_switch_13')],
    environment())

/** os-ken's tester (os_ken/tests/switch/tester.py) with a file or folder of its cases; it needs two switches and ends by itself. */
export const osKenTester = (namespace: Namespace, address: string, version: string, tester: string, cases: string): Daemon =>
  namespace.daemon("os-ken's tester", program('osken-manager'),
    ['--ofp-listen-host', address, '--ofp-tcp-listen-port', String(CONTROLLER_PORT), '--test-switch-target-version', version,
      '--test-switch-tester-version', version, '--test-switch-dir', cases, tester],
    environment())

const testController = (version: string): LearningSwitch => ({
  name: `ovs-testcontroller, ${version}`,
  version,
  connected: 'OFPT_FEATURES_REPLY',
  whyNot: () => onPath('ovs-testcontroller') === undefined ? 'ovs-testcontroller is not installed' : undefined,
  start: (namespace) => namespace.daemon('ovs-testcontroller', 'ovs-testcontroller',
    ['-O', version, '-vvconn:console:dbg', `--unixctl=${join(tmpdir(), `${namespace.name}-controller.ctl`)}`, `ptcp:${CONTROLLER_PORT}:127.0.0.1`]),
})

/** Not ovs-testcontroller in 1.5: what 3.1 sends as a packet-out then is refused by Open vSwitch itself (OFPBMC_BAD_MASK). */
export const learningSwitches: readonly LearningSwitch[] = [
  osKen('simple_switch_13', 'OpenFlow13'), osKen('simple_switch', 'OpenFlow10'), osKen('simple_switch_15', 'OpenFlow15'),
  { ...osKen('simple_switch_12', 'OpenFlow12'), brief: true }, { ...osKen('simple_switch_14', 'OpenFlow14'), brief: true },
  testController('OpenFlow10'), testController('OpenFlow11'), testController('OpenFlow13'), testController('OpenFlow14'),
]

/** Programs of the environment start each other by name. */
const environment = (): NodeJS.ProcessEnv =>
  ({ ...process.env, PATH: `${join(controllerFolder, 'bin')}:${process.env['PATH'] ?? ''}` })

/** Faucet's timers send before the first connection, with any switch. */
const beforeConnection = /send_flow_msgs: DP not up/

const FETCH = `
import sys, urllib.request
sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())
`
