/** Big-endian access to a Uint8Array, the only way this folder touches bytes. Offsets are the caller's to check. */

export const get16 = (b: Uint8Array, at: number): number => (b[at]! << 8) | b[at + 1]!
export const get32 = (b: Uint8Array, at: number): number =>
  ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0

export const put16 = (b: Uint8Array, at: number, value: number): void => {
  b[at] = (value >>> 8) & 0xff
  b[at + 1] = value & 0xff
}
export const put32 = (b: Uint8Array, at: number, value: number): void => {
  put16(b, at, value >>> 16)
  put16(b, at + 2, value & 0xffff)
}

/** `size` bytes as one unsigned number of any length. */
export function getBig(b: Uint8Array, at: number, size: number): bigint {
  if (size <= 4) return BigInt(getSmall(b, at, size))
  let value = 0n
  let i = 0
  for (; i + 4 <= size; i += 4) value = (value << 32n) | BigInt(get32(b, at + i))
  const rest = size - i
  return rest === 0 ? value : (value << BigInt(rest * 8)) | BigInt(getSmall(b, at + i, rest))
}

export function putBig(b: Uint8Array, at: number, size: number, value: bigint): void {
  let rest = value
  for (let i = size - 1; i >= 0; i--) {
    b[at + i] = Number(rest & 0xffn)
    rest >>= 8n
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of parts) size += part.length
  const whole = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/[\s:]/g, '')
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) throw new Error(`not a hexadecimal string: ${text}`)
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16))
}

export const toHex = (b: Uint8Array): string => {
  let text = ''
  for (const byte of b) text += byte.toString(16).padStart(2, '0')
  return text
}

function getSmall(b: Uint8Array, at: number, size: number): number {
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + b[at + i]!
  return value
}
