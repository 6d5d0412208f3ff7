/** Groups. OF 1.3.5 §7.3.4.2 (group-mod, buckets), §7.3.5.8 … §7.3.5.10 (statistics, description, features). */
import type { Codec } from '../buffer.js'
import { list } from '../compile.js'
import { Fault } from '../fault.js'
import type { Layout } from '../layout.js'
import { choice, f, layout, n64, nested, pad, port, size, u16, u32 } from '../layout.js'
import type { ActionName, Bucket, GroupDesc, GroupFeatures, GroupMod, GroupStats, GroupType } from '../model.js'
import { actionNumbers, actions } from './actions.js'

const TYPES = ['all', 'select', 'indirect', 'ff'] as const satisfies readonly GroupType[]
const groupType = choice(1, TYPES, 'OFPGMFC_BAD_TYPE')

const bucket: Layout<Bucket> = layout('ofp_bucket', {
  '1.1-1.4': [size, f('weight', u16), f('watchPort', port), f('watchGroup', u32), pad(4), nested('actions', actions)],
}, { lengthError: 'OFPGMFC_BAD_BUCKET' })
const buckets = list(bucket)

export const groupMod: Layout<GroupMod> = layout('OFPT_GROUP_MOD', {
  '1.1-1.4': [
    f('command', choice(2, ['add', 'modify', 'delete'], 'OFPGMFC_BAD_COMMAND')), f('groupType', groupType), pad(1), f('groupId', u32),
    nested('buckets', buckets),
  ],
}, { constants: { type: 'group_mod' } })

const bucketCounter = layout('ofp_bucket_counter', { '1.1+': [f('packetCount', n64), f('byteCount', n64)] })

export const groupStats: Layout<GroupStats> = layout('ofp_group_stats', {
  '1.1-1.2': [
    size, pad(2), f('groupId', u32), f('refCount', u32), pad(4), f('packetCount', n64), f('byteCount', n64), nested('buckets', list(bucketCounter)),
  ],
  '1.3+': [
    size, pad(2), f('groupId', u32), f('refCount', u32), pad(4), f('packetCount', n64), f('byteCount', n64), f('durationSec', u32),
    f('durationNsec', u32), nested('buckets', list(bucketCounter)),
  ],
}, { drop: ['durationSec', 'durationNsec'] })

export const groupDesc: Layout<GroupDesc> = layout('ofp_group_desc', {
  '1.1-1.4': [size, f('groupType', groupType), pad(1), f('groupId', u32), nested('buckets', buckets)],
})

const NO_FEATURES: GroupFeatures = {
  types: [], capabilities: 0, maxGroups: { all: 0, select: 0, indirect: 0, ff: 0 }, actions: { all: [], select: [], indirect: [], ff: [] },
}
const SIZE = 40

/** By hand, because the model speaks of types and actions by name where the wire has bit maps. */
export const groupFeatures: Codec<GroupFeatures> = {
  empty: NO_FEATURES,
  decode(r, at, end) {
    if (end - at !== SIZE) throw new Fault('OFPBRC_BAD_LEN', `group features of ${end - at} bytes`)
    const numbers = [...actionNumbers(r.version)]
    const types = r.view.getUint32(at)
    const named = (map: number): ActionName[] => numbers.filter(([, number]) => (map >>> number & 1) === 1).map(([name]) => name)
    const perType = <T>(value: (index: number) => T): Record<GroupType, T> =>
      ({ all: value(0), select: value(1), indirect: value(2), ff: value(3) })
    r.at = end
    return {
      types: TYPES.filter((_, index) => (types >>> index & 1) === 1),
      capabilities: r.view.getUint32(at + 4),
      maxGroups: perType((index) => r.view.getUint32(at + 8 + 4 * index)),
      actions: perType((index) => named(r.view.getUint32(at + 24 + 4 * index))),
    }
  },
  encode(w, features) {
    const at = w.reserve(SIZE)
    const numbers = actionNumbers(w.version)
    w.view.setUint32(at, features.types.reduce((map, type) => map | 1 << TYPES.indexOf(type), 0))
    w.view.setUint32(at + 4, features.capabilities)
    TYPES.forEach((type, index) => {
      w.view.setUint32(at + 8 + 4 * index, features.maxGroups[type])
      let map = 0
      for (const name of features.actions[type]) {
        const number = numbers.get(name)
        if (number !== undefined) map |= 1 << number
      }
      w.view.setUint32(at + 24 + 4 * index, map >>> 0)
    })
  },
}
