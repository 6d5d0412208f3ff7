/**
 * Where the embedded target's frames come from and go to. Frames are whole Ethernet frames without FCS, with all VLAN
 * tags in place. Port numbers are those of the P4 program (1 … 510).
 */
import type { LinuxPortsSpec } from './spec.js'

export interface PortCounters {
  rxPackets: bigint; rxBytes: bigint; txPackets: bigint; txBytes: bigint; rxDropped: bigint; txDropped: bigint
}
export interface PortDriver {
  /** Begins delivery. `onFrame` may be called many times in one turn of the event loop; it owns the frame it is given. */
  start(onFrame: (port: number, frame: Uint8Array) => void): Promise<void>
  /** Sends on a port; a port that does not exist or is down drops the frame and counts it. The frame may be reused after return. */
  send(port: number, frame: Uint8Array): void
  counters(port: number): PortCounters | null
  /** Link state (carrier) of each port that exists. */
  links(): ReadonlyMap<number, boolean>
  stop(): Promise<void>
  /** Another list of ports, where a driver can have one; ports that stay are not touched. Throws SwitchError and then has those before. */
  setInterfaces?(interfaces: LinuxPortsSpec['interfaces']): void
}
