/**
 * MAC, IPv4 and IPv6 addresses between text and unsigned numbers. The parsers return null for what is not an address;
 * IPv6 text is written in the canonical form of RFC 5952.
 */

export type MacLike = bigint | string
export type IpLike = bigint | string

export function parseMac(text: string): bigint | null {
  if (!/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text)) return null
  return BigInt('0x' + text.replace(/[:-]/g, ''))
}

export const formatMac = (mac: bigint): string =>
  mac.toString(16).padStart(12, '0').slice(-12).replace(/(..)(?=.)/g, '$1:')

export function parseIpv4(text: string): bigint | null {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) <= 255)) return null
  return parts.reduce((value, p) => (value << 8n) | BigInt(p), 0n)
}

export const formatIpv4 = (ip: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => ((ip >> shift) & 0xffn).toString()).join('.')

export function parseIpv6(text: string): bigint | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const groups: number[][] = []
  for (const [i, half] of halves.entries()) {
    const words: number[] = []
    const parts = half === '' ? [] : half.split(':')
    for (const [j, part] of parts.entries()) {
      if (part.includes('.')) {
        const v4 = i === halves.length - 1 && j === parts.length - 1 ? parseIpv4(part) : null
        if (v4 === null) return null
        words.push(Number(v4 >> 16n), Number(v4 & 0xffffn))
      } else {
        if (!/^[0-9a-f]{1,4}$/i.test(part)) return null
        words.push(parseInt(part, 16))
      }
    }
    groups.push(words)
  }
  const [head = [], tail = []] = groups
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null
  const words = [...head, ...Array.from({ length: missing }, () => 0), ...tail]
  return words.reduce((value, word) => (value << 16n) | BigInt(word), 0n)
}

export function formatIpv6(ip: bigint): string {
  const words = Array.from({ length: 8 }, (_, i) => Number((ip >> BigInt(112 - 16 * i)) & 0xffffn))
  let bestAt = -1
  let bestLength = 1
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (at + length < 8 && words[at + length] === 0) length++
    if (length > bestLength) {
      bestAt = at
      bestLength = length
    }
  }
  const text = (part: number[]): string => part.map((word) => word.toString(16)).join(':')
  return bestAt < 0 ? text(words) : `${text(words.slice(0, bestAt))}::${text(words.slice(bestAt + bestLength))}`
}

/** For builders and configuration that has been checked: a number stays, text must be an address. */
export const toMac = (mac: MacLike): bigint => convert(mac, parseMac, 'MAC address')
export const toIpv4 = (ip: IpLike): bigint => convert(ip, parseIpv4, 'IPv4 address')
export const toIpv6 = (ip: IpLike): bigint => convert(ip, parseIpv6, 'IPv6 address')

/** The link-local address a host derives from its MAC address. RFC 4291 §2.5.6 and appendix A. */
export const linkLocal = (mac: bigint): bigint =>
  (0xfe80n << 112n) | ((((mac >> 24n) ^ 0x020000n) << 40n) | (0xfffen << 24n) | (mac & 0xffffffn))

/** The group an address's neighbour solicitations go to. RFC 4291 §2.7.1. */
export const solicitedNode = (ip: bigint): bigint => (0xff02n << 112n) | (0x1ff000000n) | (ip & 0xffffffn)

/** RFC 2464 §7 */
export const ipv6MulticastMac = (ip: bigint): bigint => (0x3333n << 32n) | (ip & 0xffffffffn)

function convert(value: bigint | string, parse: (text: string) => bigint | null, what: string): bigint {
  if (typeof value === 'bigint') return value
  const parsed = parse(value)
  if (parsed === null) throw new Error(`not an ${what}: '${value}'`.replace('an MAC', 'a MAC'))
  return parsed
}
