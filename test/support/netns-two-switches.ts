/**
 * Two switches that are joined by a link, each with two hosts, and a controller of both next to the first:
 *
 *   h1 ─ p1 ┌ "sw"  ┐ p5 ═══ p6 ┌ "sw2" ┐ p3 ─ h3
 *   h2 ─ p2 └ dpid 1┘           └ dpid 2┘ p4 ─ h4
 *        controller :6653 ─ ctl ═══ ctl
 */
import { CONTROLLER_PORT } from './controllers.js'
import { attachHosts, type Host } from './netns-hosts.js'
import { hostMac, type Namespace, portMac, type Sandbox } from './netns.js'
import type { RunningSwitch, Subject } from './subject.js'

const CONTROL_PORT = 9
/** Where the controller has to listen, in the first switch's namespace. */
export const CONTROLLER_ADDRESS = '10.254.0.1'

export interface TwoSwitches {
  readonly hosts: ReadonlyMap<number, Host>
  /** The namespace of the controller and the first switch. */
  readonly first: Namespace
  start(): Promise<readonly [RunningSwitch, RunningSwitch]>
}

export async function twoSwitches(sandbox: Sandbox, subject: Subject): Promise<TwoSwitches> {
  const first = await sandbox.namespace('sw')
  const second = await sandbox.namespace('sw2')
  const hosts = new Map([
    ...await attachHosts(sandbox, first, { 1: '10.0.0.1/24', 2: '10.0.0.2/24' }),
    ...await attachHosts(sandbox, second, { 3: '10.0.0.3/24', 4: '10.0.0.4/24' }),
  ])
  await sandbox.cable({ namespace: first, name: 'p5', mac: portMac(5) }, { namespace: second, name: 'p6', mac: portMac(6) })
  await sandbox.cable({ namespace: first, name: 'ctl', mac: portMac(CONTROL_PORT) }, { namespace: second, name: 'ctl', mac: hostMac(CONTROL_PORT) })
  await first.must('ip', ['address', 'add', `${CONTROLLER_ADDRESS}/30`, 'dev', 'ctl'])
  await second.must('ip', ['address', 'add', '10.254.0.2/30', 'dev', 'ctl'])
  const controllers = [`tcp:${CONTROLLER_ADDRESS}:${CONTROLLER_PORT}`]
  return {
    hosts, first,
    start: async () => [
      await subject.start(sandbox, first, { ports: [1, 2, 5], controllers, datapathId: '0000000000000001' }),
      await subject.start(sandbox, second, { ports: [3, 4, 6], controllers, datapathId: '0000000000000002' }),
    ],
  }
}
