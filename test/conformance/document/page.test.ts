/** docs/conformance.md says what the switch does today. UPDATE_GOLDEN=1 rewrites it, and the diff is reviewed. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { conformancePage } from './page.js'
import { sections } from './sections.js'

const all = sections()
const file = join(process.cwd(), 'docs/conformance.md')

test('docs/conformance.md is current', () => {
  const page = conformancePage(all)
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, page)
  assert.equal(page, readFileSync(file, 'utf8'), 'UPDATE_GOLDEN=1 rewrites it')
})

test('the tests it names exist', () => {
  const missing = all.flatMap(({ shownBy }) => shownBy).filter((path) => !existsSync(join(process.cwd(), path)))
  assert.deepEqual(missing, [])
})
