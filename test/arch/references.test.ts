/**
 * What the text of the repository refers to: nothing outside it, no traces of how it was made, only decisions and documents
 * that exist, and only editions of specifications that are known. The words are spelt in pieces so that this file is not a find.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, it } from 'node:test'
import { filesBeneath } from './source-files.js'
import type { SourceFile } from './source-files.js'

const endings = ['.ts', '.mjs', '.js', '.json', '.md', '.p4', '.proto', '.py', '.vec', '.txt', '.expected', '.yaml', '.yml', 'run', 'controllers']
const topLevel = readdirSync(process.cwd(), { withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(?:md|json)$/.test(entry.name) && entry.name !== 'package-lock.json')
  .map(({ name }): SourceFile => ({ path: name, text: readFileSync(join(process.cwd(), name), 'utf8') }))
const files = [...topLevel, ...['src', 'test', 'p4', 'proto', 'scripts', 'docs', '.ci'].filter((folder) => existsSync(join(process.cwd(), folder)))
  .flatMap((folder) => filesBeneath(folder, endings))]

const spelt = (...pieces: readonly string[]): string => pieces.join('')
/** Each with why it is not wanted. */
const unwanted: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`\\b(?:${[spelt('TO', 'DO'), spelt('FIX', 'ME'), spelt('X', 'XX'), spelt('HA', 'CK')].join('|')})\\b`), 'work left for later'],
  [new RegExp(spelt('not', '.?implemented', '.?yet'), 'i'), 'work left for later'],
  [new RegExp(`(?:^|[\\s'"\`(=])/(?:${[spelt('wo', 'rk'), spelt('ro', 'ot'), spelt('home/', '[a-z]')].join('|')})(?:/|\\b)`), 'a path of one machine'],
  [new RegExp(`/${spelt('tm', 'p')}/[b-z]/`), 'a path of one machine'],
  [new RegExp(`\\.\\./${spelt('sha', 'red')}\\b`), 'something outside the repository'],
  [new RegExp(`\\b(?:${[spelt('design', '\\.md'), spelt('style', '\\.md'), spelt('peers', '\\.md'), spelt('BRI', 'EF\\.md')].join('|')})`), 'something outside the repository'],
  [new RegExp(`\\b(?:${[spelt('Cla', 'ude'), spelt('Anth', 'ropic'), spelt('Chat', 'GPT'), spelt('Open', 'AI'), spelt('Copi', 'lot'), spelt('sub', 'agent'), spelt('L', 'LM')].join('|')})\\b`, 'i'), 'tools, not the product'],
  [new RegExp(spelt('co-', 'authored', '-by'), 'i'), 'tools, not the product'],
]

const finds = (file: SourceFile, pattern: RegExp): string[] =>
  file.text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1} ${line.trim().slice(0, 100)}`] : []))

describe('references', () => {
  it('looks at the whole repository', () => {
    for (const path of ['package.json', 'src/cli/main.ts', 'p4/main.p4', '.ci/run', 'scripts/test.mjs'])
      assert.ok(files.some((file) => file.path === path), `${path} is not looked at`)
  })

  for (const [pattern, why] of unwanted)
    it(`no ${pattern.source.slice(0, 24)}…: ${why}`, () => {
      assert.deepEqual(files.flatMap((file) => finds(file, pattern)), [])
    })

  it('decisions that are cited have been made', () => {
    const made = new Set((existsSync('docs/adr') ? readdirSync('docs/adr') : []).map((name) => name.slice(0, 4)))
    const cited = files.flatMap((file) => [...file.text.matchAll(/ADR-(\d{4})/g)].map((match) => ({ path: file.path, number: match[1] ?? '' })))
    assert.deepEqual(cited.filter(({ number }) => !made.has(number)), [])
  })

  it('each decision has a number of its own', () => {
    const numbers = readdirSync('docs/adr').map((name) => name.slice(0, 4))
    assert.deepEqual(numbers.filter((number, index) => numbers.indexOf(number) !== index), [])
  })

  it('documents that are named exist', () => {
    const missing = files.flatMap((file) => [...file.text.matchAll(/\b(docs\/[\w/-]+\.md)\b/g)]
      .filter((match) => !existsSync(match[1] ?? '')).map((match) => `${file.path}: ${match[1]}`))
    assert.deepEqual(missing, [])
  })

  it('links of the documents lead somewhere', () => {
    const broken = files.filter(({ path }) => path.endsWith('.md')).flatMap(({ path, text }) => [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map((match) => match[1] ?? '').filter((target) => !/^[a-z]+:/.test(target) && !existsSync(normalize(join(dirname(path), target))))
      .map((target) => `${path}: ${target}`))
    assert.deepEqual(broken, [])
  })

  it('clauses are cited with a known edition', () => {
    const known = /^(?:OF 1\.(?:0|1|2|3(?:\.[15])?|4\.1|5\.1)|P4RT 1\.4)$/
    const cited = files.filter(({ path }) => path.startsWith('src/') || path.startsWith('p4/') || path.endsWith('.md'))
      .flatMap((file) => [...file.text.matchAll(/\b((?:OF|P4RT) [\d.]*\d) §/g)].map((match) => ({ path: file.path, edition: match[1] ?? '' })))
    assert.ok(cited.length > 100, `${cited.length} citations`)
    assert.deepEqual(cited.filter(({ edition }) => !known.test(edition)), [])
  })
})
