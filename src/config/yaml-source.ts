/**
 * Reads a YAML configuration file into plain values, and finds the line and column of any of them again.
 * YAML 1.2 core schema; duplicate keys, several documents and tags are refused.
 */
import { LineCounter, isMap, isNode, isScalar, isSeq, parseAllDocuments, visit } from 'yaml'
import type { Document } from 'yaml'
import type { Path, Problem } from './problem.js'

export interface Source {
  readonly values: Readonly<Record<string, unknown>>
  /** Where the value at a path stands; `key` asks for the position of the last step's key instead. */
  where(path: Path, part: 'key' | 'value'): string
  /** The name of what stands there, for messages; '' where `where` says it all. */
  name(path: Path): string
}
export type SourceResult = { readonly ok: true; readonly source: Source } | { readonly ok: false; readonly problems: readonly Problem[] }

/** Numbers that are really texts: read as written, so that 0000000000000010 keeps its zeros and 5 its missing unit. */
const textKeys: ReadonlySet<string> = new Set(['datapathId', 'macAgeing', 'inactivityProbe', 'maxBackoff'])

export function readYaml(text: string, file: string, formatPath: (path: Path) => string): SourceResult {
  const lines = new LineCounter()
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true, version: '1.2' })
  const all = Array.isArray(documents) ? documents : []
  const problems: Problem[] = []
  for (const document of all) {
    for (const error of [...document.errors, ...document.warnings]) {
      problems.push({ where: place(error.pos[0]), key: '', reason: error.message.replace(/\s*\n\s*/g, ' ') })
    }
  }
  const document = all[0]
  if (all.length > 1 && all[1] !== undefined) problems.push({ where: place(all[1].range[0]), key: '', reason: 'a second YAML document; a configuration is one' })
  if (problems.length > 0) return { ok: false, problems }
  if (document === undefined || document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    return { ok: true, source: { values: {}, where: () => file, name: formatPath } }
  }
  if (!isMap(document.contents)) {
    return { ok: false, problems: [{ where: place(document.contents.range?.[0] ?? 0), key: '', reason: 'expected keys and values' }] }
  }
  keepTexts(document)
  let values: unknown
  try {
    values = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return { ok: false, problems: [{ where: file, key: '', reason: (error as Error).message }] }
  }
  return {
    ok: true,
    source: {
      values: values as Record<string, unknown>,
      where: (path, part) => {
        const offset = find(document, path, part)
        return offset === null ? file : place(offset)
      },
      name: formatPath,
    },
  }
}

function keepTexts(document: Document): void {
  visit(document, {
    Pair(_, pair) {
      if (!isScalar(pair.key) || !textKeys.has(String(pair.key.value))) return
      if (isScalar(pair.value) && typeof pair.value.value === 'number' && pair.value.source !== undefined) pair.value.value = pair.value.source
    },
  })
}

/** Offset of the value (or the last key) at a path, or of the nearest thing around it that exists. */
function find(document: Document, path: Path, part: 'key' | 'value'): number | null {
  let node: unknown = document.contents
  let offset = offsetOf(node)
  for (const [i, step] of path.entries()) {
    const last = i === path.length - 1
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step))
      if (pair === undefined) return offset
      const keyOffset = offsetOf(pair.key)
      if (last && part === 'key') return keyOffset ?? offset
      node = pair.value
      offset = offsetOf(node) ?? keyOffset ?? offset
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
      offset = offsetOf(node) ?? offset
    } else return offset
  }
  return offset
}

const offsetOf = (node: unknown): number | null => (isNode(node) && node.range ? node.range[0] : null)
