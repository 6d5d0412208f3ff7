/**
 * Wireshark's dissector reads what we encode in 1.0, 1.3 and 1.4, and finds the same in it: types, ids, the fixed part of
 * flow-mods, the fields of matches and the kinds of instructions. It has no dissector of 1.1 and 1.2, and that of 1.5 in
 * Wireshark 4.0 gives up on every OXM match. Skipped where tshark is not installed.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { type Action, encodeMessage, type FlowMod, OXM } from '../../../src/openflow/index.js'
import { capture, PORT } from './pcap.js'
import { allVectors, type Vector } from './vectors.js'

const skip = spawnSync('tshark', ['--version']).status === 0 ? false : 'tshark is not installed'

/** What Wireshark 4.0 takes for malformed, and why it is wrong. */
const MISREAD: Readonly<Record<string, string>> = {
  'of10/flow-mod.add__llc': 'a flow-mod without actions', 'of10/flow-mod.delete-strict': 'a flow-mod without actions',
  'of10/flow-mod.delete': 'a flow-mod without actions',
  'of13/error': 'quoted data that is no message', 'of14/error': 'quoted data that is no message',
  'of14/stats-reply.queue': 'skips the length of queue statistics', 'of14/stats-reply.queue-desc': 'counts the padding into the length of a property',
  'of14/stats-reply.port__optical': 'reads optical statistics as if they were padded',
  'of13/stats-reply.flow-monitor': 'statistics of an experimenter that it does not know',
  'of14/stats-reply.port-desc__experimenter': 'counts the header of an experimenter property twice',
}
const nameOf = ({ file }: Vector): string => file.replace(/\.vec$/, '')

/** Dissector of each wire version. */
const DISSECTORS: Readonly<Record<number, string>> = { 1: 'openflow_v1', 4: 'openflow_v4', 5: 'openflow_v5' }
const FIELDS = ['type', 'xid', 'flowmod.cookie', 'flowmod.priority', 'flowmod.table_id', 'flowmod.idle_timeout', 'flowmod.hard_timeout', 'oxm.field', 'instruction.type'] as const
type Field = (typeof FIELDS)[number]
interface Dissected { readonly vector: Vector; readonly bytes: Uint8Array; readonly malformed: boolean; readonly values: Readonly<Record<Field, string>> }

function dissectAll(): readonly Dissected[] {
  const sent = allVectors().filter(({ version }) => DISSECTORS[version] !== undefined)
    .flatMap((vector, index) => encodeMessage(vector.message, vector.version, 0x1000 + index).map((bytes) => ({ vector, bytes })))
  const folder = mkdtempSync(join(tmpdir(), 'tshark-'))
  try {
    const file = join(folder, 'messages.pcap')
    writeFileSync(file, capture(sent.map(({ bytes }) => bytes)))
    const columns = ['_ws.malformed', ...[4, 5].flatMap((version) => FIELDS.map((field) => `${DISSECTORS[version]}.${field}`)), 'openflow_1_0.type', 'openflow.xid']
    const known = execFileSync('tshark', ['-G', 'fields'], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] })
    const asked = columns.filter((column) => column === '_ws.malformed' || known.includes(`\t${column}\t`))
    const out = execFileSync('tshark', ['-r', file, '-d', `tcp.port==${PORT},openflow`, '-T', 'fields', ...asked.flatMap((column) => ['-e', column])],
      { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] })
    return out.replace(/\n$/, '').split('\n').map((line, index) => {
      const cells = new Map(line.split('\t').map((cell, column) => [asked[column] ?? '', cell]))
      const { vector, bytes } = sent[index]!
      const values = Object.fromEntries(FIELDS.map((field) => [field, cells.get(`${DISSECTORS[vector.version]}.${field}`) ?? ''])) as Record<Field, string>
      return { vector, bytes, malformed: cells.get('_ws.malformed') !== '', values }
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Numbers of the fields in the order in which they are on the wire. */
function oxmFields({ match, instructions }: FlowMod): string {
  const inActions = (list: readonly Action[] | null): number[] => (list ?? []).flatMap((action) => action.type === 'set_field' ? [OXM[action.field].number] : [])
  return [...match.map(({ field }) => OXM[field].number), ...inActions(instructions.apply), ...inActions(instructions.write)].join()
}

function instructionTypes({ instructions }: FlowMod): string {
  const { meter, apply, clear, write, writeMetadata, gotoTable } = instructions
  return [meter !== null && 6, apply !== null && 4, clear && 5, write !== null && 3, writeMetadata !== null && 2, gotoTable !== null && 1].filter((type) => type !== false).join()
}

describe('tshark', { skip }, () => {
  let all: readonly Dissected[] = []
  before(() => { all = dissectAll() })

  test('reads every message we encode', () => {
    assert.ok(all.length > 200, `${all.length} messages`)
    assert.deepEqual(all.filter(({ malformed, vector }) => malformed && MISREAD[nameOf(vector)] === undefined).map(({ vector }) => vector.file), [])
  })

  test('finds the same in them', () => {
    const differences: string[] = []
    const compare = (file: string, what: string, found: string, expected: string): void => {
      if (found !== expected) differences.push(`${file}: ${what} is ${found}, not ${expected}`)
    }
    for (const { vector, bytes, malformed, values } of all) {
      // An error quotes a message, and a bundle carries one: then there are two of each.
      if (malformed || vector.version === 1 || ['error', 'peer_error', 'bundle_add', 'requestforward'].includes(vector.message.type)) continue
      compare(vector.file, 'type', values.type, String(bytes[1]))
      compare(vector.file, 'xid', values.xid, String(Buffer.from(bytes).readUInt32BE(4)))
      if (vector.message.type !== 'flow_mod') continue
      const mod = vector.message
      compare(vector.file, 'cookie', values['flowmod.cookie'], `0x${mod.cookie.toString(16).padStart(16, '0')}`)
      compare(vector.file, 'priority', values['flowmod.priority'], String(mod.priority))
      compare(vector.file, 'table', values['flowmod.table_id'], String(mod.tableId))
      compare(vector.file, 'idle timeout', values['flowmod.idle_timeout'], String(mod.idleTimeout))
      compare(vector.file, 'hard timeout', values['flowmod.hard_timeout'], String(mod.hardTimeout))
      compare(vector.file, 'fields', values['oxm.field'], oxmFields(mod))
      compare(vector.file, 'instructions', values['instruction.type'], instructionTypes(mod))
    }
    assert.deepEqual(differences, [])
  })
})
