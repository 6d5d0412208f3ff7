/** What ports an embedded target has: the plain-data description that configuration produces and a worker thread can be sent. */

export interface LinuxPortsSpec { readonly kind: 'linux'; readonly interfaces: readonly { readonly port: number; readonly name: string }[] }

export interface SimulatedHostSpec {
  readonly port: number
  readonly name: string
  readonly mac: string
  /** Without a prefix length every address is on the link. */
  readonly ip: string
  readonly prefixLength?: number
  /** Where packets to other networks go. */
  readonly gateway?: string
  /** Besides the link-local address that follows from `mac`. */
  readonly ipv6?: string
  /** The host speaks 802.1Q with this id and hears nothing else. */
  readonly vlan?: number
}
export interface SimulatedPortsSpec {
  readonly kind: 'simulated'
  readonly hosts: readonly SimulatedHostSpec[]
  /** Every host pings the next one once in each interval. */
  readonly pings?: { readonly intervalMs: number }
  /** How long a frame is on the wire, default 0. */
  readonly latencyMs?: number
}

export interface MemoryPortsSpec { readonly kind: 'memory'; readonly ports: readonly number[] }

export type PortsSpec = (LinuxPortsSpec | SimulatedPortsSpec | MemoryPortsSpec) & {
  /** Classic pcap file for each port named here: everything it receives and sends. */
  readonly capture?: readonly { readonly port: number; readonly path: string }[]
}
