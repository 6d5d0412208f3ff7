/** Meters of the whole switch on the embedded target, measured with paced traffic. OF 1.3.5 §5.7 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { FlowModFlag, Group, Meter, MeterFlag, Port, type FieldValue, type Message, type MeterBand, type MeterMod, type OxmName } from '../../../src/openflow/index.js'
import { eventually, flowMod, hex, output, startSwitch, type SwitchRig } from '../../support/switch-rig.js'

const { KBPS, PKTPS, BURST, STATS } = MeterFlag
const exact = (field: OxmName, value: bigint): FieldValue => ({ field, value, mask: null })
const drop = (rate: number, burstSize = 0): MeterBand => ({ type: 'drop', rate, burstSize, precLevel: 0 })
const remark = (rate: number, precLevel: number, burstSize = 0): MeterBand => ({ type: 'dscp_remark', rate, burstSize, precLevel })
const meterMod = (meterId: number, flags: number, bands: readonly MeterBand[], command: MeterMod['command'] = 'add'): MeterMod =>
  ({ type: 'meter_mod', command, flags, meterId, bands })
const deleteAll: readonly Message[] = [flowMod(0xff, 0, [], {}, { command: 'delete' }), meterMod(Meter.ALL, 0, [], 'delete')]

/** UDP over IPv4 of `size` bytes with right checksums for DSCP AF11 (TOS 0x28). */
const af11 = hex('0200000000020200000000010800 45280020000000004011 66a3 0a0000010a000002 03e807d0000c 33e2 deadbeef')
const frameOf = (size: number): Uint8Array => {
  const frame = new Uint8Array(size)
  frame.set(hex('020000000002020000000001 88b5'))
  return frame
}

