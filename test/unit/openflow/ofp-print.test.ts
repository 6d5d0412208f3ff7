/** Open vSwitch's own decoder reads what we encode. Skipped where ovs-ofctl is not installed. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { encodeMessage } from '../../../src/openflow/index.js'
import { allVectors } from './vectors.js'

const run = promisify(execFile)
const installed = spawnSync('ovs-ofctl', ['--version']).status === 0

/** Standard, but not known to Open vSwitch 3.1, or foreign on purpose. */
const UNKNOWN_THERE: Readonly<Record<string, string>> = {
  'of13/flow-mod.add__all-actions.vec': 'no copy-ttl and PBB actions',
  'of13/flow-mod.add__all-fields.vec': 'no in_phy_port',
  'of13/experimenter.vec': 'not a form of that message',
  'of13/stats-request.experimenter__onf.vec': 'not a form of that message',
  'of13/stats-request.table-features__set.vec': 'refuses a table without properties',
  'of10/experimenter.vec': 'not a form of that message',
  'of10/stats-request.experimenter.vec': 'not a form of that message',
  'of10/stats-request.experimenter__nicira.vec': 'not a form of that message',
  'of10/flow-mod.modify-strict.vec': 'an unknown vendor',
}

test('ovs-ofctl ofp-print reads every message we encode', { skip: installed ? false : 'ovs-ofctl is not installed' }, async () => {
  const failures: string[] = []
  const vectors = allVectors().filter(({ file }) => UNKNOWN_THERE[file] === undefined)
  for (let at = 0; at < vectors.length; at += 8) {
    await Promise.all(vectors.slice(at, at + 8).map(async ({ file, message, version }) => {
      for (const bytes of encodeMessage(message, version, 1)) {
        const { stdout } = await run('ovs-ofctl', ['ofp-print', Buffer.from(bytes).toString('hex')])
        if (/decode error|decoding failed/.test(stdout)) failures.push(`${file}: ${stdout.slice(0, 200)}`)
      }
    }))
  }
  assert.deepEqual(failures, [])
})
