/**
 * The embedded target beside BMv2: the same program, the same updates, the same random packets, and the same outputs. Only
 * what both define is sent: no reads of headers that are not there, no clock, no dice. BMV2_ROUNDS=n tries more packets.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { p4 } from '../../../src/p4proto/generated.js'
import { RpcError } from '../../../src/p4proto/service.js'
import { GrpcService } from '../../../src/p4runtime/index.js'
import { createInProcessTarget } from '../../../src/target/index.js'
import type { InProcessTarget } from '../../../src/target/index.js'
import { Bmv2, whyNoBmv2 } from './bmv2.js'
import { Random } from './random.js'
import { Client, Type, hex, loadProgram, unhex } from './rig.js'
import type { EntrySpec } from './rig.js'

const rounds = Number(process.env['BMV2_ROUNDS'] ?? 12)
const batch = 24
const skip = whyNoBmv2()

const hexOf = (value: bigint | number, bytes: number): string => value.toString(16).padStart(bytes * 2, '0')

const textOf = (match: unknown): string => JSON.stringify(match, function (this: Record<string, unknown>, key, value: unknown) {
  const held = this[key]
  return held instanceof Uint8Array ? hex(held) : value
})

/** Both targets with one program, and the same client calls on both. */
class Pair {
  readonly target: InProcessTarget
  readonly ours: Client
  readonly theirs: Client
  private readonly bmv2: Bmv2
  /** Frames that came out, packet-ins included. */
  seen = 0
  private nextId = 1
  constructor(bmv2: Bmv2, program: string, folder?: string) {
    this.bmv2 = bmv2
    this.target = createInProcessTarget()
    this.ours = new Client(this.target.target.connect(), loadProgram(program, folder))
    this.theirs = new Client(new GrpcService(bmv2.address), this.ours.program)
    this.theirs.onMessage = () => { bmv2.changed() }
  }

  async open(): Promise<void> {
    await this.both(client => client.arbitrate())
    await this.both(client => client.push())
    await this.bmv2.ready()
  }
  async close(): Promise<void> { await this.both(client => client.service.close()) }
  async both<T>(call: (client: Client) => Promise<T>): Promise<[T, T]> { return [await call(this.ours), await call(this.theirs)] }

  /** Accepted or refused: both must agree, update by update. Codes differ where PI has coarser ones. */
  async write(updates: readonly p4.v1.IUpdate[]): Promise<void> {
    const [ours, theirs] = await this.both(async client => {
      try {
        await client.write(updates)
        return updates.map(() => ({ code: 0, message: '' }))
      } catch (error) {
        if (error instanceof RpcError && error.updateStatuses.length > 0) return error.updateStatuses
        throw error
      }
    })
    updates.forEach((update, at) => assert.equal((ours[at]?.code ?? 0) === 0, (theirs[at]?.code ?? 0) === 0,
      `${JSON.stringify(update)}: here ${ours[at]?.code} ${ours[at]?.message}, BMv2 ${theirs[at]?.code} ${theirs[at]?.message}`))
  }
  insert(...specs: EntrySpec[]): Promise<void> { return this.write(specs.map(spec => ({ type: Type.INSERT, entity: { tableEntry: this.ours.entry(spec) } }))) }

  /** Sends the frames to both and compares what comes out of each, in any order. */
  async compare(frames: readonly { readonly port: number; readonly frame: string }[], seed: string): Promise<void> {
    const packetsBefore = [this.ours.packetsIn().length, this.theirs.packetsIn().length] as const
    const first = this.nextId
    const wanted = frames.map(({ port, frame }) => this.target.inject(port, unhex(frame)).map(output => `${output.port} ${hex(output.frame)}`).sort())
    const count = wanted.reduce((sum, list) => sum + list.length, 0)
    this.bmv2.outputs = []
    for (const { port, frame } of frames) this.bmv2.inject({ id: this.nextId++, port, frame: unhex(frame) })
    await new Promise(resolve => setImmediate(resolve))
    const packets = this.ours.packetsIn().length - packetsBefore[0]
    this.seen += count + packets
    await this.bmv2.until(() => this.bmv2.outputs.length >= count && this.theirs.packetsIn().length - packetsBefore[1] >= packets, 3000)
    // Whatever comes on top of it would come now.
    await new Promise(resolve => setTimeout(resolve, 30))
    const got = frames.map((_, at) => this.bmv2.outputs.filter(({ id }) => id === first + at).map(output => `${output.port} ${hex(output.frame)}`).sort())
    frames.forEach(({ port, frame }, at) => assert.deepEqual(wanted[at], got[at], `${seed}: frame ${frame} on port ${port} (first: embedded, second: BMv2)`))
    const packetIns = (client: Client, from: number): string[] => client.packetsIn().slice(from).map(packet => `${packet.payload} ${Object.values(packet.metadata).join()}`).sort()
    assert.deepEqual(packetIns(this.ours, packetsBefore[0]), packetIns(this.theirs, packetsBefore[1]), `${seed}: packet-ins`)
  }
}

