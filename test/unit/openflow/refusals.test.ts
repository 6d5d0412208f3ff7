/** Which error answers which fault: one line of a message each, the rest of it well-formed. OF 1.3.5 §7.4.4. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeMessage, type ErrorName, frameOf } from '../../../src/openflow/index.js'
import { parseHex } from './vectors.js'

function message(version: number, type: number, body: string): Uint8Array {
  const bytes = parseHex(body)
  const whole = new Uint8Array(8 + bytes.length)
  whole.set([version, type, whole.length >> 8, whole.length & 0xff, 0, 0, 0, 1])
  whole.set(bytes, 8)
  return whole
}

const padded = (body: string): string => body + ' 00'.repeat((8 - parseHex(body).length % 8) % 8)
/** A 1.3 match of these TLVs. */
const match = (tlvs: string): string => {
  const size = 4 + parseHex(tlvs).length
  return padded(`0001 ${size.toString(16).padStart(4, '0')} ${tlvs}`)
}
const flowMod13 = (more: { match?: string; instructions?: string; command?: string; flags?: string } = {}): Uint8Array => message(4, 14, `
  0000000000000000 0000000000000000 00 ${more.command ?? '00'} 0000 0000 0064 ffffffff ffffffff ffffffff ${more.flags ?? '0000'} 0000
  ${more.match ?? match('')} ${more.instructions ?? ''}`)
const apply = (actions: string): string => `0004 ${(8 + parseHex(actions).length).toString(16).padStart(4, '0')} 00000000 ${actions}`
const withActions = (actions: string): Uint8Array => flowMod13({ instructions: apply(actions) })

const ANY10 = '003820ff 0000 000000000000 000000000000 0000 00 00 0000 00 00 0000 00000000 00000000 0000 0000'
const flowMod10 = (more: { match?: string; command?: string; timeouts?: string; flags?: string; actions?: string } = {}): Uint8Array =>
  message(1, 14, `${more.match ?? ANY10} 0000000000000000 ${more.command ?? '0000'} ${more.timeouts ?? '00000000'} 0064 ffffffff ffff ${more.flags ?? '0000'} ${more.actions ?? ''}`)

