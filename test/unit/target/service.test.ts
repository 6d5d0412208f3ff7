/** The service around the entities: arbitration, pipeline configs, devices, the program reader's refusals. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { beforeEach, describe, test } from 'node:test'
import { p4 } from '../../../src/p4proto/generated.js'
import { toBigInt } from '../../../src/p4proto/int64.js'
import { RpcError } from '../../../src/p4proto/service.js'
import { createInProcessTarget } from '../../../src/target/index.js'
import type { InProcessTarget } from '../../../src/target/index.js'
import { compileProgram } from '../../../src/target/program/compile.js'
import { readProgram } from '../../../src/target/program/read.js'
import { Action, Client, codeOf, loadProgram, unhex } from './rig.js'

const { ResponseType } = p4.v1.GetForwardingPipelineConfigRequest
const program = loadProgram('tables')

let target: InProcessTarget
beforeEach(() => { target = createInProcessTarget({ deviceId: 1 }) })
const client = (electionLow: number): Client => new Client(target.target.connect(), program, electionLow)
const settle = () => new Promise(resolve => setImmediate(resolve))
const statusOf = (from: Client): number | undefined => from.messages.at(-1)?.arbitration?.status?.code ?? undefined

describe('arbitration', () => {
  test('the highest election id is primary; the others hear of it', async () => {
    const [a, b] = [client(5), client(9)]
    assert.equal((await a.arbitrate())?.status?.code, 0)
    assert.equal((await b.arbitrate())?.status?.code, 0)
    assert.equal(statusOf(a), 6, 'another client is primary')
    assert.equal(toBigInt(a.messages.at(-1)?.arbitration?.electionId?.low), 9n)
    const c = client(7)
    assert.equal((await c.arbitrate())?.status?.code, 6)
    assert.equal(b.messages.length, 1, 'the primary hears nothing of a backup')
  })

  test('after the primary has gone there is none until someone asks with an id at least as high', async () => {
    const [a, b] = [client(5), client(9)]
    await a.arbitrate()
    await b.arbitrate()
    b.stream.end()
    await settle()
    assert.equal(statusOf(a), 5)
    assert.equal((await a.arbitrate())?.status?.code, 5, '5 is below the highest id ever seen')
    assert.equal((await a.arbitrate({ deviceId: 1, electionId: { low: 9 } }))?.status?.code, 0)
  })

  test('a primary can step down', async () => {
    const a = client(5)
    await a.arbitrate()
    assert.equal((await a.arbitrate({ deviceId: 1, electionId: { low: 4 } }))?.status?.code, 5)
  })

  test('a client without election id is never primary', async () => {
    const a = client(5)
    assert.equal((await a.arbitrate({ deviceId: 1 }))?.status?.code, 5)
    assert.equal(a.messages.at(-1)?.arbitration?.electionId, undefined)
  })

  /** What ends a stream, and with which code. */
  const endings: readonly (readonly [name: string, update: p4.v1.IMasterArbitrationUpdate, code: number])[] = [
    ['another device', { deviceId: 2, electionId: { low: 1 } }, 5],
    ['an election id in use', { deviceId: 1, electionId: { low: 5 } }, 3],
    ['a role', { deviceId: 1, electionId: { low: 1 }, role: { name: 'reader' } }, 12],
  ]
  for (const [name, update, code] of endings) {
    test(`${name} ends the stream`, async () => {
      await client(5).arbitrate()
      const b = client(1)
      await b.arbitrate(update)
      await b.until(() => b.ended !== undefined)
      assert.equal(b.ended?.code, code)
    })
  }

  test('changing the device ends the stream', async () => {
    const a = client(5)
    await a.arbitrate()
    await a.arbitrate({ deviceId: 3, electionId: { low: 5 } })
    assert.equal(a.ended?.code, 9)
    const b = client(5)
    assert.equal((await b.arbitrate())?.status?.code, 0, 'its election id is free again')
  })

  test('only the primary writes, pushes and sends packets', async () => {
    const [a, b] = [client(5), client(9)]
    await a.arbitrate()
    await b.arbitrate()
    assert.equal(await codeOf(a.push()), 7)
    await b.push()
    assert.equal(await codeOf(a.write([])), 7)
    await b.write([])
    assert.equal(await codeOf(target.target.write({ deviceId: 1, updates: [] })), 7)
    a.stream.send({ packet: { payload: unhex('00') } })
    await a.until(() => a.messages.some(message => message.error))
    assert.equal(a.messages.at(-1)?.error?.canonicalCode, 7)
  })

  test('packet-ins go to the primary only', async () => {
    const paths = loadProgram('paths')
    const [a, b] = [new Client(target.target.connect(), paths, 5), new Client(target.target.connect(), paths, 9)]
    await a.arbitrate()
    await b.arbitrate()
    await b.push()
    await b.insert({ table: 'ingress_end', match: { 'h.mark.kind': 1, 's.instance_type': 0 }, action: ['I.run', { clone_it: 0, digest_it: 0, resubmit_it: 0, group: 0, port: 510, drop_it: 0, priority: 0 }] })
    target.inject(1, unhex('01 00 00 00'))
    await b.until(() => b.packetsIn().length === 1)
    assert.equal(a.packetsIn().length, 0)
    b.stream.end()
    target.inject(1, unhex('01 00 00 00'))
    await settle()
    assert.deepEqual([a.packetsIn().length, target.target.statistics().packetsInDropped], [0, 1])
  })

  test('closing a connection ends its streams and no others', async () => {
    const [a, b] = [client(5), client(9)]
    await a.arbitrate()
    await b.arbitrate()
    await b.service.close()
    await b.until(() => b.ended !== undefined)
    assert.equal(b.ended, null)
    assert.equal(a.ended, undefined)
    await target.target.close()
    await a.until(() => a.ended !== undefined)
  })
})

