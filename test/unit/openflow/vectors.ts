/**
 * Vector files: `#` comments and hex, `---`, the value as JSON, `---`, the text form.
 * In the JSON "…n" is a bigint and "hex:…" bytes. `# one way:` in the head says that other bytes have the same value,
 * so that only decoding is compared.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Message } from '../../../src/openflow/index.js'

export interface Vector {
  readonly file: string
  readonly version: number
  readonly bytes: Uint8Array
  readonly message: Message
  readonly text: string
  readonly oneWay: boolean
}

/** What fits a line stays on one. */
export function toJson(value: unknown, indent = ''): string {
  const plain = JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'bigint' ? `${item}n` : item instanceof Uint8Array ? `hex:${Buffer.from(item).toString('hex')}` : item)
  if (plain.length + indent.length <= 120 || typeof value !== 'object' || value === null || value instanceof Uint8Array) return plain
  const inner = `${indent}  `
  const items = Array.isArray(value)
    ? value.map((item) => inner + toJson(item, inner))
    : Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${toJson(item, inner)}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return `${open}\n${items.join(',\n')}\n${indent}${close}`
}

export const fromJson = (text: string): unknown => JSON.parse(text, (_, item: unknown) => {
  if (typeof item !== 'string') return item
  if (/^\d+n$/.test(item)) return BigInt(item.slice(0, -1))
  return item.startsWith('hex:') ? new Uint8Array(Buffer.from(item.slice(4), 'hex')) : item
})

export const parseHex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.split('\n').map((line) => line.replace(/#.*/, '')).join('').replace(/\s+/g, ''), 'hex'))

/** Folder of each wire version's vectors. */
const FOLDERS = { of10: 1, of11: 2, of12: 3, of13: 4, of14: 5, of15: 6 } as const

export function readVectors(folder: keyof typeof FOLDERS): readonly Vector[] {
  const directory = join(process.cwd(), 'test', 'vectors', folder)
  return readdirSync(directory).filter((name) => name.endsWith('.vec')).sort().map((name) => {
    const [hex = '', json = '', text = ''] = readFileSync(join(directory, name), 'utf8').split(/^---\n/m)
    return {
      file: `${folder}/${name}`, version: FOLDERS[folder], bytes: parseHex(hex), message: fromJson(json) as Message,
      text: text.trim(), oneWay: hex.includes('# one way:'),
    }
  })
}

export const allVectors = (): readonly Vector[] => (Object.keys(FOLDERS) as (keyof typeof FOLDERS)[]).flatMap(readVectors)
