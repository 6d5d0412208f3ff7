/**
 * A switch that a black-box test runs against. A test is written once, takes a `Subject`, and sees it only from outside:
 * its ports, its OpenFlow listener and the controllers it connects to. subject-list.ts lists them.
 *
 * Open vSwitch is a subject too: it proves the test itself, and where a test compares, it supplies the expectation.
 */
import type { Daemon, Finished, RunOptions } from './netns-process.js'
import type { Namespace, Sandbox } from './netns.js'

export interface SubjectOptions {
  /** Ports n are the interfaces `pn` of the namespace; they exist before the switch starts. */
  readonly ports: readonly number[]
  /** Active controller connections, e.g. `tcp:127.0.0.1:6653`. */
  readonly controllers?: readonly string[]
  readonly datapathId?: string
  /** Further options of ofswitchd; Open vSwitch does not get them. */
  readonly agentArguments?: readonly string[]
  /** A configuration file of ofswitchd that names the ports, in place of options. */
  readonly portsFile?: string
  /** A folder that gets a capture file p<n>.pcap of each port. */
  readonly capture?: string
}

export interface RunningSwitch {
  readonly subject: Subject
  readonly namespace: Namespace
  /** How ovs-ofctl and other clients inside the namespace reach the switch. */
  readonly listener: string
  readonly listenPort: number
  /** Runs ovs-ofctl; the word TARGET in the arguments stands for this switch. */
  ofctl(args: readonly string[], options?: RunOptions): Promise<Finished>
  /** Runs ovs-appctl on this switch. */
  appctl(args: readonly string[]): Promise<Finished>
  /** The run directory by which ovs-ofctl and ovs-appctl know this switch as br0. */
  readonly rundir: string
  /** Makes counters that the switch collects lazily exact. */
  settle(): Promise<void>
  /** What the switch's processes have printed, for failure reports. */
  log(): string
  readonly processes: readonly Daemon[]
  /** Restarts the packet-forwarding process behind the agent, where there is one. */
  restartTarget?(): Promise<void>
  /** Kills the agent and starts a new one, while the packet-forwarding process goes on. */
  restartAgent?(): Promise<void>
  /** Kills the agent; restartAgent() starts a new one. */
  killAgent?(): Promise<void>
}

export interface Subject {
  readonly name: string
  /** The OpenFlow versions it offers, as `ovs-ofctl -O` names them. */
  readonly versions: readonly string[]
  /** Why this switch cannot be run here; undefined where it can. */
  whyNot(): string | undefined
  start(sandbox: Sandbox, namespace: Namespace, options: SubjectOptions): Promise<RunningSwitch>
}

export const LISTEN_PORT = 16_654
export const DATAPATH_ID = '0000000000000001'
