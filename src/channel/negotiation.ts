/**
 * Version negotiation, pure. OF 1.3.5 §6.3.1: with bitmaps on both sides the highest common version, otherwise the
 * smaller of the two version fields, if both sides speak it.
 * Where the text would have a version chosen that the peer's bitmap leaves out, negotiation fails, as with Open vSwitch.
 */
import type { Hello } from '../openflow/model.js'

/** Hello elements exist since 1.3 (OF 1.3.1 §A.5.1); older versions send a plain header. */
const FIRST_WITH_BITMAP = 4

/** Our hello: `versions` ascending. With only 1.0 to offer it is a plain one. */
export function ourHello(allowed: readonly number[]): { readonly version: number; readonly hello: Hello } {
  const version = Math.max(...allowed)
  return { version, hello: { type: 'hello', versions: allowed, hasBitmap: version >= FIRST_WITH_BITMAP } }
}

export type Negotiation = { readonly ok: true; readonly version: number } | { readonly ok: false; readonly text: string }

/** `headerVersion` is that of the peer's hello. */
export function negotiate(allowed: readonly number[], peer: Hello, headerVersion: number): Negotiation {
  const highest = Math.max(...allowed)
  const candidate = peer.hasBitmap && highest >= FIRST_WITH_BITMAP
    ? Math.max(0, ...allowed.filter((version) => peer.versions.includes(version)))
    : Math.min(highest, headerVersion)
  const spoken = allowed.includes(candidate) && (!peer.hasBitmap || peer.versions.includes(candidate))
  return spoken
    ? { ok: true, version: candidate }
    : { ok: false, text: `we support ${versionNames(allowed)}, you support ${peerText(peer, headerVersion)}: no common version` }
}

export const versionName = (version: number): string =>
  version >= 1 && version <= 6 ? `OpenFlow 1.${version - 1}` : `version 0x${version.toString(16).padStart(2, '0')}`

const versionNames = (versions: readonly number[]): string =>
  versions.length === 0 ? 'none' : versions.slice(0, 8).map(versionName).join(', ')

const peerText = (peer: Hello, headerVersion: number): string =>
  peer.hasBitmap ? versionNames(peer.versions) : `${versionName(headerVersion)} and earlier`