describe('pipeline config', () => {
  let primary: Client
  beforeEach(async () => {
    primary = client(1)
    await primary.arbitrate()
  })
  const config = (more: p4.v1.IForwardingPipelineConfig = {}): p4.v1.IForwardingPipelineConfig => ({ p4info: program.info, p4DeviceConfig: program.json, cookie: { cookie: 77 }, ...more })
  const get = (responseType: p4.v1.GetForwardingPipelineConfigRequest.ResponseType) => target.target.getForwardingPipelineConfig({ deviceId: 1, responseType })

  test('nothing works before there is one', async () => {
    assert.deepEqual([await codeOf(primary.write([])), await codeOf(primary.read({ tableEntry: {} }))], [9, 9])
    assert.deepEqual(await get(ResponseType.ALL), {})
    assert.deepEqual(target.inject(1, unhex('00')), [])
  })

  test('it is given back as it came', async () => {
    await primary.push()
    const all = (await get(ResponseType.ALL)).config
    assert.deepEqual(p4.config.v1.P4Info.encode(all?.p4info ?? {}).finish(), p4.config.v1.P4Info.encode(program.info).finish())
    assert.equal(Buffer.compare(all?.p4DeviceConfig ?? of(), program.json), 0)
    const cookie = (await get(ResponseType.COOKIE_ONLY)).config
    assert.equal(toBigInt(cookie?.cookie?.cookie), 77n)
    assert.equal(cookie?.p4info, undefined)
    assert.equal((await get(ResponseType.DEVICE_CONFIG_AND_COOKIE)).config?.p4info, undefined)
    assert.equal((await get(ResponseType.P4INFO_AND_COOKIE)).config?.p4DeviceConfig, undefined)
  })
  const of = (): Uint8Array => new Uint8Array(0)

  test('another push clears everything', async () => {
    await primary.push()
    await primary.insert({ table: 'range_t', priority: 1, action: ['set', { x: 1 }] })
    await primary.group(1, [[2, 0]])
    await primary.push()
    assert.equal((await primary.read({ tableEntry: {} })).filter(({ tableEntry }) => !tableEntry?.isConst).length, 0)
    assert.equal((await primary.read({ packetReplicationEngineEntry: { multicastGroupEntry: {} } })).length, 0)
  })

  test('VERIFY changes nothing, VERIFY_AND_SAVE waits for COMMIT', async () => {
    await primary.push({ action: Action.VERIFY })
    assert.deepEqual(await get(ResponseType.ALL), {})
    assert.equal(await codeOf(primary.push({ action: Action.COMMIT, config: null })), 5)
    await primary.push({ action: Action.VERIFY_AND_SAVE })
    assert.equal(await codeOf(primary.write([])), 9)
    assert.equal(await codeOf(primary.push({ action: Action.COMMIT })), 3)
    await primary.push({ action: Action.COMMIT, config: null })
    await primary.write([])
  })

  test('what is not supported', async () => {
    assert.equal(await codeOf(primary.push({ action: Action.RECONCILE_AND_COMMIT })), 12)
    assert.equal(await codeOf(primary.push({ action: Action.UNSPECIFIED })), 3)
    assert.equal(await codeOf(primary.push({ config: null })), 3)
    await primary.push()
    const atomicity = p4.v1.WriteRequest.Atomicity.ROLLBACK_ON_ERROR
    assert.equal(await codeOf(target.target.write({ deviceId: 1, electionId: { low: 1 }, atomicity })), 12)
  })

  test('another device or role', async () => {
    await primary.push()
    assert.equal(await codeOf(target.target.write({ deviceId: 2, electionId: { low: 1 } })), 5)
    assert.equal(await codeOf(target.target.write({ deviceId: 1, electionId: { low: 1 }, role: 'x' })), 5)
    assert.equal(await codeOf(target.target.read({ deviceId: 2 })), 5)
    assert.equal(await codeOf(target.target.getForwardingPipelineConfig({ deviceId: 2 })), 5)
    assert.equal(await target.target.capabilities(), '1.4.0')
  })

  test('a config that cannot be realised is refused with every reason', async () => {
    const refusal = async (given: p4.v1.IForwardingPipelineConfig): Promise<string> => {
      try {
        await primary.push({ config: given })
      } catch (error) {
        if (error instanceof RpcError && error.code === 3) return error.message
        throw error
      }
      throw new Error('the config was accepted')
    }
    assert.match(await refusal(config({ p4info: null })), /has no P4Info/)
    assert.match(await refusal(config({ p4DeviceConfig: new Uint8Array(3) })), /not the JSON/)
    assert.match(await refusal(config({ p4DeviceConfig: new TextEncoder().encode('{}') })), /header_types/)
    const other = await refusal(config({ p4info: loadProgram('paths').info }))
    assert.match(other, /no table I\.ingress_end.*no table E\.egress_end/)
  })
})

