/**
 * os-ken's switch tests as a test of ours: a tester switch (Open vSwitch, datapath id 2) and the switch under test
 * (datapath id 1), joined by three cables, and os-ken's tester as the controller of both.
 *
 *   namespace "tester"                       namespace "sw"
 *   os-ken's tester :6653  ──── ctl ════ ctl ──── controller connection
 *   Open vSwitch p1 p2 p3  ──── p1‥p3 ══ p1‥p3 ── switch under test
 *
 * The tester sets a flow up, checks that it is in the statistics, sends a frame into port 1 through its switch, and
 * compares what comes out of port 2, or as a packet-in, with what the case expects.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CONTROLLER_PORT, controllerFolder, osKenTester, whyNoOsKen } from './controllers.js'
import { until } from './netns-process.js'
import { hostMac, type Namespace, portMac, Sandbox } from './netns.js'
import { openVSwitchSubject } from './ovs-subject.js'
import type { Subject } from './subject.js'

export type SuiteVersion = 'of10' | 'of13' | 'of14'
export interface SuiteCase {
  /** The description of its file, e.g. `action: 00_OUTPUT`. */
  readonly file: string
  readonly name: string
  /** Why it failed; undefined where it passed. */
  readonly error: string | undefined
}
export interface SuiteOptions {
  readonly version: SuiteVersion
  /** Folders of the version: action, match, group, meter. */
  readonly folders: readonly string[]
  /** Which files, by the description in them; all by default. */
  readonly files?: (description: string) => boolean
  /** Whether to leave out the cases of frames that match nothing, for each of which the tester waits a second. */
  readonly withoutMisses?: boolean
  /** A folder that gets p2.pcap: what the switch under test sent out of port 2. */
  readonly capture?: string
  readonly timeoutMs: number
}

const PORTS = [1, 2, 3] as const
const CONTROL_PORT = 9
const TESTER_ADDRESS = '10.254.0.1'
const SUBJECT_ADDRESS = '10.254.0.2'
const NAMES = { of10: 'openflow10', of13: 'openflow13', of14: 'openflow14' } as const

/** Where os-ken is installed, with its switch tests. */
function suiteFolder(): string | undefined {
  const lib = join(controllerFolder, 'lib')
  if (!existsSync(lib)) return undefined
  return readdirSync(lib).map((name) => join(lib, name, 'site-packages/os_ken/tests/switch')).find((path) => existsSync(join(path, 'tester.py')))
}

export const whyNoOsKenSuite = (): string | undefined => whyNoOsKen()
  ?? (suiteFolder() === undefined ? `os-ken in ${controllerFolder} has no switch tests` : undefined)
  ?? openVSwitchSubject.whyNot()

/** Runs cases of the suite on a switch, in a sandbox of its own. */
export async function runSuite(subject: Subject, options: SuiteOptions): Promise<SuiteCase[]> {
  const sandbox = new Sandbox()
  try {
    const { sw, tester } = await namespaces(sandbox)
    const controllers = [`tcp:${TESTER_ADDRESS}:${CONTROLLER_PORT}`]
    const target = await subject.start(sandbox, sw, { ports: PORTS, controllers, datapathId: '0000000000000001' })
    // A barrier waits for the target to be ready, and the tester for no barrier more than three seconds.
    const ready = await target.ofctl(['-O', 'OpenFlow13', 'del-flows', 'TARGET'], { timeoutMs: 60_000 })
    if (ready.code !== 0) throw new Error(`the switch under test is not ready: ${ready.stderr}\n${target.log()}`)
    await openVSwitchSubject.start(sandbox, tester, {
      ports: PORTS, controllers, datapathId: '0000000000000002', ...(options.capture === undefined ? {} : { capture: options.capture }),
    })
    const daemon = osKenTester(tester, TESTER_ADDRESS, NAMES[options.version], join(suiteFolder()!, 'tester.py'), selection(sandbox, options))
    await until(() => `os-ken's tests to end\n${daemon.log.slice(-4000)}\n${target.log().slice(-4000)}`, () => {
      if (daemon.log.includes(END)) return true
      if (!daemon.running) throw new Error(`os-ken's tester ended early\n${daemon.log.slice(-4000)}`)
      return false
    }, options.timeoutMs, 250)
    // The summary follows the end; the tester leaves by itself after it.
    await until(() => `the summary\n${daemon.log.slice(-4000)}`, () => SUMMARY.test(daemon.log))
    return readReport(daemon.log)
  } finally {
    await sandbox.close()
  }
}

async function namespaces(sandbox: Sandbox): Promise<{ sw: Namespace; tester: Namespace }> {
  const sw = await sandbox.namespace('sw')
  const tester = await sandbox.namespace('tester')
  for (const port of PORTS)
    await sandbox.cable({ namespace: sw, name: `p${port}`, mac: portMac(port) }, { namespace: tester, name: `p${port}`, mac: hostMac(port) })
  await sandbox.cable({ namespace: sw, name: 'ctl', mac: portMac(CONTROL_PORT) }, { namespace: tester, name: 'ctl', mac: hostMac(CONTROL_PORT) })
  await sw.must('ip', ['address', 'add', `${SUBJECT_ADDRESS}/30`, 'dev', 'ctl'])
  await tester.must('ip', ['address', 'add', `${TESTER_ADDRESS}/30`, 'dev', 'ctl'])
  return { sw, tester }
}

/** A folder with the chosen cases. */
function selection(sandbox: Sandbox, { version, folders, files, withoutMisses }: SuiteOptions): string {
  const chosen = mkdtempSync(join(tmpdir(), 'ofs-os-ken-'))
  sandbox.onClose(async () => rmSync(chosen, { recursive: true, force: true }))
  for (const folder of folders) {
    const from = join(suiteFolder()!, version, folder)
    const to = join(chosen, folder)
    mkdirSync(to)
    for (const name of readdirSync(from, { recursive: true }).map(String).filter((each) => each.endsWith('.json'))) {
      const [description, ...cases] = JSON.parse(readFileSync(join(from, name), 'utf8')) as [string, ...{ tests: object[] }[]]
      if (files?.(description) === false) continue
      const kept = withoutMisses !== true ? cases : cases.filter(({ tests }) => !tests.some((test) => 'table-miss' in test))
      // The tester takes two files of one description for one: the last it finds, in whatever order.
      writeFileSync(join(to, name.replaceAll('/', '-')), JSON.stringify([description, ...kept]))
    }
  }
  return chosen
}

const END = '---  Test end  ---'
const SUMMARY = /^OK\((\d+)\) \/ ERROR\((\d+)\)$/m

/** What the tester printed, as cases. Fails where its own summary counts otherwise. */
export function readReport(log: string): SuiteCase[] {
  const cases: { file: string; name: string; error: string | undefined }[] = []
  let file = ''
  for (const line of log.slice(0, log.indexOf(END)).split('\n')) {
    const result = /^ {4}(\S.*?) +(OK|ERROR)$/.exec(line)
    if (result !== null) cases.push({ file, name: result[1]!, error: result[2] === 'OK' ? undefined : '' })
    else if (/^ {8}\S/.test(line) && cases.at(-1)?.error === '') cases.at(-1)!.error = line.trim()
    else if (/^(action|match|group|meter): /.test(line)) file = line
  }
  const [, ok, failed] = SUMMARY.exec(log) ?? []
  const errors = cases.filter(({ error }) => error !== undefined).length
  if (Number(ok) !== cases.length - errors || Number(failed) !== errors)
    throw new Error(`${cases.length - errors} passed and ${errors} failed here, but the tester counts ${ok} and ${failed}\n${log}`)
  return cases
}
