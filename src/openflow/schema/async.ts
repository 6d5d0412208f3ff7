/**
 * What a connection is told unasked: a mask of reasons for each kind of message and role. In 1.3 six fixed masks, since
 * 1.4 properties, of which a request may leave any out. OF 1.3.5 §7.3.10, OF 1.4.1 §7.3.10.
 */
import type { Codec, Reader, Writer } from '../buffer.js'
import { Fault, Unencodable } from '../fault.js'
import type { Layout } from '../layout.js'
import { layout, spread } from '../layout.js'
import type { AsyncChange, AsyncConfig, AsyncKind } from '../model.js'
import { NO_ASYNC, SAME_ASYNC } from '../model.js'
import type { Range } from '../versions.js'
import { number32, only, propertyList, type PropertyRow, writeProperty } from './properties.js'

/** In 1.3's order; the code of the slave's property, the master's is the next. */
const KINDS: readonly { readonly kind: AsyncKind; readonly code: number; readonly since: Range }[] = [
  { kind: 'packetIn', code: 0, since: '1.3+' }, { kind: 'portStatus', code: 2, since: '1.3+' }, { kind: 'flowRemoved', code: 4, since: '1.3+' },
  { kind: 'roleStatus', code: 6, since: '1.4+' }, { kind: 'tableStatus', code: 8, since: '1.4+' }, { kind: 'requestForward', code: 10, since: '1.4+' },
  { kind: 'flowStats', code: 12, since: '1.5+' }, { kind: 'controllerStatus', code: 14, since: '1.5+' },
]
const FIRST13 = KINDS.slice(0, 3)

type Masks = { -readonly [K in AsyncKind]: readonly [number | null, number | null] }
function mask(kind: AsyncKind, code: number, role: 0 | 1): PropertyRow<AsyncChange> {
  return {
    code, repeats: false,
    decode(r, at, end, into) {
      const value = number32.decode(r, at, end)
      const [master, slave] = into[kind]
      ;(into as Masks)[kind] = role === 0 ? [value, slave] : [master, value]
    },
    encode(w, value) {
      const one = value[kind][role]
      if (one !== null) writeProperty(w, code, 'ofp_async_config_prop_reasons', () => number32.encode(w, one))
    },
  }
}
const properties = propertyList<AsyncChange>(SAME_ASYNC, KINDS.flatMap(({ kind, code, since }) => [only(since, mask(kind, code, 1)), only(since, mask(kind, code + 1, 0))]))

const FIXED = 8
function decode13(r: Reader, at: number, end: number): Masks {
  if (end - at < FIXED * FIRST13.length) throw new Fault('OFPBRC_BAD_LEN', `${end - at} bytes are too few for an asynchronous configuration`)
  const value: Masks = { ...SAME_ASYNC }
  for (const { kind } of FIRST13) {
    value[kind] = [r.view.getUint32(at), r.view.getUint32(at + 4)]
    at += FIXED
  }
  r.at = at
  return value
}

function encode13(w: Writer, value: AsyncChange): void {
  for (const { kind } of FIRST13) {
    for (const one of value[kind]) {
      if (one === null) throw new Unencodable('OFPT_SET_ASYNC', kind, w.version, 'the version has no words for a part of a configuration')
      w.u32(one)
    }
  }
}

/** A whole configuration; what 1.3 does not say is off. */
const config: Codec<AsyncConfig> = {
  empty: NO_ASYNC,
  decode(r, at, end) {
    const said = r.version < PROPERTIES ? decode13(r, at, end) : properties.decode(r, at, end)
    const whole: { -readonly [K in AsyncKind]: AsyncConfig[K] } = { ...NO_ASYNC }
    for (const { kind } of KINDS) whole[kind] = [said[kind][0] ?? 0, said[kind][1] ?? 0]
    return whole
  },
  encode: (w, value) => w.version < PROPERTIES ? encode13(w, value) : properties.encode(w, value),
}
const change: Codec<AsyncChange> = {
  empty: SAME_ASYNC,
  decode: (r, at, end) => r.version < PROPERTIES ? decode13(r, at, end) : properties.decode(r, at, end),
  encode: (w, value) => w.version < PROPERTIES ? encode13(w, value) : properties.encode(w, value),
}
const PROPERTIES = 5

export const getAsyncReply: Layout<{ readonly type: 'get_async_reply' } & AsyncConfig> =
  layout('OFPT_GET_ASYNC_REPLY', { '1.3+': [spread(config)] }, { constants: { type: 'get_async_reply' } })
export const setAsync: Layout<{ readonly type: 'set_async' } & AsyncChange> =
  layout('OFPT_SET_ASYNC', { '1.3+': [spread(change)] }, { constants: { type: 'set_async' } })
