/** Compares text with a file under test/golden; UPDATE_GOLDEN=1 rewrites it, and the diff is reviewed. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export function assertGolden(name: string, actual: string): void {
  const file = join(process.cwd(), 'test', 'golden', name)
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, actual)
  assert.equal(actual, readFileSync(file, 'utf8'), `${name} differs; UPDATE_GOLDEN=1 rewrites it`)
}
