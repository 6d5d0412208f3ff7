/**
 * Open vSwitch's own decoder reads what we encode and says the same of it as our text form. All vectors of all versions go
 * through one run of `ovs-ofctl ofp-parse`. Skipped where it is not installed.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { encodeMessage, formatActions, formatInstructions, formatMatch, type Message } from '../../../src/openflow/index.js'
import { allVectors, type Vector } from './vectors.js'

const installed = spawnSync('ovs-ofctl', ['--version']).status === 0
const skip = installed ? false : 'ovs-ofctl is not installed'

/** Standard, but not known to Open vSwitch 3.1, or foreign on purpose. By folder and file; `*` for all that have the file. */
const UNKNOWN_THERE: Readonly<Record<string, string>> = {
  '*/flow-mod.add__all-actions': 'no copy-ttl and PBB actions',
  '*/flow-mod.add__all-fields': 'no in_phy_port',
  '*/flow-mod.add__pbb-uca': 'no PBB',
  '*/flow-mod.add__sets': 'no copy-ttl actions',
  '*/experimenter': 'not a form of that message',
  '*/stats-request.experimenter': 'not a form of that message',
  '*/stats-request.experimenter__onf': 'not a form of that message',
  '*/stats-request.experimenter__nicira': 'not a form of that message',
  'of13/stats-request.table-features__set': 'refuses a table without properties',
  'of14/stats-request.table-features__set': 'refuses a table without properties',
  'of15/stats-request.table-features__set': 'refuses a table without properties',
  'of10/flow-mod.modify-strict': 'an unknown vendor',
  '*/stats-request.flow-monitor__no-abbrev': 'no OFPFMF_NO_ABBREV',
  'of15/controller-status': 'no such message',
  'of15/flow-mod.add__meters': 'no meter in an action set',
  'of15/flow-mod.add__stat-trigger': 'no such instruction',
  'of15/set-async__15': 'no flow-stats and controller-status',
  'of15/stats-reply.bundle-features': 'no such statistics',
  'of15/stats-request.bundle-features': 'no such statistics',
  'of15/stats-request.bundle-features__time': 'no such statistics',
  'of15/stats-reply.controller-status': 'no such statistics',
  'of15/stats-request.controller-status': 'no such statistics',
  'of15/stats-reply.flow-stats': 'no such statistics',
  'of15/stats-request.flow-stats': 'no such statistics',
  'of15/stats-reply.meter-features': 'has the form of 1.3, without `features`; OF 1.5.1 §7.3.5.14 is clear',
  'of15/stats-reply.meter-features__15': 'has the form of 1.3, without `features`; OF 1.5.1 §7.3.5.14 is clear',
}
const isKnown = (file: string): boolean => {
  const name = file.replace(/\.vec$/, '')
  return UNKNOWN_THERE[name] === undefined && UNKNOWN_THERE[name.replace(/^\w+/, '*')] === undefined
}

/** The same in other words, which are those of 1.0 or name no field. */
const OTHER_WORDS = [
  'of10/flow-mod.add__all-actions', 'of10/flow-mod.add__exact', 'of10/flow-mod.add__ipv6-udp', 'of10/flow-mod.add__nicira-actions',
  'of10/flow-mod.add__vlan-pcp-only', 'of10/flow-mod.add__vlan-none', 'of11/flow-mod.add__no-tag', 'of10/stats-reply.flow',
  'of15/flow-mod.add__egress', 'of15/flow-mod.add__new-fields',
]

/** Beyond those of messages that errors quote. */
const FIRST_XID = 0x5000000

interface Printed { readonly vector: Vector; readonly text: string }

/** What ovs-ofctl says of each message; they are told apart by their xids. */
function printAll(): readonly Printed[] {
  const sent: Vector[] = []
  const chunks: Uint8Array[] = []
  for (const vector of allVectors().filter(({ file }) => isKnown(file))) {
    for (const bytes of encodeMessage(vector.message, vector.version, FIRST_XID + sent.length)) {
      sent.push(vector)
      chunks.push(bytes)
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'ofp-'))
  try {
    const file = join(folder, 'messages')
    writeFileSync(file, Buffer.concat(chunks))
    const out = execFileSync('ovs-ofctl', ['ofp-parse', file], { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] })
    const texts = new Map<number, string>()
    let current = FIRST_XID - 1
    for (const line of out.split('\n')) {
      const xid = Number.parseInt(/^\w.*\(xid=0x([0-9a-f]+)\)/.exec(line)?.[1] ?? '0', 16)
      if (xid === current + 1) current = xid
      texts.set(current, `${texts.get(current) ?? ''}${line}\n`)
    }
    return sent.map((vector, index) => ({ vector, text: texts.get(FIRST_XID + index) ?? '' }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What must stand in Open vSwitch's text as it stands in ours. */
function expected(message: Message): readonly string[] {
  switch (message.type) {
    case 'flow_mod':
      return message.command.startsWith('delete') ? [formatMatch(message.match)] : [formatMatch(message.match), `actions=${formatInstructions(message.instructions)}`]
    case 'flow_removed': return [formatMatch(message.match)]
    case 'packet_out': return [`actions=${formatActions(message.actions)}`]
    case 'stats_reply':
      return message.body.kind === 'flow' ? message.body.flows.flatMap(({ match, instructions }) => [formatMatch(match), `actions=${formatInstructions(instructions)}`]) : []
    default: return []
  }
}

describe('ovs-ofctl ofp-parse', { skip }, () => {
  let printed: readonly Printed[] = []
  before(() => { printed = printAll() })

  test('reads every message we encode', () => {
    const failures = printed.filter(({ text }) => text === '' || /decode error|decoding failed/.test(text))
    assert.deepEqual(failures.map(({ vector, text }) => `${vector.file}: ${text.slice(0, 200)}`), [])
    assert.ok(printed.length > 400, `${printed.length} messages`)
  })

  test('says the same matches and actions as our text form', () => {
    const differences: string[] = []
    for (const { vector, text } of printed) {
      if (OTHER_WORDS.includes(vector.file.replace(/\.vec$/, ''))) continue
      for (const words of expected(vector.message)) if (!text.includes(words)) differences.push(`${vector.file}: ${words} is not in ${text}`)
    }
    assert.deepEqual(differences, [])
  })
})
