/** Generates the statements that move fields between bytes and words: extraction, deparsing and the input of hashes. */

/** A value to be written: `word` gives the code of its 32-bit words, which hold nothing above `width`. */
export interface BitItem { readonly width: number; readonly word: (index: number) => string }

/** Code of the words of a field that stands `offset` bits after byte 0; `byte` gives the code of a byte. */
export const readBits = (offset: number, width: number, byte: (index: number) => string): string[] => {
  const words: string[] = []
  for (let index = 0; index * 32 < width; index++) {
    const bits = Math.min(32, width - index * 32)
    const last = offset + width - 1 - index * 32
    const first = last - bits + 1
    const lastByte = last >>> 3
    const down = 7 - (last & 7)
    const parts: string[] = []
    for (let at = first >>> 3; at <= lastByte; at++) {
      const up = (lastByte - at) * 8 - down
      parts.push(up > 0 ? `${byte(at)} << ${up}` : up < 0 ? `${byte(at)} >>> ${-up}` : byte(at))
    }
    const joined = parts.join(' | ')
    // Bits of the byte that belong to the field before have to go, unless the shift already lost them.
    words.push((first & 7) !== 0 && bits < 32 ? `(${joined}) & ${(2 ** bits - 1) | 0}` : joined)
  }
  return words
}

/** Statements that write the items, one after the other, from byte 0 on; the last byte is filled up with zero bits. */
export const writeBits = (items: readonly BitItem[], byte: (index: number) => string): string[] => {
  const total = items.reduce((sum, item) => sum + item.width, 0)
  const lines: string[] = []
  for (let at = 0; at * 8 < total; at++) {
    const parts: string[] = []
    let start = 0
    for (const item of items) {
      const from = Math.max(start, at * 8)
      const to = Math.min(start + item.width, at * 8 + 8)
      if (from < to) parts.push(bitsOf(item, start + item.width - to, to - from, at * 8 + 8 - to))
      start += item.width
    }
    lines.push(`${byte(at)} = ${parts.join(' | ') || '0'};`)
  }
  return lines
}

/**
 * `count` bits of an item, `skip` bits above its lowest, moved `up` bits into a byte. Where the item has bits above them,
 * they end at the top of the byte, and the store cuts the rest off.
 */
const bitsOf = (item: BitItem, skip: number, count: number, up: number): string => {
  const index = skip >>> 5
  const shift = skip & 31
  let code = item.word(index)
  if (shift > 0) code = `${code} >>> ${shift}`
  if (shift + count > 32) code = `(${code} | ${item.word(index + 1)} << ${32 - shift})`
  return up > 0 ? `(${code}) << ${up}` : `(${code})`
}