describe('programs that need more than there is', () => {
  const source = readFileSync('test/unit/target/programs/tables.json', 'utf8')
  type Json = Record<string, never> & { readonly [key: string]: never }
  const changed = (change: (json: any) => void): readonly string[] => {
    const json: unknown = JSON.parse(source)
    change(json as Json)
    const result = readProgram(json)
    return result.ok ? [] : result.reasons
  }

  test('the unchanged program is accepted', () => assert.deepEqual(changed(() => undefined), []))

  /** What is changed, and what the refusal must name. */
  const cases: readonly (readonly [name: string, change: (json: any) => void, reason: RegExp])[] = [
    ['another version of the format', json => { json.__meta__.version = [3, 0] }, /version 3\.0 is not supported/],
    ['a header union', json => { json.header_unions = [{ name: 'u' }] }, /header_unions are not supported \(u\)/],
    ['a value set', json => { json.parse_vsets = [{ name: 'vs' }] }, /parse_vsets are not supported \(vs\)/],
    ['an extern', json => { json.extern_instances = [{ name: 'ex' }] }, /extern_instances are not supported \(ex\)/],
    ['an unknown primitive', json => { json.actions[1].primitives[0] = { op: 'teleport', parameters: [] } }, /primitive teleport is not supported/],
    ['a property of objects as a primitive', json => { json.actions[1].primitives[0] = { op: 'constructor', parameters: [] } }, /primitive constructor is not supported/],
    ['too few arguments', json => { json.actions.find((action: { primitives: unknown[] }) => action.primitives.length > 0).primitives[0].parameters = [] }, /arguments are wanted, 0 are given/],
    ['an unknown operator', json => { json.pipelines[0].conditionals[0].expression.value.op = '<=>' }, /operator <=> is not supported/],
    ['a field that is not there', json => { json.pipelines[0].tables[0].key = [{ match_type: 'exact', target: ['k', 'nope'], mask: null }] }, /no field nope/],
    ['an unknown match kind', json => { json.pipelines[0].tables.find((table: { key: unknown[] }) => table.key.length > 0).key[0].match_type = 'fuzzy' }, /match kind fuzzy is not supported/],
    ['an unknown hash', json => { json.pipelines[0].action_profiles.find((profile: { selector?: unknown }) => profile.selector).selector.algo = 'md5' }, /hash algorithm md5 is not supported/],
    ['a node that is not there', json => { json.pipelines[0].init_table = 'nowhere' }, /no node is named nowhere/],
    ['a cycle', json => { const { tables, init_table: first } = json.pipelines[0]; for (const table of tables) for (const key of Object.keys(table.next_tables)) table.next_tables[key] = first }, /has a cycle/],
    ['no egress', json => { json.pipelines.pop() }, /no egress pipeline/],
    ['a parameter that is not there', json => { json.actions.find((action: { runtime_data: unknown[] }) => action.runtime_data.length > 0).runtime_data = [] }, /no parameter number 0/],
    ['a width that is no number', json => { json.header_types[1].fields[0][1] = '8' }, /width of .* is not an integer/],
    ['a header of odd bits', json => { json.header_types.find((type: { name: string }) => type.name === 'key_t').fields[0][1] = 7 }, /not a whole number of bytes/],
    ['a table too large', json => { json.pipelines[0].tables[0].max_size = 2 ** 25 }, /max_size is not an integer/],
  ]
  for (const [name, change, reason] of cases) {
    test(name, () => {
      const reasons = changed(change)
      assert.ok(reasons.some(text => reason.test(text)), reasons.join('\n'))
    })
  }

  test('all reasons at once', () => {
    const reasons = changed(json => {
      json.header_unions = [{ name: 'u' }]
      json.actions[1].primitives[0] = { op: 'teleport', parameters: [] }
      json.actions[2].primitives[0] = { op: 'levitate', parameters: [] }
    })
    assert.ok(reasons.length >= 3, reasons.join('\n'))
  })

  test('no name of the program becomes code', () => {
    const hostile = JSON.parse(source, (_, value: unknown) => typeof value === 'string' && /^(I\.|k$|tbl_|node_)/.test(value) ? `${value}"'\`; throw new Error('injected') //\n*/` : value) as Record<string, any>
    for (const pipeline of hostile['pipelines']) for (const table of pipeline.tables) {
      table.next_tables = Object.fromEntries(Object.entries(table.next_tables).map(([key, next]) => [/^I\./.test(key) ? `${key}"'\`; throw new Error('injected') //\n*/` : key, next]))
    }
    const result = readProgram(hostile)
    assert.ok(result.ok, result.ok ? '' : result.reasons.join('\n'))
    const executable = compileProgram(result.program, 511)
    assert.ok(!executable.source.includes('injected'))
    executable.ingress()
  })
})

