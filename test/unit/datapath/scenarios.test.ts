/** Replays test/scenarios/*.txt; UPDATE_GOLDEN=1 writes what really happened. */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { replay } from '../../support/scenario.js'

const folder = join(process.cwd(), 'test/scenarios')
const names = readdirSync(folder).filter((name) => name.endsWith('.txt')).sort()
assert.ok(names.length > 0, 'there are scenarios')

for (const name of names) {
  it(name.slice(0, -'.txt'.length), () => {
    const path = join(folder, name)
    const expected = readFileSync(path, 'utf8')
    const got = replay(expected)
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, got)
    else assert.equal(got, expected)
  })
}
