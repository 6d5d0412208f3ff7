/** Numbers, addresses and ports of the flow syntax, and how its lists are cut. */
import { Port, type ErrorName } from './model.js'

/** A text that cannot be read; the message is for whoever wrote it. */
export class FlowTextError extends Error {
  /** What a switch would answer, where the text can be understood but not be sent. */
  readonly refusal: ErrorName | null
  constructor(message: string, refusal: ErrorName | null = null) {
    super(message)
    this.refusal = refusal
  }
}

/** The number of a port by its name; null for a name that is none. */
export type PortNumbers = (name: string) => number | null

const RESERVED: Readonly<Record<string, number>> = {
  IN_PORT: Port.IN_PORT, TABLE: Port.TABLE, NORMAL: Port.NORMAL, FLOOD: Port.FLOOD, ALL: Port.ALL, CONTROLLER: Port.CONTROLLER, LOCAL: Port.LOCAL,
  ANY: Port.ANY, NONE: Port.ANY, UNSET: Port.UNSET,
}
export const reservedPort = (name: string): number | null => {
  const upper = name.toUpperCase()
  return Object.hasOwn(RESERVED, upper) ? RESERVED[upper] ?? null : null
}

export function readPort(text: string, ports: PortNumbers): number {
  if (/^[0-9]+$/.test(text)) return Number(readNumber('port', text, BigInt(Port.ANY)))
  const port = reservedPort(text) ?? ports(/^"(.*)"$/.exec(text)?.[1] ?? text)
  if (port === null) throw new FlowTextError(`${text}: invalid or unknown port`)
  return port
}

export function readNumber(key: string, text: string, most: bigint): bigint {
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(text)) throw new FlowTextError(`${key}: '${text}' is not a number`)
  const value = BigInt(text)
  if (value > most) throw new FlowTextError(`${key}: ${text} is too large; the most is ${most}`)
  return value
}

export function readMac(text: string): bigint {
  if (!/^([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}$/i.test(text)) throw new FlowTextError(`${text}: invalid Ethernet address`)
  return BigInt(`0x${text.split(':').map((part) => part.padStart(2, '0')).join('')}`)
}

export function readIpv4(text: string): bigint {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) throw new FlowTextError(`${text}: invalid IP address`)
  return parts.reduce((value, part) => value << 8n | BigInt(part), 0n)
}

export function readIpv6(text: string): bigint {
  const invalid = (): never => { throw new FlowTextError(`${text}: invalid IPv6 address`) }
  const halves = text.split('::')
  const words = halves.map((half) => (half === '' ? [] : half.split(':').flatMap((part) => {
    if (part.includes('.')) {
      const v4 = readIpv4(part)
      return [v4 >> 16n, v4 & 0xffffn]
    }
    return /^[0-9a-f]{1,4}$/i.test(part) ? [BigInt(`0x${part}`)] : invalid()
  })))
  const [head = [], tail = []] = words
  const gap = 8 - head.length - tail.length
  if (halves.length > 2 || (halves.length === 2 ? gap < 1 : gap !== 0)) return invalid()
  return [...head, ...Array.from({ length: gap }, () => 0n), ...tail].reduce((value, word) => value << 16n | word, 0n)
}

/** At commas and blanks outside parentheses. */
export function splitTop(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let part = ''
  for (const char of text) {
    if (char === '(') depth++
    if (char === ')') depth--
    if (depth === 0 && /[\s,]/.test(char)) {
      if (part !== '') parts.push(part)
      part = ''
    } else part += char
  }
  if (depth !== 0) throw new FlowTextError(`${text}: parentheses do not match`)
  return part === '' ? parts : [...parts, part]
}
