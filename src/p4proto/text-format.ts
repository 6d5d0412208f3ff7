/**
 * The text form of protobuf messages (what p4c writes as *.p4info.txtpb), read by the schema generated from proto/.
 * All of the language is understood: nested messages in { } or < >, [ ] lists, maps, strings in pieces, escapes, #
 * comments, and Any in its expanded form `[type.googleapis.com/p4.v1.Error] { … }`. Nothing is skipped: an unknown field
 * is an error, because a contract read in part is worse than one that is refused.
 */
import protobuf from 'protobufjs/minimal.js'
import * as generated from './generated.js'
import { toInt64, toUint64 } from './int64.js'
import { enums, messages } from './schema.js'
import type { FieldSchema } from './schema.js'

export class TextFormatError extends Error {
  override readonly name = 'TextFormatError'
  readonly line: number
  readonly column: number
  constructor(message: string, line: number, column: number) {
    super(`line ${line}, column ${column}: ${message}`)
    this.line = line
    this.column = column
  }
}

/** A message as a plain object that encode() of the generated class accepts. */
export type MessageValue = Record<string, unknown>
interface Codec {
  encode(message: MessageValue): { finish(): Uint8Array }
}

/** Reads a message of the given full name, "p4.config.v1.P4Info". Throws TextFormatError. */
export function parseTextFormat(messageType: string, text: string): MessageValue {
  return new Parser(text).parse(messageType)
}

/** The generated class of a message, null if there is none of that name. */
export function codecOf(messageType: string): Codec | null {
  if (!Object.hasOwn(messages, messageType)) return null
  let found: unknown = generated
  for (const part of messageType.split('.')) found = (found as Record<string, unknown>)[part]
  return found as Codec
}

const integerRanges: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n], uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n], uint64: [0n, 2n ** 64n - 1n],
}

