/**
 * Groups. OF 1.3.5 §7.3.4.2 (group-mod, buckets), §7.3.5.8 … §7.3.5.10 (statistics, description, features);
 * OF 1.5.1 §7.3.4.3 (bucket ids and properties).
 */
import type { Codec } from '../buffer.js'
import { list } from '../compile.js'
import { Fault } from '../fault.js'
import type { Layout } from '../layout.js'
import { choice, f, layout, lengthOf, n64, nested, otherwise, pad, port, size, spread, u16, u32 } from '../layout.js'
import type { ActionName, Bucket, GroupDesc, GroupFeatures, GroupMod, GroupStats, GroupType } from '../model.js'
import { BucketId, Group, Port } from '../model.js'
import { actionNumbers, actions } from './actions.js'
import { noProperties, number16, number32, propertyList, single } from './properties.js'

const TYPES = ['all', 'select', 'indirect', 'ff'] as const satisfies readonly GroupType[]
const groupType = choice(1, TYPES, 'OFPGMFC_BAD_TYPE')
const BUCKET_IDS = 6

/** Since 1.5 a group's type decides what a bucket that does not say its weight has: 1 if it is to select among them. */
const groupType15: Codec<GroupType> = {
  empty: 'all',
  decode(r, at, end) {
    const type = at < end ? TYPES[r.view.getUint8(at)] : undefined
    if (type === undefined) throw new Fault('OFPGMFC_BAD_TYPE', 'the group type')
    r.bucketWeight = type === 'select' ? 1 : 0
    r.at = at + 1
    return type
  },
  encode(w, type) {
    w.bucketWeight = type === 'select' ? NOT_SAID : 0
    w.view.setUint8(w.reserve(1), TYPES.indexOf(type))
  },
}

type BucketProperties = Pick<Bucket, 'weight' | 'watchPort' | 'watchGroup'>
const NOT_SAID = -1
const NO_WATCH = { watchPort: Port.ANY, watchGroup: Group.ANY } as const
const weight: Codec<BucketProperties> = propertyList<BucketProperties>({ weight: NOT_SAID, ...NO_WATCH }, [
  single(0, 'weight', number16, (bucket) => bucket.weight !== NOT_SAID),
  single(1, 'watchPort', number32, (bucket) => bucket.watchPort !== Port.ANY),
  single(2, 'watchGroup', number32, (bucket) => bucket.watchGroup !== Group.ANY),
])
const bucketProperties: Codec<BucketProperties> = {
  empty: { weight: 0, ...NO_WATCH },
  decode(r, at, end) {
    const value = weight.decode(r, at, end)
    return value.weight === NOT_SAID ? { ...value, weight: r.bucketWeight } : value
  },
  encode(w, value) { weight.encode(w, value.weight === w.bucketWeight ? { ...value, weight: NOT_SAID } : value) },
}

const bucket: Layout<Bucket> = layout('ofp_bucket', {
  '1.1-1.4': [size, f('weight', u16), f('watchPort', port), f('watchGroup', u32), pad(4), nested('actions', actions)],
  '1.5+': [size, lengthOf('actions'), f('bucketId', u32), nested('actions', actions), spread(bucketProperties)],
}, { lengthError: 'OFPGMFC_BAD_BUCKET', drop: ['bucketId'] })
const wireBuckets = list(bucket)
const buckets: Codec<readonly Bucket[]> = {
  empty: [],
  decode(r, at, end) {
    const found = wireBuckets.decode(r, at, end)
    return r.version >= BUCKET_IDS ? found : found.map((one, bucketId) => ({ ...one, bucketId }))
  },
  encode: (w, value) => wireBuckets.encode(w, value),
}

export const groupMod: Layout<GroupMod> = layout('OFPT_GROUP_MOD', {
  '1.1-1.4': [
    f('command', choice(2, ['add', 'modify', 'delete'], 'OFPGMFC_BAD_COMMAND')), f('groupType', groupType), pad(1), f('groupId', u32),
    nested('buckets', buckets),
  ],
  '1.5+': [
    f('command', choice(2, ['add', 'modify', 'delete', 'insert_bucket', null, 'remove_bucket'], 'OFPGMFC_BAD_COMMAND')),
    nested('groupType', groupType15), pad(1), f('groupId', u32), lengthOf('buckets'), pad(2), f('commandBucketId', otherwise(u32, BucketId.ALL)),
    nested('buckets', buckets), spread(noProperties),
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
  '1.5+': [
    size, nested('groupType', groupType15), pad(1), f('groupId', u32), lengthOf('buckets'), pad(6), nested('buckets', buckets), spread(noProperties),
  ],
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