describe('meters', () => {
  let rig: SwitchRig
  before(async () => { rig = await startSwitch() })
  after(async () => { await rig.close() })
  beforeEach(async () => { assert.deepEqual(await rig.client.sendAll(...deleteAll), []) })

  const stats = async (meterId: number) => {
    const { meters } = await rig.client.stats({ kind: 'meter', meterId })
    return meters[0]!
  }
  /** Packets that met a flow of table 0. */
  const counted = async (): Promise<bigint> => {
    const { flows } = await rig.client.stats({ kind: 'flow', tableId: 0, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] })
    return flows.reduce((sum, { packetCount }) => sum + packetCount, 0n)
  }
  /** Sends a frame every so often for a while, as nearly as timers allow, and gives how many were sent and came out of port 2. */
  const pace = async (frame: Uint8Array, perSecond: number, ms: number): Promise<{ sent: number; out: number; seconds: number }> => {
    rig.ports.take()
    const left = (): number => rig.ports.take().filter(({ port }) => port === 2).length
    const already = await counted()
    const start = performance.now()
    let sent = 0
    let out = 0
    for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - start) {
      for (const due = Math.floor(elapsed / 1000 * perSecond); sent < due; sent += 1) assert.ok(rig.ports.inject(1, frame))
      out += left()
      await new Promise((resolve) => { setTimeout(resolve, 2) })
    }
    const seconds = (performance.now() - start) / 1000
    // The target takes frames in their order: once a flow has counted the last, each has left or been dropped.
    for (const deadline = Date.now() + 30_000; await counted() < already + BigInt(sent);) assert.ok(Date.now() < deadline, 'frames stay under way')
    out += left()
    return { sent, out, seconds }
  }
  const within = (actual: number, wanted: number, share: number, what: string): void =>
    assert.ok(Math.abs(actual - wanted) <= wanted * share, `${what}: ${actual.toFixed(1)}, wanted ${wanted.toFixed(1)} ± ${share * 100} %`)

  // Bursts of a fifth of a second: a sender that stops for less than that still finds the meter empty.
  const rates: readonly (readonly [string, number, number, number, number, (seconds: number) => number])[] = [
    ['packets per second', PKTPS | BURST, 200, 40, 100, (seconds) => 200 * seconds + 40],
    ['kilobits per second', KBPS | BURST, 1600, 320, 1000, (seconds) => (1600 * seconds + 320) * 125 / 1000],
    ['a burst that is not given is one second', PKTPS, 100, 0, 100, (seconds) => 100 * seconds + 100],
  ]
  for (const [what, flags, rate, burst, size, expected] of rates) {
    it(`limits to a rate, within 10 %: ${what}`, async () => {
      assert.deepEqual(await rig.client.sendAll(meterMod(1, flags, [drop(rate, burst)]), flowMod(0, 1, [], { meter: 1, apply: [output(2)] })), [])
      const { sent, out, seconds } = await pace(frameOf(size), 1000, 1500)
      within(out, expected(seconds), 0.1, 'frames that passed')
      const { packetInCount, byteInCount, flowCount, bands } = await stats(1)
      assert.deepEqual([packetInCount, byteInCount, flowCount, bands], [BigInt(sent), BigInt(sent * size), 1, [{ packetCount: BigInt(sent - out), byteCount: BigInt((sent - out) * size) }]])
    })
  }

  it('applies the band with the highest rate that is exceeded', async () => {
    const bands = [drop(400, 80), remark(100, 1, 20), remark(200, 2, 40)]
    assert.deepEqual(await rig.client.sendAll(meterMod(1, PKTPS | BURST, bands), flowMod(0, 1, [exact('eth_type', 0x800n)], { meter: 1, apply: [output(2)] })), [])
    const { sent, out, seconds } = await pace(af11, 1000, 1500)
    const counted = (await stats(1)).bands.map(({ packetCount }) => Number(packetCount))
    within(out, 400 * seconds + 80, 0.1, 'frames that passed')
    assert.equal(counted[0], sent - out, 'what the highest band dropped')
    within(counted[2]!, 200 * seconds + 40, 0.15, 'between 200 and 400')
    within(counted[1]!, 100 * seconds + 20, 0.15, 'between 100 and 200')
  })

  it('raises the drop precedence with the right checksum, and leaves what has none', async () => {
    const bare = Buffer.from(af11).toString('hex')
    const at = (tos: string, checksum: string): string => `${bare.slice(0, 30)}${tos}${bare.slice(32, 48)}${checksum}${bare.slice(52)}`
    const cases: readonly (readonly [string, number, string, string])[] = [
      ['AF11 to AF12', 1, bare, at('30', '669b')],
      ['AF11 to AF13', 2, bare, at('38', '6693')],
      ['AF13 stays', 1, at('38', '6693'), at('38', '6693')],
      ['AF12 to AF13 at most', 2, at('30', '669b'), at('38', '6693')],
      ['the ECN bits stay', 1, at('29', '66a2'), at('31', '669a')],
      ['expedited forwarding has no drop precedence', 1, at('b8', '6613'), at('b8', '6613')],
      ['best effort neither', 1, at('00', '66cb'), at('00', '66cb')],
      ['a class selector neither', 1, at('20', '66ab'), at('20', '66ab')],
      ['nothing more', 0, bare, bare],
    ]
    for (const [what, level, frame, expected] of cases) {
      // Nothing is below a rate of 0, so the band applies to every packet.
      assert.deepEqual(await rig.client.sendAll(...deleteAll, meterMod(1, PKTPS, [remark(0, level)]), flowMod(0, 1, [], { meter: 1, apply: [output(2)] })), [], what)
      assert.deepEqual(await rig.exchange(1, hex(frame), 1), [`2 ${expected}`], what)
      assert.deepEqual((await stats(1)).bands, [{ packetCount: 1n, byteCount: BigInt(af11.length) }], what)
    }
    const ipv6 = (traffic: string): string => `020000000002020000000001 86dd 6${traffic}00000 0004 3b 40 ${'20010db8000000000000000000000001'.repeat(2)} deadbeef`.replaceAll(' ', '')
    assert.deepEqual(await rig.client.sendAll(...deleteAll, meterMod(1, PKTPS, [remark(0, 1)]), flowMod(0, 1, [], { meter: 1, apply: [output(2)] })), [])
    assert.deepEqual(await rig.exchange(1, hex(ipv6('28')), 1), [`2 ${ipv6('30')}`])
    assert.deepEqual(await rig.exchange(1, frameOf(60), 1), [`2 ${Buffer.from(frameOf(60)).toString('hex')}`])
  })

  it('comes before the actions: what is remarked is then matched, what is dropped executes nothing', async () => {
    assert.deepEqual(await rig.client.sendAll(
      meterMod(1, PKTPS, [remark(0, 1)]), meterMod(2, PKTPS, [drop(0)]),
      flowMod(0, 2, [exact('in_port', 1n)], { meter: 1, write: [output(4)], gotoTable: 1 }),
      flowMod(0, 1, [exact('in_port', 3n)], { write: [output(4)], gotoTable: 2 }),
      flowMod(1, 1, [exact('eth_type', 0x800n), exact('ip_dscp', 12n)], { apply: [output(2)] }),
      flowMod(2, 1, [], { meter: 2, apply: [output(Port.CONTROLLER), output(5)] })), [])
    assert.deepEqual((await rig.exchange(1, af11, 2)).map((frame) => frame[0]), ['2', '4'])
    assert.deepEqual(await rig.exchange(3, af11, 0), [])
    assert.deepEqual((await stats(2)).bands[0]?.packetCount, 1n)
  })

  it('is shared by flows of several tables, and meets a packet that comes round again once', async () => {
    assert.deepEqual(await rig.client.sendAll(
      meterMod(7, PKTPS | STATS, [drop(1000)]),
      flowMod(0, 2, [exact('in_port', 1n)], { meter: 7, apply: [output(2), { type: 'push_vlan', ethertype: 0x8100 }, output(3), { type: 'pop_vlan' }], gotoTable: 1 }),
      flowMod(0, 1, [], { gotoTable: 1 }),
      flowMod(1, 2, [exact('in_port', 3n)], { meter: 7, apply: [output(2)] }),
      flowMod(1, 1, [], { apply: [output(4)] })), [])
    assert.equal((await rig.exchange(1, af11, 3)).length, 3)
    assert.equal((await rig.exchange(3, af11, 1)).length, 1)
    const { packetInCount, byteInCount, flowCount } = await stats(7)
    assert.deepEqual([packetInCount, byteInCount, flowCount], [2n, 2n * BigInt(af11.length), 2])
  })

  it('limits packet-ins, and leaves the rest alone', async () => {
    rig.client.send({ type: 'set_config', flags: 0, missSendLen: 0xffff }) // asks for asynchronous messages
    assert.deepEqual(await rig.client.sendAll(
      meterMod(Meter.CONTROLLER, PKTPS | BURST, [drop(100, 20)]), flowMod(0, 1, [], { apply: [output(Port.CONTROLLER), output(2)] })), [])
    const before = rig.client.messages('packet_in').length
    const { sent, out, seconds } = await pace(frameOf(100), 500, 1000)
    assert.equal(out, sent)
    const arrived = await eventually(() => {
      const count = rig.client.messages('packet_in').length - before
      return count >= 0.9 * (100 * seconds + 20) ? count : undefined
    }, () => 'too few packet-ins')
    within(arrived, 100 * seconds + 20, 0.1, 'packet-ins')
    const { packetInCount, flowCount, bands } = await stats(Meter.CONTROLLER)
    assert.deepEqual([packetInCount, flowCount, bands[0]?.packetCount], [BigInt(sent), 0, BigInt(sent - arrived)])
    assert.deepEqual(await rig.client.sendAll(meterMod(Meter.CONTROLLER, 0, [], 'delete')), [])
    await pace(frameOf(100), 500, 200)
    await eventually(() => rig.client.messages('packet_in').length - before - arrived >= 90 ? true : undefined, () => 'packet-ins are still limited')
  })

  it('changes under its flows, and takes them along when it goes', async () => {
    rig.client.send({ type: 'set_config', flags: 0, missSendLen: 0xffff }) // asks for asynchronous messages
    assert.deepEqual(await rig.client.sendAll(
      meterMod(0xffff0000, PKTPS, [drop(0)]),
      flowMod(0, 1, [], { meter: 0xffff0000, apply: [output(2)] }, { flags: FlowModFlag.SEND_FLOW_REM, cookie: 77n })), [])
    assert.deepEqual(await rig.exchange(1, af11, 0), [])
    assert.deepEqual(await rig.client.sendAll(meterMod(0xffff0000, KBPS | BURST, [drop(1000, 1000)], 'modify')), [])
    assert.equal((await rig.exchange(1, af11, 1)).length, 1)
    const { packetInCount, bands } = await stats(0xffff0000)
    assert.deepEqual([packetInCount, bands], [2n, [{ packetCount: 0n, byteCount: 0n }]])
    const { meters } = await rig.client.stats({ kind: 'meter_config', meterId: Meter.ALL })
    assert.deepEqual(meters, [{ meterId: 0xffff0000, flags: KBPS | BURST, bands: [drop(1000, 1000)] }])
    assert.deepEqual(await rig.client.sendAll(meterMod(0xffff0000, 0, [], 'delete')), [])
    const removed = rig.client.messages('flow_removed').find(({ cookie }) => cookie === 77n)
    assert.deepEqual([removed?.reason, removed?.packetCount], ['delete', 2n])
    assert.deepEqual(await rig.exchange(1, af11, 0), [])
  })

  it('is there again when the target starts anew, and goes on counting', async () => {
    assert.deepEqual(await rig.client.sendAll(meterMod(5, PKTPS, [drop(0)]), flowMod(0, 1, [], { meter: 5, apply: [output(2)] })), [])
    await rig.exchange(1, af11, 0)
    let counted = (await stats(5)).packetInCount
    assert.equal(counted, 1n)
    rig.agent.restartTarget('a test asks for it')
    for (let deadline = Date.now() + 5000; counted < 10n;) {
      assert.deepEqual(await rig.exchange(1, af11, 0), [])
      const { packetInCount, bands } = await stats(5)
      assert.ok(packetInCount >= counted && bands[0]?.packetCount === packetInCount, `${packetInCount} after ${counted}`)
      assert.ok(Date.now() < deadline, 'the meter does not count any more')
      counted = packetInCount
    }
  })

  it('says what meters can do', async () => {
    const { maxMeter, maxBands, bandTypes, capabilities, maxColor } = await rig.client.stats({ kind: 'meter_features' })
    assert.deepEqual({ maxMeter, maxBands, bandTypes, capabilities, maxColor }, { maxMeter: 4096, maxBands: 8, bandTypes: 6, capabilities: 15, maxColor: 0 })
    const { tables } = await rig.client.stats({ kind: 'table_features', tables: [] })
    assert.ok(tables.every(({ instructions }) => instructions.includes('meter')))
  })
})