interface Token {
  readonly kind: 'word' | 'number' | 'string' | 'mark' | 'end'
  readonly text: string
  /** Content of a string. */
  readonly bytes?: readonly number[]
  readonly line: number
  readonly column: number
}

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(text: string) {
    this.#tokens = tokenize(text)
  }

  parse(messageType: string): MessageValue {
    return this.#message(messageType, 'end of text')
  }

  /** Fields up to the closing mark, which stays the next token. */
  #message(type: string, close: '}' | '>' | 'end of text'): MessageValue {
    const fields = messages[type]
    if (fields === undefined) throw new TypeError(`no message type ${type}`)
    const result: MessageValue = {}
    const oneofs = new Map<string, string>()
    for (;;) {
      const token = this.#peek()
      if (close === 'end of text' ? token.kind === 'end' : this.#isMark(close)) return result
      if (token.kind === 'end') throw this.#fail(token, `'${close}' is missing`)
      if (this.#isMark('[') && type === 'google.protobuf.Any') {
        this.#expandedAny(result)
      } else {
        this.#field(type, fields, result, oneofs)
      }
      if (this.#isMark(';') || this.#isMark(',')) this.#next++
    }
  }

  #field(type: string, fields: Readonly<Record<string, FieldSchema>>, result: MessageValue, oneofs: Map<string, string>): void {
    const token = this.#take()
    if (token.kind !== 'word') throw this.#fail(token, `expected a field of ${type}, found ${show(token)}`)
    const name = token.text
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (field === undefined) throw this.#fail(token, `${type} has no field '${name}'`)
    if (field.oneof !== undefined) {
      const other = oneofs.get(field.oneof)
      if (other !== undefined) throw this.#fail(token, `'${name}' cannot be given together with '${other}'`)
      oneofs.set(field.oneof, name)
    }
    const colon = this.#isMark(':')
    if (colon) this.#next++
    else if (field.kind !== 'message' && field.mapKey === undefined) throw this.#fail(this.#peek(), `':' is missing after '${name}'`)
    if (this.#isMark('[')) {
      const open = this.#take()
      if (!field.repeated && field.mapKey === undefined) throw this.#fail(open, `'${name}' is not a repeated field`)
      while (!this.#isMark(']')) {
        this.#store(result, field, token)
        if (this.#isMark(',')) this.#next++
        else if (!this.#isMark(']')) throw this.#fail(this.#peek(), `expected ',' or ']', found ${show(this.#peek())}`)
      }
      this.#next++
    } else {
      this.#store(result, field, token)
    }
  }

  /** Reads one value and puts it in its place. */
  #store(result: MessageValue, field: FieldSchema, name: Token): void {
    if (field.mapKey !== undefined) {
      const map = (result[field.property] ??= Object.create(null)) as Record<string, unknown>
      const { key, value } = this.#mapEntry(field, name)
      map[key] = value
    } else if (field.repeated) {
      ((result[field.property] ??= []) as unknown[]).push(this.#value(field))
    } else if (field.property in result) {
      throw this.#fail(name, `'${name.text}' is given twice`)
    } else {
      result[field.property] = this.#value(field)
    }
  }

  #value(field: FieldSchema): unknown {
    if (field.kind === 'message') return this.#delimited((close) => this.#message(field.type, close))
    if (field.kind === 'enum') return this.#enumValue(field.type)
    return this.#scalar(field.type)
  }

  #delimited<T>(body: (close: '}' | '>') => T): T {
    const open = this.#take()
    if (open.kind !== 'mark' || (open.text !== '{' && open.text !== '<')) throw this.#fail(open, `expected '{', found ${show(open)}`)
    const value = body(open.text === '{' ? '}' : '>')
    this.#next++
    return value
  }

  #mapEntry(field: FieldSchema, name: Token): { key: string; value: unknown } {
    return this.#delimited((close) => {
      let key: unknown
      let value: unknown
      while (!this.#isMark(close)) {
        const word = this.#take()
        if (word.kind !== 'word' || (word.text !== 'key' && word.text !== 'value')) {
          throw this.#fail(word, `expected 'key' or 'value' in '${name.text}', found ${show(word)}`)
        }
        if (this.#isMark(':')) this.#next++
        if (word.text === 'key') key = this.#scalar(field.mapKey ?? 'string')
        else value = this.#value(field)
        if (this.#isMark(';') || this.#isMark(',')) this.#next++
      }
      if (typeof key !== 'string') throw this.#fail(name, `an entry of '${name.text}' has no key`)
      return { key, value: value ?? {} }
    })
  }

  /** `[host/full.type] { … }` inside an Any. */
  #expandedAny(result: MessageValue): void {
    const open = this.#take()
    let url = ''
    while (!this.#isMark(']')) {
      const token = this.#take()
      if (token.kind === 'end') throw this.#fail(open, `']' is missing`)
      url += token.text
    }
    this.#next++
    if (this.#isMark(':')) this.#next++
    const type = url.slice(url.lastIndexOf('/') + 1)
    const codec = codecOf(type)
    if (codec === null) throw this.#fail(open, `unknown message type '${type}'`)
    const message = this.#delimited((close) => this.#message(type, close))
    result['type_url'] = url
    result['value'] = codec.encode(message).finish()
  }

  #enumValue(type: string): number {
    const token = this.#take()
    const values = enums[type] ?? {}
    if (token.kind === 'word') {
      const number = Object.hasOwn(values, token.text) ? values[token.text] : undefined
      if (number !== undefined) return number
    } else if (token.kind === 'number') {
      return Number(this.#integer(token, 'int32'))
    }
    throw this.#fail(token, `expected a value of ${type}, found ${show(token)}`)
  }

  #scalar(type: string): unknown {
    const token = this.#take()
    switch (type) {
      case 'string':
      case 'bytes': {
        if (token.kind !== 'string') throw this.#fail(token, `expected a string, found ${show(token)}`)
        const bytes = [...token.bytes ?? []]
        while (this.#peek().kind === 'string') bytes.push(...this.#take().bytes ?? [])
        return type === 'bytes' ? Uint8Array.from(bytes) : protobuf.util.utf8.read(Uint8Array.from(bytes), 0, bytes.length)
      }
      case 'bool':
        if (['true', 'True', 't', '1'].includes(token.text) && token.kind !== 'string') return true
        if (['false', 'False', 'f', '0'].includes(token.text) && token.kind !== 'string') return false
        throw this.#fail(token, `expected true or false, found ${show(token)}`)
      case 'int32':
      case 'uint32':
        return Number(this.#integer(token, type))
      case 'int64':
        return toInt64(this.#integer(token, type))
      case 'uint64':
        return toUint64(this.#integer(token, type))
      default:
        throw new TypeError(`no text form for fields of type ${type}`)
    }
  }

  #integer(token: Token, type: string): bigint {
    const match = /^(-?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(token.text)
    if (token.kind !== 'number' || match === null) throw this.#fail(token, `expected an integer, found ${show(token)}`)
    const digits = match[2] ?? '0'
    const magnitude = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits)
    const value = match[1] === '-' ? -magnitude : magnitude
    const [low, high] = integerRanges[type] ?? [0n, 0n]
    if (value < low || value > high) throw this.#fail(token, `${token.text} is outside the range of ${type}`)
    return value
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token
  }
  #take(): Token {
    const token = this.#peek()
    if (token.kind !== 'end') this.#next++
    return token
  }
  #isMark(text: string): boolean {
    const token = this.#peek()
    return token.kind === 'mark' && token.text === text
  }
  #fail(token: Token, message: string): TextFormatError {
    return new TextFormatError(message, token.line, token.column)
  }
}