describe('embedded target and BMv2', { skip }, () => {
  /** A BMv2 of its own for each program: one that is given another program does not always live through it. */
  const withPair = async (program: string, run: (pair: Pair) => Promise<void>, folder?: string): Promise<void> => {
    const bmv2 = await Bmv2.start()
    const pair = new Pair(bmv2, program, folder)
    try {
      await pair.open()
      await run(pair)
    } finally {
      await pair.close()
      await bmv2.stop()
    }
  }

  test('parser: random frames of every kind', () => withPair('parser', async pair => {
    const random = new Random(11)
    for (let round = 0; round < rounds * 2; round++) {
      await pair.compare(Array.from({ length: batch }, () => {
        // Kind 9 loops for ever on BMv2; kind 4 and 5 look ahead, which BMv2 lets read behind a short packet.
        const kind = random.pick([0, 1, 2, 2, 3, 3, 4, 5, 6, 6, 7, 8, 0x1a, 0x20, 0x2f, 0x30, 0xff])
        const length = kind === 4 || kind === 5 ? 24 + random.below(8) : random.below(28)
        const body = Uint8Array.from({ length }, () => random.chance(0.5) ? random.below(10) : random.below(256))
        if (kind === 7 && random.chance(0.5)) body.set(unhex(random.pick(['00112233445566778899aabbccddeeff', 'ff112233445566778899aabbccddeefe'])).subarray(0, length))
        return { port: 1 + random.below(8), frame: hexOf(kind, 1) + hex(body) }
      }), `round ${round}`)
    }
  }))

  test('actions: every action on random frames', () => withPair('actions', async pair => {
    const random = new Random(12)
    const table = pair.ours.table('choice')
    // Left out: dice, meters (below), assertions (they end BMv2), and stack indices that may meet headers without value.
    const left = new Set(['dice', 'dice_wrong', 'mark', 'volume', 'insist', 'suppose', 'pick', 'poke', 'say'])
    for (const { action } of table.actions) {
      const name = action.name.replace(/^.*\./, '')
      if (left.has(name)) continue
      const params = Object.fromEntries(action.params.map(({ name: param, bitwidth }) => [param, param === 'i' ? random.below(name === 'count_it' ? 6 : 4) : param === 'n' && name === 'cut' ? random.below(40) : random.bits(bitwidth)]))
      await pair.both(client => client.setDefault('choice', [action.name, params]))
      await pair.compare(Array.from({ length: batch }, () => {
        // bits_of reads the first tag and copy_opt the options, which must be there.
        const tags = name === 'bits_of' ? 1 + random.below(3) : name === 'copy_opt' ? 15 : random.pick([0, 0, 1, 2, 3, 15])
        const op = tags << 4 | random.pick([0, 0, 13, 14, 15])
        const a = tags === 15 ? random.below(5) : Number(random.bits(8))
        const options = tags === 15 ? hexOf(a, 1) + hex(random.bytes(a)) : hex(Uint8Array.from({ length: tags }, () => random.below(3)))
        return { port: 1 + random.below(8), frame: hexOf(op, 1) + hexOf(a, 1) + hexOf(random.bits(16), 2) + hexOf(random.bits(32), 4) + hexOf(random.bits(64), 8) + options + hex(random.bytes(random.below(6))) }
      }), `${name} with ${JSON.stringify(params, (_, value: unknown) => typeof value === 'bigint' ? `${value}` : value)}`)
    }
  }))

  // Rates of 0, so that time does not count: a bucket starts full and is not filled again.
  test('meters: colours of packets and bytes', () => withPair('actions', async pair => {
    const random = new Random(16)
    for (let round = 0; round < rounds * 2; round++) {
      const [action, meter, cells, most] = random.pick([['mark', 'marks', 4, 20], ['volume', 'volumes', 2, 500]] as const)
      const index = random.below(cells)
      const config = random.chance(0.9) ? { config: { cir: 0, cburst: random.below(most), pir: 0, pburst: random.below(most) } } : {}
      await pair.write([{ type: Type.MODIFY, entity: { meterEntry: { meterId: pair.ours.meterId(meter), index: { index }, ...config } } }])
      await pair.both(client => client.setDefault('choice', [action, { i: index }]))
      await pair.compare(Array.from({ length: batch }, () => ({ port: 1, frame: `00${'00'.repeat(15)}${hex(random.bytes(random.below(40)))}` })),
        `round ${round}: ${meter}[${index}] ${JSON.stringify(config)}`)
    }
  }))

  test('tables: random entries of every kind, and the packets they match', () => withPair('tables', async pair => {
    const random = new Random(13)
    const small = (width: number): bigint => random.chance(0.9) ? BigInt(random.below(4)) : random.bits(width)
    const full = (width: number): bigint => (1n << BigInt(width)) - 1n
    const spec = (): EntrySpec => {
      const table = pair.ours.table(random.pick(['exact_t', 'lpm_t', 'ternary_t', 'range_t', 'optional_t', 'cells_t']))
      const match: Record<string, NonNullable<EntrySpec['match']>[string]> = {}
      for (const { name, kind, bitwidth } of table.matchFields) {
        if (kind !== 'exact' && random.chance(0.3)) continue
        const value = small(bitwidth)
        if (kind === 'exact' || kind === 'optional') match[name] = BigInt.asUintN(bitwidth, value)
        else if (kind === 'lpm') {
          const length = random.pick([8, 30, 31, 32])
          match[name] = { value: value >> BigInt(bitwidth - length) << BigInt(bitwidth - length), length }
        } else if (kind === 'ternary') {
          const mask = random.pick([1n, 3n, full(bitwidth), full(bitwidth) ^ 1n])
          match[name] = { value: value & mask, mask }
        } else if (kind === 'range') {
          const high = value + BigInt(random.below(4))
          match[name] = { low: value, high: high > full(bitwidth) ? full(bitwidth) : high }
        }
      }
      const usable = table.actions.filter(({ scope, action }) => scope !== 'default_only' && action.name !== 'NoAction')
      const { action } = random.pick(usable)
      const params = Object.fromEntries(action.params.map(({ name, bitwidth }) => [name, name === 'i' ? random.below(8) : BigInt.asUintN(bitwidth, random.bits(8))]))
      return { table: table.name, match, ...(table.needsPriority ? { priority: 1 + random.below(6) } : {}), action: [action.name, params] }
    }
    for (let round = 0; round < rounds; round++) {
      await pair.write(Array.from({ length: 20 }, () => ({ type: random.pick([Type.INSERT, Type.INSERT, Type.MODIFY, Type.DELETE]), entity: { tableEntry: pair.ours.entry(spec()) } })))
      for (let part = 0; part < 3; part++) {
        await pair.compare(Array.from({ length: batch }, () => ({
          port: 1,
          frame: hexOf(random.pick([1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 7, 10, 11]), 1) + hexOf(small(32), 4) + hexOf(small(16), 2) + hexOf(small(48), 6) + hexOf(random.below(2) << 7, 1) + '000000',
        })), `round ${round}`)
      }
    }
    const counters = await pair.both(async client => {
      const entities = [...await client.read({ counterEntry: { counterId: client.counterId('cells') } }), ...await client.read({ tableEntry: { tableId: client.table('ternary_t').id, counterData: {} } })]
      return entities.map(({ counterEntry, tableEntry }) => `${String(counterEntry?.index?.index ?? textOf(tableEntry?.match))} ${tableEntry?.priority ?? ''}: ${String(counterEntry?.data?.packetCount ?? tableEntry?.counterData?.packetCount)}, ${String(counterEntry?.data?.byteCount ?? tableEntry?.counterData?.byteCount)}`).sort()
    })
    assert.deepEqual(counters[0], counters[1], 'counters')
  }))

  test('groups of an action selector choose the same member', () => withPair('tables', async pair => {
    const random = new Random(14)
    const { ours } = pair
    const actionProfileId = ours.profileId('chosen')
    const members = [1, 2, 3].map((memberId): p4.v1.IUpdate => ({ type: Type.INSERT, entity: { actionProfileMember: { actionProfileId, memberId, action: ours.action('set', { x: memberId }) } } }))
    const group: p4.v1.IUpdate = { type: Type.INSERT, entity: { actionProfileGroup: { actionProfileId, groupId: 1, maxSize: 8, members: [1, 2, 3].map(memberId => ({ memberId, weight: 1 })) } } }
    const entry: p4.v1.IUpdate = { type: Type.INSERT, entity: { tableEntry: { ...ours.entry({ table: 'selector_t', match: { 'h.k.a': 1 } }), action: { actionProfileGroupId: 1 } } } }
    await pair.write(members)
    await pair.write([group])
    await pair.write([entry])
    for (let round = 0; round < 3; round++) {
      await pair.compare(Array.from({ length: batch }, () => ({ port: 1, frame: `09 00000001 ${hexOf(random.bits(16), 2)} ${hexOf(random.bits(48), 6)} 00 000000`.replaceAll(' ', '') })), `round ${round}`)
    }
  }))

  test('paths: random ends of ingress and egress', () => withPair('paths', async pair => {
    const random = new Random(15)
    const bit = (probability = 0.3): number => random.chance(probability) ? 1 : 0
    const port = (): number => random.pick([1, 2, 3, 4, 5, 300, 510])
    const replicas = (): (readonly [number, number])[] => {
      const all = new Map<string, readonly [number, number]>()
      for (let at = 0; at < 1 + random.below(4); at++) {
        const replica = [port(), random.below(4)] as const
        all.set(replica.join(), replica)
      }
      return [...all.values()]
    }
    for (const id of [1, 2]) await pair.both(client => client.group(id, []))
    for (const id of [5, 6, 7]) {
      const list = replicas()
      await pair.both(client => client.session(id, list))
    }
    for (const id of [1, 2]) {
      const list = replicas()
      await pair.both(client => client.group(id, list, Type.MODIFY))
    }
    // Kinds 0 … 31. Second passes neither resubmit nor multicast with egress entries that recirculate: nothing loops.
    const specs: EntrySpec[] = []
    for (let kind = 0; kind < 32; kind++) {
      for (const type of [0, 4, 6]) {
        const again = type !== 0
        specs.push({ table: 'ingress_end', match: { 'h.mark.kind': kind, 's.instance_type': type }, action: ['I.run', {
          clone_it: bit(), digest_it: 0, resubmit_it: again ? 0 : bit(0.2), group: random.pick([0, 0, 1, 2]), port: port(), drop_it: bit(0.1), priority: random.below(8) }] })
      }
      // Recirculation starts from replicas (type 5) only, and what recirculated (type 4) must not multicast again.
      for (const type of [0, 1, 2]) {
        specs.push({ table: 'egress_end', match: { 'h.mark.kind': kind, 's.instance_type': type }, priority: 5, action: ['E.run', {
          clone_it: type === 2 ? 0 : bit(), clone_two: type === 2 ? 0 : bit(0.2), recirculate_it: 0, drop_it: bit(0.2), add: random.below(9), cut: random.chance(0.2) ? 1 + random.below(12) : 0 }] })
      }
      specs.push({ table: 'egress_end', match: { 'h.mark.kind': kind, 's.instance_type': 5, 's.egress_rid': { value: random.below(4), mask: 3 } }, priority: 5, action: ['E.run', {
        clone_it: bit(), clone_two: 0, recirculate_it: 0, drop_it: bit(0.2), add: random.below(9), cut: 0 }] })
      specs.push({ table: 'egress_end', match: { 'h.mark.kind': kind, 's.instance_type': 1, 's.egress_rid': { value: 2, mask: 3 } }, priority: 6, action: ['E.run', {
        clone_it: bit(), clone_two: 0, recirculate_it: 1, drop_it: bit(0.2), add: random.below(9), cut: 0 }] })
    }
    // A recirculated clone comes back as type 4; it must not clone into recirculation again.
    for (const spec of specs) {
      const [, params] = spec.action ?? []
      if (spec.table === 'ingress_end' && spec.match?.['s.instance_type'] !== 0 && params !== undefined) (params as Record<string, number>)['clone_it'] = 0
    }
    await pair.insert(...specs)
    for (let round = 0; round < rounds * 2; round++) {
      await pair.compare(Array.from({ length: batch / 3 }, () => ({
        port: 1 + random.below(5), frame: hexOf(random.below(32), 1) + hex(random.bytes(3)) + hex(random.bytes(random.below(10))),
      })), `round ${round}`)
    }
  }))

  // What a seed's entries say differs a lot, so there are several of them.
  let framesSeen = 0
  for (const seed of [33, 36]) test(`the OpenFlow pipeline with random entries and frames, seed ${seed}`, () => withPair('ofswitchd', async pair => {
    const random = new Random(seed)
    const { index } = pair.ours.program
    /** Numbers that meet other entries; everything else is random. */
    const known: Readonly<Record<string, () => number>> = {
      port: () => random.pick([0, 1, 2, 3, 4, 510]), multicast: () => random.pick([0, 0, 2, 3]), program: () => random.below(5), ttl_program: () => random.below(5),
      next_table: () => random.pick([1, 2, 3, 254, 255, 255]), group: () => random.pick([0, 0, 0, 1, 2]), continuation: () => random.below(4), write: () => random.below(4),
      instance: () => 0, cell: () => random.below(8), in_port: () => 1 + random.below(4), table_id: () => random.below(4), max_len: () => random.pick([0, 64, 0xffff]), reason: () => random.below(3), ethertype: () => random.pick([0x800, 0x8847, 0x86dd]), tpid: () => random.pick([0x8100, 0x88a8]),
    }
    const value = (name: string, width: number): bigint => BigInt.asUintN(width, BigInt(known[name]?.() ?? (/^counter/.test(name) ? random.below(9) : random.bits(width))))
    const fields: Readonly<Record<string, () => bigint>> = {
      eth_dst: () => BigInt(1 + random.below(3)), eth_type: () => BigInt(random.pick([0x800, 0x86dd, 0x806, 0x8847])), ip_proto: () => BigInt(random.pick([1, 6, 17, 58, 132])),
      ipv4_dst: () => 0x0a000001n + BigInt(random.below(3)), l4_dst: () => BigInt(random.below(3)), vlan_vid: () => BigInt(random.pick([0, 0x1001, 0x1002])), in_port: () => BigInt(1 + random.below(4)),
    }
    const updates: p4.v1.IUpdate[] = []
    for (const table of index.tables.values()) {
      if (table.isConst || table.matchFields.length === 0 || table.actionProfile !== null) continue
      // Every port would be blocked, and nothing would come out to compare.
      if (table.annotations.has('of_port_block')) continue
      const number = /t(\d+)\./.exec(table.name)?.[1]
      if (number !== undefined && Number(number) > 3) continue
      const isPort = table.annotations.has('of_port_in')
      const usable = table.actions.filter(({ scope, action }) => scope !== 'default_only' && !/fork/.test(action.name) && (!isPort || action.params.length > 0))
      if (usable.length === 0) continue
      const isFlow = table.matchFields.length > 10
      // Nothing goes round in circles: copies would multiply until BMv2's queues lose some of them.
      const ends = table.annotations.has('of_continuation')
      for (let at = 0; at < (isFlow ? 10 : 5); at++) {
        const { action } = random.pick(usable)
        const spec: EntrySpec = {
          table: table.name,
          match: Object.fromEntries(isFlow ? Object.entries(fields).filter(([name]) => table.matchFieldByName.has(name) && random.chance(0.25)).map(([name, make]) => [name, make()])
            : table.matchFields.map(({ name, kind, bitwidth }) => [name, kind === 'exact' ? BigInt.asUintN(bitwidth, BigInt(at)) : { value: BigInt.asUintN(bitwidth, BigInt(at & 1)), mask: 1 }])),
          ...(table.needsPriority ? { priority: 1 + random.below(8) } : {}),
          action: [action.name, Object.fromEntries(action.params.map(({ name, bitwidth }) => [name, ends && (name === 'multicast' || name === 'group') ? 0n : ends && name === 'next_table' ? 255n : value(name, bitwidth)]))],
        }
        updates.push({ type: Type.INSERT, entity: { tableEntry: pair.ours.entry(spec) } })
      }
    }
    for (let at = 0; at < updates.length; at += 100) await pair.write(updates.slice(at, at + 100))
    // One copy at most may go on in another pass, so that packets do not multiply.
    for (const id of [2, 3]) await pair.both(client => client.group(id, [[1, 1], [2, 2], [3, 0], [500, 3], [510, 4]]))

    const bytes = (...values: (readonly [bigint | number, number])[]): string => values.map(([number, size]) => hexOf(number, size)).join('')
    const layer4 = (proto: number): string => {
      const ports = bytes([random.below(3), 2], [random.below(3), 2])
      if (proto === 6) return ports + hex(random.bytes(8)) + '5002' + hex(random.bytes(6))
      if (proto === 17) return ports + bytes([8 + random.below(20), 2]) + hex(random.bytes(2))
      if (proto === 1) return bytes([random.pick([0, 8, 3]), 1], [0, 1]) + hex(random.bytes(6))
      if (proto === 58) return bytes([random.pick([128, 135, 136]), 1], [0, 1]) + hex(random.bytes(6)) + hex(random.bytes(16)) + random.pick(['', `0101${hex(random.bytes(6))}`, `0201${hex(random.bytes(6))}`])
      return hex(random.bytes(12))
    }
    const layer3 = (type: number): string => {
      const proto = random.pick([1, 6, 17, 58, 132, 89])
      const body = layer4(proto) + hex(random.bytes(random.below(20)))
      if (type === 0x800) return bytes([0x45, 1], [random.below(256), 1], [20 + body.length / 2, 2], [random.below(65536), 2], [random.pick([0, 0, 0, 0x4000, 0x2000, 0x0010]), 2], [random.pick([0, 1, 2, 64]), 1], [proto, 1], [random.below(65536), 2], [0x0a000001 + random.below(3), 4], [0x0a000001 + random.below(3), 4]) + body
      if (type === 0x86dd) return bytes([0x60, 1]) + hex(random.bytes(3)) + bytes([body.length / 2, 2], [proto, 1], [random.pick([0, 1, 2, 64]), 1]) + hex(random.bytes(32)) + body
      if (type === 0x806) return bytes([1, 2], [0x800, 2], [0x0604, 2], [1 + random.below(2), 2]) + hex(random.bytes(20))
      return hex(random.bytes(random.below(40)))
    }
    const frame = (): string => {
      const type = random.pick([0x800, 0x800, 0x86dd, 0x806, 0x88cc, 0x0026])
      const labels = random.chance(0.15) ? 1 + random.below(2) : 0
      let tail = layer3(type)
      let next = type
      for (let label = 0; label < labels; label++) {
        tail = bytes([(random.below(1 << 20) * 16 + (label === 0 ? 1 : 0)) * 16 & 0xffffff, 3], [random.below(256), 1]) + tail
        next = 0x8847
      }
      for (let tag = random.pick([0, 0, 0, 1, 2, 3]); tag > 0; tag--) {
        tail = bytes([random.pick([1, 2, 100]) | random.below(8) << 13, 2], [next, 2]) + tail
        next = random.pick([0x8100, 0x88a8])
      }
      const whole = bytes([1 + random.below(3), 6], [random.below(5), 6], [next, 2]) + tail
      return random.chance(0.1) ? whole.slice(0, 2 * (1 + random.below(whole.length / 2))) : whole
    }
    for (let round = 0; round < rounds; round++) await pair.compare(Array.from({ length: batch / 2 }, () => ({ port: 1 + random.below(4), frame: frame() })), `round ${round}`)
    framesSeen += pair.seen
  }, 'p4'))
  test('the random entries have let frames through', () => assert.ok(framesSeen > rounds * 5, `${framesSeen} frames came out: the entries do not say much`))
})
