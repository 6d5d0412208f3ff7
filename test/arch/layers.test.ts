/**
 * The layers of src/, as ARCHITECTURE.md draws them: a folder may import what `layers` says and nothing else. What is pure
 * stays pure, a package is used where it belongs, no file grows without end, and no table of a P4 program is known by name.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { filesBeneath, folderOf, importsOf, withoutComments } from './source-files.js'
import type { Import } from './source-files.js'

interface Layer {
  /** Folders it may import. */
  readonly below: readonly string[]
  /** Decides by what it is told: no Node, no clock, no timer, no randomness. */
  readonly pure?: true
  readonly packages?: readonly string[]
}

/** From the bottom up. */
const layers: Readonly<Record<string, Layer>> = {
  base: { below: [], packages: ['pino', 'pino-pretty'] },
  p4proto: { below: ['base'], packages: ['protobufjs'] },
  openflow: { below: ['base'], pure: true },
  packet: { below: ['base', 'openflow'], pure: true },
  p4info: { below: ['base', 'p4proto'], pure: true },
  datapath: { below: ['base', 'openflow', 'packet'], pure: true },
  compiler: { below: ['base', 'openflow', 'packet', 'datapath', 'p4info'], pure: true },
  config: { below: ['base'], packages: ['yaml', 'zod'] },
  channel: { below: ['base', 'openflow'] },
  control: { below: ['base', 'openflow', 'packet', 'datapath', 'channel'], packages: ['koffi'] },
  ctl: { below: ['base', 'openflow'] },
  target: { below: ['base', 'p4proto', 'p4info', 'packet'], packages: ['koffi'] },
  p4runtime: { below: ['base', 'p4proto', 'p4info', 'compiler'], packages: ['@grpc/grpc-js'] },
  example: { below: ['base', 'openflow', 'packet', 'channel'] },
  agent: { below: ['base', 'openflow', 'packet', 'p4info', 'datapath', 'compiler', 'config', 'channel', 'control', 'target', 'p4runtime'] },
  cli: { below: ['base', 'config', 'channel', 'target', 'p4runtime', 'example', 'agent', 'openflow', 'ctl'] },
}

/** Where a folder sees only a part of another one. */
const narrower: readonly { readonly from: string; readonly to: string; readonly only: RegExp; readonly why: string }[] = [
  { from: 'packet', to: 'openflow', only: /^src\/openflow\/model\.ts$/, why: 'packets need the model, not the codec' },
  { from: 'p4runtime', to: 'compiler', only: /^src\/compiler\/ir\.ts$/, why: 'the session speaks in named entries and knows no compiler' },
  { from: 'compiler', to: 'datapath', only: /^src\/datapath\/pipeline\.ts$/, why: 'the compiler implements what the datapath needs and sees no more of it' },
]

const sources = filesBeneath('src', ['.ts'])
const imports = sources.flatMap(importsOf)
const at = ({ from, line }: Import): string => `${from.path}:${line}`
const none = (found: readonly string[], rule: string): void => assert.deepEqual(found, [], rule)

describe('layers', () => {
  it('every folder of src has its place', () => {
    assert.deepEqual([...new Set(sources.map(({ path }) => folderOf(path)))].sort(), Object.keys(layers).sort())
  })

  it('the table itself only points down', () => {
    const order = Object.keys(layers)
    none(order.flatMap((folder, place) => (layers[folder]?.below ?? [])
      .filter((below) => order.indexOf(below) < 0 || order.indexOf(below) >= place).map((below) => `${folder} → ${below}`)), 'upward')
  })

  it('ARCHITECTURE.md tells the same', () => {
    const rows = readFileSync(join(process.cwd(), 'ARCHITECTURE.md'), 'utf8').split('\n').map((line) => line.split('|').map((cell) => cell.trim()))
      .filter((cells) => cells.length === 6 && /^`\w+`$/.test(cells[1] ?? ''))
    const told = Object.fromEntries(rows.map(([, folder = '', , may = '']) =>
      [folder.slice(1, -1), may === 'nothing of ours' ? [] : may.split(', ').map((name) => name.split('/')[0]).sort()]))
    assert.deepEqual(told, Object.fromEntries(Object.entries(layers).map(([folder, { below }]) => [folder, [...below].sort()])))
  })

  it('imports follow the table', () => {
    none(imports.flatMap((each) => {
      if (each.target === null) return []
      const [from, to] = [folderOf(each.from.path), folderOf(each.target)]
      if (!each.target.startsWith('src/')) return [`${at(each)} leaves src: ${each.specifier}`]
      return from === to || layers[from]?.below.includes(to) ? [] : [`${at(each)} imports ${to} from ${from}`]
    }), 'imports that the layers do not allow')
  })

  it('some folders are seen in part only', () => {
    none(imports.flatMap((each) => narrower
      .filter(({ from, to, only }) => each.target !== null && folderOf(each.from.path) === from && folderOf(each.target) === to && !only.test(each.target))
      .map(({ why }) => `${at(each)} imports ${each.target}: ${why}`)), 'imports of what is not for this folder')
  })

  it('every import leads to a file', () => {
    const known = new Set(sources.map(({ path }) => path))
    const isKnown = (target: string): boolean => known.has(target) || /^src\/p4proto\/(?:generated|schema)\.ts$/.test(target)
    none(imports.flatMap((each) => (each.target === null || isKnown(each.target) ? [] : [`${at(each)} imports ${each.target}`])), 'imports of nothing')
  })

  it('folders do not form a circle', () => {
    const graph = new Map<string, Set<string>>()
    for (const { from, target } of imports) {
      if (target === null || folderOf(from.path) === folderOf(target)) continue
      const edges = graph.get(folderOf(from.path)) ?? new Set<string>()
      graph.set(folderOf(from.path), edges.add(folderOf(target)))
    }
    none([...graph.keys()].flatMap((folder) => circle(graph, folder, [])), 'circles')
  })
})