const cases: readonly (readonly [string, Uint8Array, ErrorName | 'accepted'])[] = [
  ['1.3 flow-mod', flowMod13(), 'accepted'],
  ['1.3 flow-mod with all parts', flowMod13({ match: match('80000004 00000001'), instructions: apply('0000 0010 00000001 0000 000000000000') }), 'accepted'],
  ['another version', message(1, 14, ''), 'OFPBRC_BAD_VERSION'],
  ['an unknown type', message(4, 30, ''), 'OFPBRC_BAD_TYPE'],
  ['a 1.3 type in 1.0', message(1, 22, ''), 'OFPBRC_BAD_TYPE'],
  ['a short flow-mod', message(4, 14, '00'), 'OFPBRC_BAD_LEN'],
  ['a features request with a body', message(4, 5, '0000000000000000'), 'OFPBRC_BAD_LEN'],
  ['a long role request', message(4, 24, '00000001 00000000 0000000000000001 00'), 'OFPBRC_BAD_LEN'],
  ['an unknown role', message(4, 24, '00000007 00000000 0000000000000001'), 'OFPRRFC_BAD_ROLE'],
  ['an unknown statistics type', message(4, 18, '0063 0000 00000000'), 'OFPBRC_BAD_MULTIPART'],
  ['an unknown statistics type in 1.0', message(1, 16, '0006 0000'), 'OFPBRC_BAD_STAT'],
  ['statistics cut in their header', message(4, 18, '0001 00'), 'OFPBRC_BAD_LEN'],
  ['a short flow statistics request', message(4, 18, '0001 0000 00000000 00000000'), 'OFPBRC_BAD_LEN'],
  ['a description request with a body', message(4, 18, '0000 0000 00000000 00'), 'OFPBRC_BAD_LEN'],
  ['a short experimenter message', message(4, 4, '00002320'), 'OFPBRC_BAD_LEN'],
  ['an experimenter message', message(4, 4, '00002320 00000001'), 'accepted'],
  ['actions longer than a packet-out', message(4, 13, 'ffffffff fffffffd 0010 000000000000'), 'OFPBRC_BAD_LEN'],

  ['an unknown flow-mod command', flowMod13({ command: '05' }), 'OFPFMFC_BAD_COMMAND'],
  ['unknown flow-mod flags', flowMod13({ flags: '0020' }), 'OFPFMFC_BAD_FLAGS'],

  ['a match of 1.1', flowMod13({ match: '0000 0004 00000000' }), 'OFPBMC_BAD_TYPE'],
  ['a match shorter than its header', flowMod13({ match: '0001 0003 00000000' }), 'OFPBMC_BAD_LEN'],
  ['a match longer than the message', flowMod13({ match: '0001 0014 00000000' }), 'OFPBMC_BAD_LEN'],
  ['a TLV longer than its match', flowMod13({ match: '0001 0008 80000004' }), 'OFPBMC_BAD_LEN'],
  ['a TLV of a wrong length', flowMod13({ match: match('80000002 0001') }), 'OFPBMC_BAD_LEN'],
  ['a masked TLV without mask', flowMod13({ match: match('80000106 000000000001') }), 'OFPBMC_BAD_LEN'],
  ['a header cut off', flowMod13({ match: match('8000') }), 'OFPBMC_BAD_LEN'],
  ['an unknown field', flowMod13({ match: match('80006004 00000001') }), 'OFPBMC_BAD_FIELD'],
  ['a field of another class', flowMod13({ match: match('00010004 00000001') }), 'OFPBMC_BAD_FIELD'],
  ['a field twice', flowMod13({ match: match('80000004 00000001 80000004 00000001') }), 'OFPBMC_DUP_FIELD'],
  ['a value outside its mask', flowMod13({ match: match('8000070c 000000000003 000000000001') }), 'OFPBMC_BAD_WILDCARDS'],
  ['a mask where there can be none', flowMod13({ match: match('80000108 00000001 00000001') }), 'OFPBMC_BAD_MASK'],
  ['a value too large', flowMod13({ match: match('80000c02 2000') }), 'OFPBMC_BAD_VALUE'],
  ['a missing prerequisite', flowMod13({ match: match('80001604 0a000001') }), 'OFPBMC_BAD_PREREQ'],
  ['a prerequisite that comes too late', flowMod13({ match: match('80001604 0a000001 80000a02 0800') }), 'OFPBMC_BAD_PREREQ'],
  ['prerequisites in time, in another order', flowMod13({ match: match('80000a02 0800 80001604 0a000001 80000004 00000001') }), 'accepted'],

  ['an unknown instruction', flowMod13({ instructions: '0007 0008 00000000' }), 'OFPBIC_UNKNOWN_INST'],
  ['an experimenter instruction', flowMod13({ instructions: 'ffff 0008 00002320' }), 'OFPBIC_BAD_EXPERIMENTER'],
  ['an instruction of 4 bytes', flowMod13({ instructions: '0001 0004 00000000' }), 'OFPBIC_BAD_LEN'],
  ['an instruction of no multiple of 8', flowMod13({ instructions: '0001 000c 00000000 00000000' }), 'OFPBIC_BAD_LEN'],
  ['an instruction longer than the message', flowMod13({ instructions: '0001 0010 00000000' }), 'OFPBIC_BAD_LEN'],
  ['a goto-table of 16 bytes', flowMod13({ instructions: '0001 0010 00000000 0000000000000000' }), 'OFPBIC_BAD_LEN'],
  ['an instruction cut off', flowMod13({ instructions: '0001 0008' }), 'OFPBIC_BAD_LEN'],
  ['two goto-table instructions', flowMod13({ instructions: '0001 0008 01000000 0001 0008 01000000' }), 'OFPBIC_DUP_INST'],
  ['two empty apply-actions instructions', flowMod13({ instructions: apply('') + apply('') }), 'OFPBIC_DUP_INST'],

  ['an unknown action', withActions('0001 0008 00000000'), 'OFPBAC_BAD_TYPE'],
  ['an action of 4 bytes', withActions('0012 0004 0012 0004'), 'OFPBAC_BAD_LEN'],
  ['an action of no multiple of 8', withActions('0012 000c 00000000 00000000 00000000'), 'OFPBAC_BAD_LEN'],
  ['an output of 8 bytes', withActions('0000 0008 00000001'), 'OFPBAC_BAD_LEN'],
  ['an output of 24 bytes', withActions('0000 0018 00000001 0000 000000000000 0000000000000000'), 'OFPBAC_BAD_LEN'],
  ['an action longer than its instruction', withActions('0012 0010 00000000'), 'OFPBAC_BAD_LEN'],
  ['a VLAN tag of a wrong ethertype', withActions('0011 0008 0800 0000'), 'OFPBAC_BAD_ARGUMENT'],
  ['an MPLS header of a wrong ethertype', withActions('0013 0008 0800 0000'), 'OFPBAC_BAD_ARGUMENT'],
  ['an MPLS header taken away', withActions('0014 0008 0800 0000'), 'accepted'],
  ['set-field of an unknown field', withActions('0019 0010 80006004 00000001 00000000'), 'OFPBAC_BAD_SET_TYPE'],
  ['set-field of in_port', withActions('0019 0010 80000004 00000001 00000000'), 'OFPBAC_BAD_SET_TYPE'],
  ['set-field of in_phy_port', withActions('0019 0010 80000204 00000001 00000000'), 'OFPBAC_BAD_SET_TYPE'],
  ['set-field of metadata', withActions('0019 0010 80000408 0000000000000001'), 'OFPBAC_BAD_SET_TYPE'],
  ['set-field of a wrong length', withActions('0019 0010 80000604 00000001 00000000'), 'OFPBAC_BAD_SET_LEN'],
  ['set-field longer than its action', withActions('0019 0008 80000606'), 'OFPBAC_BAD_SET_LEN'],
  ['set-field with 8 bytes behind it', withActions('0019 0018 80000606 000000000001 0000000000000000 0000'), 'OFPBAC_BAD_SET_LEN'],
  ['set-field with a mask', withActions('0019 0018 8000070c 000000000001 0000000000ff 00000000'), 'OFPBAC_BAD_SET_MASK'],
  ['set-field of a value too large', withActions('0019 0010 80001001 40 000000 00000000'), 'OFPBAC_BAD_SET_ARGUMENT'],
  ['set-field of a VLAN id without the present bit', withActions('0019 0010 80000c02 0064 0000 00000000'), 'OFPBAC_BAD_SET_ARGUMENT'],
  ['set-field of tunnel_id', withActions('0019 0010 80004c08 0000000000000001'), 'accepted'],

  ['an unknown group command', message(4, 15, '0005 00 00 00000001'), 'OFPGMFC_BAD_COMMAND'],
  ['an unknown group type', message(4, 15, '0000 09 00 00000001'), 'OFPGMFC_BAD_TYPE'],
  ['a bucket of 8 bytes', message(4, 15, '0000 00 00 00000001 0008 0000 00000000'), 'OFPGMFC_BAD_BUCKET'],
  ['a bucket longer than the message', message(4, 15, '0000 00 00 00000001 0020 0000 ffffffff ffffffff 00000000'), 'OFPGMFC_BAD_BUCKET'],
  ['a bucket with a bad action', message(4, 15, '0000 00 00 00000001 0018 0000 ffffffff ffffffff 00000000 0063 0008 00000000'), 'OFPBAC_BAD_TYPE'],
  ['an unknown meter command', message(4, 29, '0003 0001 00000001'), 'OFPMMFC_BAD_COMMAND'],
  ['an unknown meter band', message(4, 29, '0000 0001 00000001 0003 0010 00000001 00000000 00000000'), 'OFPMMFC_BAD_BAND'],
  ['a short meter band', message(4, 29, '0000 0001 00000001 0001 0008 00000001 00000000 00000000'), 'OFPBRC_BAD_LEN'],
  ['unknown port configuration', message(4, 16, '00000001 00000000 000000000001 0000 00000010 00000010 00000000 00000000'), 'OFPPMFC_BAD_CONFIG'],

  ['table features with an unknown property', tableFeatures('0020 0004 00000000'), 'OFPTFFC_BAD_TYPE'],
  ['table features with a property twice', tableFeatures('0002 0004 00000000 0002 0004 00000000'), 'OFPTFFC_BAD_ARGUMENT'],
  ['table features with a property too long', tableFeatures('0002 0010 00000000'), 'OFPTFFC_BAD_LEN'],
  ['table features with an unknown field', tableFeatures('0008 0008 80006004'), 'OFPBMC_BAD_FIELD'],
  ['table features with an unknown instruction', tableFeatures('0000 0008 0009 0004'), 'OFPTFFC_BAD_ARGUMENT'],
  ['table features with field ids of no length', tableFeatures('0008 000c 80000000 80000700 00000000'), 'accepted'],
  ['table features without properties', tableFeatures(''), 'accepted'],
  ['table features longer than the message', message(4, 18, `000c 0000 00000000 0080 00 0000000000 ${'00'.repeat(32)} ${'00'.repeat(24)}`), 'OFPTFFC_BAD_LEN'],

  ['1.0 flow-mod', flowMod10(), 'accepted'],
  ['an unknown 1.0 command', flowMod10({ command: '0105' }), 'OFPFMFC_BAD_COMMAND'],
  ['unknown 1.0 flags', flowMod10({ flags: '0008' }), 'OFPFMFC_BAD_FLAGS'],
  ['an emergency flow with a timeout', flowMod10({ flags: '0004', timeouts: '00050000' }), 'OFPFMFC_BAD_EMERG_TIMEOUT'],
  ['an emergency flow', flowMod10({ flags: '0004' }), 'OFPFMFC_UNSUPPORTED'],
  ['an unknown 1.0 action', flowMod10({ actions: '000c 0008 00000000' }), 'OFPBAC_BAD_TYPE'],
  ['a 1.0 output of 16 bytes', flowMod10({ actions: '0000 0010 0001 0000 0000000000000000' }), 'OFPBAC_BAD_LEN'],
  ['a 1.0 VLAN id too large', flowMod10({ actions: '0001 0008 1000 0000' }), 'OFPBAC_BAD_ARGUMENT'],
  ['a 1.0 VLAN priority too large', flowMod10({ actions: '0002 0008 08 000000' }), 'OFPBAC_BAD_ARGUMENT'],
  ['a 1.0 ToS with its low bits', flowMod10({ actions: '0008 0008 03 000000' }), 'OFPBAC_BAD_ARGUMENT'],
  ['an action of an unknown vendor', flowMod10({ actions: 'ffff 0010 00001234 0000000000000000' }), 'accepted'],
  ['a short 1.0 match', message(1, 14, '003820ff'), 'OFPBRC_BAD_LEN'],
]

