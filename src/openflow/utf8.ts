/**
 * Fixed-size text fields: UTF-8, ended by a zero byte when shorter than the field. Written out because this folder
 * must compile without DOM and Node types.
 */

export function readText(bytes: Uint8Array, start: number, size: number): string {
  let text = ''
  const end = start + size
  for (let at = start; at < end;) {
    const first = bytes[at++] ?? 0
    if (first === 0) break
    if (first < 0x80) {
      text += String.fromCharCode(first)
      continue
    }
    const count = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xc2 && first < 0xe0 ? 1 : 0
    let point = count === 0 ? -1 : first & (0x3f >> count)
    for (let i = 0; i < count && point >= 0; i++) {
      const byte = at + i < end ? bytes[at + i] ?? 0 : 0
      point = (byte & 0xc0) === 0x80 ? (point << 6) | (byte & 0x3f) : -1
    }
    if (point < 0 || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
      text += '\ufffd'
      continue
    }
    text += String.fromCodePoint(point)
    at += count
  }
  return text
}

/** Cuts at a character boundary so that a zero byte always follows, as C readers of the field expect. */
export function writeText(bytes: Uint8Array, start: number, size: number, text: string): void {
  let at = start
  const end = start + size - 1
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    const count = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
    if (point === 0 || at + count > end) break
    if (count === 1) {
      bytes[at++] = point
      continue
    }
    bytes[at++] = ((0xf00 >> count) & 0xff) | (point >> (6 * (count - 1)))
    for (let shift = 6 * (count - 2); shift >= 0; shift -= 6) bytes[at++] = 0x80 | ((point >> shift) & 0x3f)
  }
  bytes.fill(0, at, start + size)
}
