/** The files of the repository as the tests of its structure see them: text, code without comments, imports. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export interface SourceFile {
  /** Relative to the repository root, with `/`. */
  readonly path: string
  readonly text: string
}

/** Files beneath a folder of the repository whose names end in one of `endings`. */
export function filesBeneath(folder: string, endings: readonly string[]): SourceFile[] {
  return readdirSync(join(process.cwd(), folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name).slice(process.cwd().length + 1))
    .filter((path) => !isGenerated(path))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(process.cwd(), path), 'utf8') }))
}

/** Made by scripts/generate-proto.mjs, not by people. */
const isGenerated = (path: string): boolean => /^src\/p4proto\/(?:generated|schema)\.|\/\.generating-/.test(path)

/**
 * The code of a TypeScript file with every comment blanked out, line by line; strings stay. A regular expression literal
 * with a quote in it would confuse this, which shows as a failing test and not as a passing one.
 */
export function withoutComments(text: string): string {
  const token = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g
  return text.replace(token, (found) => (found.startsWith('/') ? found.replace(/[^\n]/g, ' ') : found))
}

export interface Import {
  readonly from: SourceFile
  readonly line: number
  /** As written: './x.js', 'node:fs', 'pino'. */
  readonly specifier: string
  /** The repository file meant, ending in .ts or .js; null for packages. */
  readonly target: string | null
}

/** Static, dynamic, type and re-exporting imports alike: a type is a dependency too. */
export function importsOf(file: SourceFile): Import[] {
  const code = withoutComments(file.text)
  const found: Import[] = []
  for (const match of code.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'([^']+)'/g)) {
    const specifier = match[1] ?? ''
    const target = specifier.startsWith('.') ? normalize(join(dirname(file.path), specifier)).replace(/\.js$/, '.ts') : null
    found.push({ from: file, line: code.slice(0, match.index).split('\n').length, specifier, target })
  }
  return found
}

/** 'src/openflow/schema/oxm.ts' → 'openflow' */
export const folderOf = (path: string): string => path.split('/')[1] ?? ''