function tableFeatures(properties: string): Uint8Array {
  const body = padded(properties)
  const size = (64 + parseHex(body).length).toString(16).padStart(4, '0')
  return message(4, 18, `000c 0000 00000000 ${size} 01 0000000000 ${'00'.repeat(32)} ${'00'.repeat(24)} ${body}`)
}

for (const [what, bytes, expected] of cases) {
  test(`${what}: ${expected}`, () => {
    const negotiated = what === 'another version' ? 4 : bytes[0] as number
    const result = decodeMessage(frameOf(bytes), negotiated)
    assert.equal(result.ok ? 'accepted' : result.error, expected, result.ok ? '' : result.reason)
  })
}

test('hello, echo and error are understood in any version', () => {
  for (const version of [1, 2, 3, 4, 5, 6, 9, 255]) {
    for (const [type, body] of [[0, ''], [1, '0001 0002'], [2, 'aa'], [3, '']] as const) {
      assert.ok(decodeMessage(frameOf(message(version, type, body)), 4).ok, `version ${version} type ${type}`)
    }
  }
  assert.ok(!decodeMessage(frameOf(message(0, 0, '')), 4).ok)
})

test('a hello without bitmap offers every version up to its own', () => {
  const result = decodeMessage(frameOf(message(6, 0, '')), 0)
  assert.deepEqual(result.ok && result.message, { type: 'hello', versions: [1, 2, 3, 4, 5, 6], hasBitmap: false })
})
test('a hello with an unknown or broken element is read as far as it goes', () => {
  for (const [body, versions] of [
    ['0005 0008 00000000 0001 0008 00000012', [1, 4]], ['0001 0003 00', [1, 2, 3, 4]], ['0001 0010 00000012', [1, 2, 3, 4]], ['0001 000c 00000010 00000001 00000000', [4, 32]],
  ] as const) {
    const result = decodeMessage(frameOf(message(4, 0, body)), 0)
    assert.deepEqual(result.ok && result.message.type === 'hello' && result.message.versions, [...versions], body)
  }
})
