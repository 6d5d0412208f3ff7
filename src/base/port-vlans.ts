/**
 * Which VLANs a port carries where a switch forwards as an ordinary one, and which of them without a tag: `vlan_mode`, `tag` and
 * `trunks` of Open vSwitch's ports (ovs-vswitchd.conf.db(5), Port, VLAN Configuration). VLAN 0 is that of packets without a VLAN.
 */

export const VLANS = 4096
export const vlanModes = ['access', 'trunk', 'native-tagged', 'native-untagged'] as const
export type VlanMode = (typeof vlanModes)[number]

/** Both included. */
export interface VlanRange { readonly first: number; readonly last: number }

/** `tag`: the VLAN of an access port, the native VLAN; 0 for a trunk. `trunks` null: all VLANs. Plain data, alike where it says the same. */
export interface PortVlans { readonly mode: VlanMode; readonly tag: number; readonly trunks: readonly VlanRange[] | null }

/** The VLAN that a packet comes into by its tag, 0 without one; null: the port does not take it. */
export function admit({ mode, tag, trunks }: PortVlans, vid: number): number | null {
  if (mode === 'access') return vid === 0 ? tag : null
  if (mode !== 'trunk' && vid === 0) return tag
  return isTrunked(mode, tag, trunks, vid) ? vid : null
}

/** Whether packets of a VLAN can have come in by the port. */
export const takes = (vlans: PortVlans, vlan: number): boolean => admit(vlans, 0) === vlan || admit(vlans, vlan) === vlan

/** Whether packets of a VLAN are flooded to the port. */
export const carries = ({ mode, tag, trunks }: PortVlans, vlan: number): boolean => (mode === 'access' ? vlan === tag : isTrunked(mode, tag, trunks, vlan))

/** Whether packets of a VLAN leave through the port without a tag, whatever its priority. */
export const untags = ({ mode, tag }: PortVlans, vlan: number): boolean => mode === 'access' || mode === 'native-untagged' && vlan === tag

/** A port with a native VLAN carries it, and then not VLAN 0, whatever its list says. */
function isTrunked(mode: VlanMode, tag: number, trunks: PortVlans['trunks'], vlan: number): boolean {
  if (mode !== 'trunk' && tag !== 0) {
    if (vlan === tag) return true
    if (vlan === 0) return false
  }
  return trunks === null || trunks.some(({ first, last }) => vlan >= first && vlan <= last)
}

/** In ascending order and as few as possible. */
export function joinedRanges(ranges: readonly VlanRange[]): readonly VlanRange[] {
  const joined: { first: number; last: number }[] = []
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = joined.at(-1)
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last)
    else joined.push({ first, last })
  }
  return joined
}
