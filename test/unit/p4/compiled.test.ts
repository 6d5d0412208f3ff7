/** The compiled pipelines belong to the sources beside them: `npm run compile-p4` was run after the last change. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

interface Program { readonly name: string; readonly main: string; readonly includes: readonly string[] }
const folder = join(process.cwd(), 'p4')
const programs = JSON.parse(readFileSync(join(folder, 'programs.json'), 'utf8')) as Program[]

for (const { name, main, includes } of programs) {
  test(`${name}: JSON and P4Info come from these sources`, () => {
    const hash = createHash('sha256')
    for (const file of [main, ...includes].sort()) hash.update(`${file}\0`).update(readFileSync(join(folder, file))).update('\0')
    assert.equal(readFileSync(join(folder, `${name}.sha256`), 'utf8').trim(), hash.digest('hex'), 'run `npm run compile-p4`')
    assert.equal((JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as { program: string }).program, main)
  })
  test(`${name}: every include is listed`, () => {
    const listed = new Set([main, ...includes])
    for (const file of listed) {
      for (const [, included] of readFileSync(join(folder, file), 'utf8').matchAll(/#include "([^"]+)"/g)) {
        assert.ok(listed.has(join(dirname(file), included ?? '')), `${file} includes ${included}, which programs.json does not list`)
      }
    }
  })
}
