/** What the commands of the control socket need of the switch; the agent provides it. */
import type { LogControl } from '../base/logger.js'
import type { PortVlans } from '../base/port-vlans.js'
import type { HostView } from '../datapath/hosts.js'
import type { GroupRecord } from '../datapath/pipeline.js'
import type { Message, PortDesc } from '../openflow/model.js'

export interface ControlledSwitch {
  /** The name by which commands call the switch. */
  readonly bridge: string
  /** 'embedded', or the address of the P4Runtime server. */
  readonly target: string
  ports(): readonly PortDesc[]
  /** Port of the P4 program of an OpenFlow port; null where there is none. */
  targetPort(portNo: number): number | null
  /** What the program is called and which version it is. */
  readonly version: string
  /** Null where the program's log is not ours. */
  readonly log: LogControl | null
  /** What has happened since the start, by name; what begins with `p4runtime_` is the same for all switches on a target. */
  totals(): Readonly<Record<string, number>>
  /** How many there are, by name. */
  sizes(): Readonly<Record<string, number>>
  groups(): readonly GroupRecord[]
  /** Null where the pipeline has no NORMAL. */
  hosts(): readonly HostView[] | null
  /** Which VLANs NORMAL takes and sends at a port; null: all. */
  vlansOf(portNo: number): PortVlans | null
  flushHosts(): void
  /** Sends a request as a management client would; resolves with everything that came back before a barrier's answer. */
  request(message: Message): Promise<readonly Message[]>
  /** Ends the program; resolves when nothing of it is open any more but the connection that asks. Null where it cannot be ended so. */
  readonly exit: (() => Promise<void>) | null
}
