/**
 * Meters measured from outside: what passes of paced traffic, what the counters say of it, and what becomes of the rest. The
 * same numbers are asked of Open vSwitch (where it has the band), of the embedded target and of BMv2. OF 1.3.5 §5.7
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Wire } from '../support/netns-frames.js'
import { until } from '../support/netns-process.js'
import { Sandbox } from '../support/netns.js'
import { controllerSubjects, oracle, skipReason } from '../support/subject-list.js'
import type { RunningSwitch } from '../support/subject.js'

/** UDP over IPv4, DSCP AF11, both checksums right; the size is that of the frame. */
function af11(size: number): Buffer {
  const frame = Buffer.alloc(size)
  Buffer.from(`02000000000202000000000108004528${(size - 14).toString(16).padStart(4, '0')}0000000040110000` + '0a0000010a00000203e807d0', 'hex').copy(frame)
  frame.writeUInt16BE(size - 34, 38)
  frame.writeUInt16BE(headerChecksum(frame), 24)
  return frame
}
function headerChecksum(frame: Buffer): number {
  let sum = 0
  for (let at = 14; at < 34; at += 2) if (at !== 24) sum += frame.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

interface Counted { readonly packets: number; readonly bytes: number; readonly bands: readonly number[] }
/** `arrived`: what the meter has seen; a busy machine loses frames before the switch. */
interface Measured { readonly arrived: number; readonly seconds: number; readonly frames: readonly Buffer[]; readonly counted: Counted }

const PORTS = [1, 2]
const PER_SECOND = 1000
const MS = 2000

for (const subject of controllerSubjects)
  describe(`meters: ${subject.name}`, { skip: skipReason(subject) }, () => {
    const sandbox = new Sandbox()
    let sw: RunningSwitch
    let wire: Wire
    const ofctl = async (...args: string[]): Promise<string> => {
      const done = await sw.ofctl(['-O', 'OpenFlow13', ...args])
      assert.equal(done.code, 0, `${args.join(' ')}: ${done.stderr}`)
      return done.stdout
    }

    before(async () => {
      const namespace = await sandbox.namespace('sw')
      wire = await Wire.attach(sandbox, namespace, PORTS)
      sw = await subject.start(sandbox, namespace, { ports: PORTS })
    })
    after(() => sandbox.close())

    const counters = async (): Promise<Counted> => {
      await sw.settle()
      const text = await ofctl('meter-stats', 'TARGET', 'meter=1')
      const numbers = (pattern: RegExp): number[] => [...text.matchAll(pattern)].map(([, number]) => Number(number))
      return { packets: numbers(/packet_in_count:(\d+)/g)[0] ?? -1, bytes: numbers(/byte_in_count:(\d+)/g)[0] ?? -1, bands: numbers(/^\s*\d+: packet_count:(\d+)/gm) }
    }

    /** A thousand frames a second for two seconds; late ones are made up for. */
    const measure = async (meter: string, frame: Buffer): Promise<Measured> => {
      await ofctl('del-flows', 'TARGET')
      await ofctl('del-meters', 'TARGET')
      await ofctl('add-meter', 'TARGET', `meter=1,${meter}`)
      await ofctl('add-flow', 'TARGET', 'in_port=1,actions=meter:1,output:2')
      wire.take()
      const start = performance.now()
      let sent = 0
      for (let elapsed = 0; elapsed < MS; elapsed = performance.now() - start) {
        for (const due = Math.floor(elapsed / 1000 * PER_SECOND); sent < due; sent += 1) wire.send(1, frame)
        await new Promise((resolve) => { setTimeout(resolve, 2) })
      }
      const seconds = (performance.now() - start) / 1000
      let counted = await counters()
      await until('the counters to come to rest', async () => {
        const before = counted
        counted = await counters()
        return counted.packets === before.packets
      }, 10_000, 100)
      assert.ok(counted.packets >= 0.7 * sent && counted.packets <= sent, `${counted.packets} of ${sent} frames came to the meter`)
      // The first band of each meter here drops.
      const passed = counted.packets - counted.bands[0]!
      const frames: Buffer[] = []
      await until(() => `${passed} frames to come out, not ${frames.length}`, () => {
        frames.push(...wire.take().filter(({ port }) => port === 2).map((each) => each.frame))
        return frames.length >= passed
      }, 10_000, 20)
      return { arrived: counted.packets, seconds, frames, counted }
    }
    const within = (actual: number, wanted: number, share: number, what: string): void =>
      assert.ok(Math.abs(actual - wanted) <= wanted * share, `${what}: ${actual}, wanted ${wanted.toFixed(1)} ± ${share * 100} %`)

    // A burst of 0.2 s: a sender that stops for less than that still finds the meter empty.
    const rates: readonly (readonly [string, string, number, (seconds: number) => number])[] = [
      ['packets', 'pktps,burst,stats,band=type=drop,rate=250,burst_size=50', 100, (seconds) => 250 * seconds + 50],
      ['kilobits', 'kbps,burst,stats,band=type=drop,rate=2000,burst_size=400', 1000, (seconds) => (2000 * seconds + 400) / 8],
      ['a burst that is not given', 'pktps,band=type=drop,rate=200', 100, (seconds) => 200 * seconds + 200],
    ]
    for (const [what, meter, size, expected] of rates)
      it(`limits within 10 %: ${what}`, async () => {
        const { arrived, seconds, frames, counted } = await measure(meter, af11(size))
        within(frames.length, expected(seconds), 0.1, 'frames that passed')
        assert.deepEqual(counted, { packets: arrived, bytes: arrived * size, bands: [arrived - frames.length] })
      })

    // Open vSwitch has no dscp_remark.
    if (subject !== oracle) it('remarks what exceeds the lower rate and drops what exceeds the higher one', async () => {
      const { arrived, seconds, frames, counted } = await measure(
        'pktps,burst,stats,bands=type=drop,rate=500,burst_size=100,type=dscp_remark,rate=250,burst_size=50,prec_level=1', af11(100))
      const [dropped = 0, remarked = 0] = counted.bands
      within(frames.length, 500 * seconds + 100, 0.1, 'frames that passed')
      const tos = (value: number): Buffer[] => frames.filter((frame) => frame[15] === value)
      assert.deepEqual([tos(0x28).length, tos(0x30).length, frames.length], [arrived - dropped - remarked, remarked, arrived - dropped])
      within(remarked, 250 * seconds + 50, 0.15, 'frames that were remarked')
      for (const frame of frames) assert.equal(frame.readUInt16BE(24), headerChecksum(frame), 'the checksum of the IPv4 header')
    })
  })