const show = (token: Token): string => token.kind === 'end' ? 'the end of the text' : token.kind === 'string' ? 'a string' : `'${token.text}'`

const lexeme = /(?<space>\s+|#[^\n]*)|(?<word>[A-Za-z_][A-Za-z0-9_.]*)|(?<number>[-+]?[0-9][0-9A-Za-z.]*)|(?<string>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')|(?<mark>[{}<>[\]:;,/])/y

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  let lineStart = 0
  let at = 0
  while (at < text.length) {
    lexeme.lastIndex = at
    const match = lexeme.exec(text)
    const column = at - lineStart + 1
    if (match === null) {
      const quote = text[at] === '"' || text[at] === "'"
      throw new TextFormatError(quote ? 'a string does not end on its line' : `unexpected character '${text[at]}'`, line, column)
    }
    const found = match[0]
    const groups = match.groups ?? {}
    if (groups['word'] !== undefined) tokens.push({ kind: 'word', text: found, line, column })
    else if (groups['number'] !== undefined) tokens.push({ kind: 'number', text: found, line, column })
    else if (groups['mark'] !== undefined) tokens.push({ kind: 'mark', text: found, line, column })
    else if (groups['string'] !== undefined) {
      tokens.push({ kind: 'string', text: found, bytes: unescape(found.slice(1, -1), line, column), line, column })
    } else {
      for (let i = found.indexOf('\n'); i >= 0; i = found.indexOf('\n', i + 1)) {
        line++
        lineStart = at + i + 1
      }
    }
    at += found.length
  }
  tokens.push({ kind: 'end', text: '', line, column: at - lineStart + 1 })
  return tokens
}

const simpleEscapes: Readonly<Record<string, number>> = {
  a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92, "'": 39, '"': 34, '?': 63,
}
const escapeForm = /\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|[^\\]+/gsu

/** Bytes of a string: its characters in UTF-8, escapes resolved. */
function unescape(body: string, line: number, column: number): number[] {
  const bytes: number[] = []
  const pushText = (text: string): void => {
    const encoded = new Uint8Array(protobuf.util.utf8.length(text))
    protobuf.util.utf8.write(text, encoded, 0)
    for (const byte of encoded) bytes.push(byte)
  }
  for (const [all, octal, hex, short, long, simple] of body.matchAll(escapeForm)) {
    const codePoint = short ?? long
    if (octal !== undefined) bytes.push(parseInt(octal, 8) & 0xff)
    else if (hex !== undefined) bytes.push(parseInt(hex, 16))
    else if (codePoint !== undefined) {
      const value = parseInt(codePoint, 16)
      if (value > 0x10ffff) throw new TextFormatError(`'${all}' is not a character`, line, column)
      pushText(String.fromCodePoint(value))
    } else if (simple !== undefined) {
      const byte = Object.hasOwn(simpleEscapes, simple) ? simpleEscapes[simple] : undefined
      if (byte === undefined) throw new TextFormatError(`unknown escape '${all}'`, line, column)
      bytes.push(byte)
    } else pushText(all)
  }
  return bytes
}