describe('purity', () => {
  const pure = (path: string): boolean => layers[folderOf(path)]?.pure === true

  it('pure folders import nothing of Node and no package', () => {
    none(imports.filter(({ from, target }) => target === null && pure(from.path)).map((each) => `${at(each)} imports ${each.specifier}`), 'imports')
  })

  it('pure folders read no clock, no environment, no chance', () => {
    const impure = /\b(?:Buffer|process|setTimeout|setInterval|setImmediate|queueMicrotask|monotonicNow)\b|\bDate\.now\b|\bnew Date\b|\bperformance\.|\bMath\.random\b|\bconsole\./
    none(sources.filter(({ path }) => pure(path)).flatMap(({ path, text }) => withoutComments(text).split('\n')
      .flatMap((line, index) => (impure.test(withoutStrings(line)) ? [`${path}:${index + 1} ${line.trim()}`] : []))), 'impure code')
  })

  it('a package is used in the folder it belongs to', () => {
    none(imports.flatMap((each) => {
      if (each.target !== null || each.specifier.startsWith('node:')) return []
      const allowed = layers[folderOf(each.from.path)]?.packages ?? []
      return allowed.some((name) => each.specifier === name || each.specifier.startsWith(`${name}/`)) ? [] : [`${at(each)} imports ${each.specifier}`]
    }), 'packages')
  })
})

describe('size', () => {
  const MOST_LINES = 600
  it(`no file has more than ${MOST_LINES} lines`, () => {
    const counted = [...sources, ...filesBeneath('test', ['.ts'])].filter(({ path }) => !path.startsWith('src/openflow/schema/'))
    none(counted.filter(({ text }) => text.split('\n').length > MOST_LINES + 1).map(({ path }) => path), 'long files')
  })
})

describe('P4 programs', () => {
  /** The full names of tables, actions, counters … of every compiled program, and the controls they are in. */
  const names = new Set(p4infoFiles().flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/^ {4}name: "([^"]+)"$/gm)]
    .flatMap(([, name = '']) => (name.includes('.') ? [name, name.split('.')[0] ?? '', name.split('.').slice(1).join('.')] : []))))

  it('are read here', () => {
    assert.ok(names.size > 100, `${names.size} names`)
    assert.ok([...names].some((name) => name.endsWith('.flow')))
  })

  it('are known to no source by the names of what is in them', () => {
    none(sources.flatMap(({ path, text }) => withoutComments(text).split('\n').flatMap((line, index) =>
      [...line.matchAll(/'([^']*)'|"([^"]*)"|`([^`]*)`/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
        // One word by itself may mean anything; with a dot in it, or as the name of a control, it means the program.
        .filter((string) => names.has(string) && (string.includes('.') || /^[A-Z]/.test(string)))
        .map((string) => `${path}:${index + 1} '${string}'`))), 'names of a P4 program in src')
  })
})

const withoutStrings = (line: string): string => line.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g, "''")

function p4infoFiles(): string[] {
  const root = join(process.cwd(), 'p4')
  return readdirSync(root, { recursive: true }).map(String).filter((name) => name.endsWith('.p4info.txtpb')).map((name) => join(root, name))
}

function circle(graph: ReadonlyMap<string, ReadonlySet<string>>, folder: string, path: readonly string[]): string[] {
  if (path.includes(folder)) return path[0] === folder ? [[...path, folder].join(' → ')] : []
  return [...graph.get(folder) ?? []].flatMap((next) => circle(graph, next, [...path, folder]))
}
