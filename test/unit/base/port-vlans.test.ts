/** Which VLANs a port takes, carries and sends without a tag; the cases are Open vSwitch 3.1's. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { admit, carries, joinedRanges, takes, untags, type PortVlans } from '../../../src/base/port-vlans.js'

const only = (...vlans: number[]) => joinedRanges(vlans.map((vlan) => ({ first: vlan, last: vlan })))
const access: PortVlans = { mode: 'access', tag: 10, trunks: null }
const trunk: PortVlans = { mode: 'trunk', tag: 0, trunks: only(10, 30) }
const tagged: PortVlans = { mode: 'native-tagged', tag: 20, trunks: only(0, 10) }
const untagged: PortVlans = { mode: 'native-untagged', tag: 10, trunks: null }
const zero: PortVlans = { mode: 'native-untagged', tag: 0, trunks: only(30) }

for (const [name, vlans, vid, admitted, isCarried, isUntagged] of [
  ['access, no tag', access, 0, 10, false, true],
  ['access, its own VLAN', access, 10, null, true, true],
  ['access, another', access, 20, null, false, true],
  ['trunk, no tag', trunk, 0, null, false, false],
  ['trunk, one of its VLANs', trunk, 30, 30, true, false],
  ['trunk, another', trunk, 20, null, false, false],
  ['native-tagged, no tag', tagged, 0, 20, false, false],
  ['native-tagged, its VLAN, which its list lacks', tagged, 20, 20, true, false],
  ['native-tagged, one of its list', tagged, 10, 10, true, false],
  ['native-tagged, another', tagged, 30, null, false, false],
  ['native-untagged, no tag', untagged, 0, 10, false, false],
  ['native-untagged, its VLAN', untagged, 10, 10, true, true],
  ['native-untagged, another', untagged, 4095, 4095, true, false],
  ['native VLAN 0, which its list lacks', zero, 0, 0, false, true],
  ['native VLAN 0, one of its list', zero, 30, 30, true, false],
] as const) {
  it(name, () => { assert.deepEqual([admit(vlans, vid), carries(vlans, vid), untags(vlans, vid)], [admitted, isCarried, isUntagged]) })
}

it('what can have come in by a port', () => {
  assert.deepEqual([0, 10, 20].map((vlan) => takes(access, vlan)), [false, true, false])
  assert.deepEqual([0, 10, 20, 30].map((vlan) => takes(tagged, vlan)), [false, true, true, false])
  assert.deepEqual([0, 30, 31].map((vlan) => takes(zero, vlan)), [true, true, false])
})

it('ranges are joined', () => {
  assert.deepEqual(joinedRanges([{ first: 5, last: 9 }, { first: 1, last: 2 }, { first: 3, last: 3 }, { first: 7, last: 20 }, { first: 30, last: 30 }]),
    [{ first: 1, last: 3 }, { first: 5, last: 20 }, { first: 30, last: 30 }])
})
