/** What came with 1.5, on the whole switch: bundles for a time. OF 1.5.1 §7.3.9 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BundleFlag, Group, Port, Table, type BundleTimeFeatures, type SwitchTime } from '../../../src/openflow/index.js'
import { flowMod, hex, output, startSwitch, type SwitchRig } from '../../support/switch-rig.js'

const OF15 = 6
const frame = hex(`0200000000020200000000 01 88b5${'00'.repeat(46)}`)
const millis = ({ seconds, nanoseconds }: SwitchTime): number => Number(seconds) * 1000 + nanoseconds / 1e6
const time = (ms: number): SwitchTime => ({ seconds: BigInt(Math.floor(ms / 1000)), nanoseconds: Math.floor(ms % 1000 * 1e6) })

describe('OpenFlow 1.5', () => {
  let rig: SwitchRig
  before(async () => { rig = await startSwitch({ version: OF15 }) })
  after(async () => { await rig.close() })

  it('a bundle for a time is in the target then, and not before', async () => {
    const NONE = time(0)
    const features = async (flags: number, asked: BundleTimeFeatures | null): Promise<BundleTimeFeatures> => {
      const { capabilities, time: told } = await rig.client.stats({ kind: 'bundle_features', flags, time: asked })
      assert.ok((capabilities & BundleFlag.TIME) !== 0 && told !== null)
      return told
    }
    const clock = async (): Promise<number> => millis((await features(1, { schedAccuracy: NONE, schedMaxFuture: NONE, schedMaxPast: NONE, timestamp: NONE })).timestamp)
    const set = await features(2, { schedAccuracy: NONE, schedMaxFuture: time(3_600_000), schedMaxPast: time(0), timestamp: NONE })
    assert.equal(millis(set.schedMaxFuture), 3_600_000)

    const bundle = { type: 'bundle_control', bundleId: 1, flags: BundleFlag.ORDERED | BundleFlag.TIME, time: null } as const
    assert.equal((await rig.client.request({ ...bundle, control: 'open_request' })).type, 'bundle_control')
    rig.client.send({ type: 'bundle_add', bundleId: 1, flags: bundle.flags, message: flowMod(0, 1, [], { apply: [output(2)] }) })
    const due = await clock() + 800
    const commit = rig.client.send({ ...bundle, control: 'commit_request', time: time(due) })
    const all = { tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] }
    for (let looked = 0; ; looked++) {
      const before = await clock()
      const replied = rig.client.heard.some(({ xid }) => xid === commit)
      const { flowCount } = await rig.client.stats({ kind: 'aggregate', ...all })
      const now = await clock()
      if (flowCount === 0) {
        assert.ok(before < due + 30_000, `nothing has happened for ${before - due} ms`)
        assert.equal(replied, false)
        continue
      }
      assert.ok(now >= due, `${due - now} ms early, after ${looked} looks`)
      break
    }
    const { message } = await rig.client.waitFor(({ xid }) => xid === commit)
    assert.ok(message.type === 'bundle_control' && message.control === 'commit_reply')
    assert.deepEqual((await rig.exchange(1, frame, 1)).map((out) => out[0]), ['2'])
  })
})
