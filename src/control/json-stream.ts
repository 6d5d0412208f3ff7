/** Cuts a stream of JSON objects without separators into single texts, as Open vSwitch's JSON-RPC connections send them. */

/** A peer that opens an object and never closes it is given up after this many characters. */
const MAX_PENDING = 1 << 20

export class JsonStream {
  #text = ''
  /** Where the search goes on; what is before it has been looked at. */
  #at = 0
  #depth = 0
  #inString = false
  #escaped = false

  /** The objects that are complete now; null where the stream cannot be JSON objects. */
  push(chunk: string): readonly string[] | null {
    this.#text += chunk
    const found: string[] = []
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at] ?? ''
      if (this.#inString) this.#string(char)
      else if (char === '"') this.#inString = true
      else if (char === '{' || char === '[') this.#depth++
      else if (char === '}' || char === ']') {
        if (--this.#depth < 0) return null
        if (this.#depth === 0) found.push(this.#cut())
      } else if (this.#depth === 0 && !/\s/.test(char)) return null
    }
    return this.#text.length > MAX_PENDING ? null : found
  }

  #string(char: string): void {
    if (this.#escaped) this.#escaped = false
    else if (char === '\\') this.#escaped = true
    else if (char === '"') this.#inString = false
  }

  #cut(): string {
    const whole = this.#text.slice(0, this.#at + 1)
    this.#text = this.#text.slice(this.#at + 1)
    this.#at = -1
    return whole
  }
}
