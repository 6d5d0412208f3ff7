/**
 * Wire versions and ranges of them. A declaration says for which versions it holds in the notation '1.0', '1.1+',
 * '1.1-1.3'; nothing outside this folder looks at a version number.
 */
export const Version = { OF10: 0x01, OF11: 0x02, OF12: 0x03, OF13: 0x04, OF14: 0x05, OF15: 0x06 } as const

/** Versions whose every message is declared; adding one means adding rows in schema/. */
export const SUPPORTED_VERSIONS: readonly number[] = [Version.OF10, Version.OF11, Version.OF12, Version.OF13, Version.OF14, Version.OF15]

export type Range = `1.${number}` | `1.${number}+` | `1.${number}-1.${number}`
export type Ranges<T> = { readonly [R in Range]?: T }

const parsed = new Map<string, readonly [number, number]>()

function bounds(range: string): readonly [number, number] {
  const known = parsed.get(range)
  if (known !== undefined) return known
  const match = /^1\.(\d)(?:(\+)|-1\.(\d))?$/.exec(range)
  if (match === null) throw new Error(`not a version range: ${range}`)
  const low = Number(match[1]) + 1
  const high = match[2] === '+' ? 255 : match[3] === undefined ? low : Number(match[3]) + 1
  const result = [low, high] as const
  parsed.set(range, result)
  return result
}

export function inRange(range: string, version: number): boolean {
  const [low, high] = bounds(range)
  return version >= low && version <= high
}

/** The value declared for `version`; a declaration with two matching ranges is a mistake of ours. */
export function pick<T>(ranges: Ranges<T>, version: number): T | undefined {
  let byVersion = picked.get(ranges)
  if (byVersion === undefined) picked.set(ranges, byVersion = [])
  if (!(version in byVersion)) byVersion[version] = find(ranges, version)
  return byVersion[version] as T | undefined
}
const picked = new WeakMap<object, unknown[]>()

function find<T>(ranges: Ranges<T>, version: number): T | undefined {
  let found: T | undefined
  for (const [range, value] of Object.entries(ranges)) {
    if (!inRange(range, version)) continue
    if (found !== undefined) throw new Error(`two ranges hold for version ${version}: ${Object.keys(ranges).join(' ')}`)
    found = value as T
  }
  return found
}

export const versionName = (version: number): string => `1.${version - 1}`
