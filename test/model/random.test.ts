/**
 * Random flow tables, groups and frames over the whole of OpenFlow 1.3, with actions of 1.0 and 1.5, and what happens to a switch
 * between two frames (ports, flows and groups that change, kept packets that are sent): the switch must do what the model does, to the
 * byte. What the switch refuses is counted, by part and error, and printed. The same cases are given to the embedded target,
 * to BMv2, and to Open vSwitch for what it supports, with the model following its habits (habits.ts).
 *
 * OFSWITCHD_MODEL_CASES=500   how many cases (default 2000), of 20 packets; OFSWITCHD_MODEL_BMV2_CASES on BMv2 (default 60),
 *                             OFSWITCHD_MODEL_OVS_CASES on Open vSwitch (default 1000)
 * OFSWITCHD_MODEL_FIRST=2001  the seed of the first one (default 1); for shards and long runs
 * OFSWITCHD_MODEL_SEED=17     only the case with this seed
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { whyNoBmv2 } from '../unit/target/bmv2.js'
import { startBmv2Rig } from './bmv2-rig.js'
import { caseToText, generateCase, type ModelCase } from './case.js'
import { compare, Tally, type Difference } from './compare.js'
import { forOpenVSwitch, startOvsRig, whyNoOpenVSwitch } from './ovs-rig.js'
import { report } from './report.js'
import { PORTS, startModelRig, type ModelRig } from './rig.js'
import { shrink } from './shrink.js'

const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise)
const single = process.env['OFSWITCHD_MODEL_SEED']
const first = single === undefined ? number('OFSWITCHD_MODEL_FIRST', 1) : Number(single)
const count = single === undefined ? number('OFSWITCHD_MODEL_CASES', 2000) : 1
const PACKETS = 20
/** After so many differences the seeds are enough. */
const MOST_SHOWN = 5
const SHRINK_MS = 10_000

/** What of a case a subject gets. */
const whole = (wanted: ModelCase): ModelCase => wanted

const subjects = [
  { name: 'the switch on the embedded target', skip: false as const, start: () => startModelRig({ buffers: 8 }), count, part: whole },
  { name: 'the switch on the embedded target with twins', skip: false as const, start: () => startModelRig({ twinsFrom: 1 }), count: single === undefined ? Math.ceil(count / 5) : 1, part: whole },
  { name: 'the switch on BMv2 with twins', skip: whyNoBmv2(), start: () => startBmv2Rig({ twinsFrom: 1, buffers: 8 }), count: single === undefined ? number('OFSWITCHD_MODEL_BMV2_CASES', 60) : 1, part: whole },
  { name: 'Open vSwitch', skip: whyNoOpenVSwitch(), start: startOvsRig, count: single === undefined ? number('OFSWITCHD_MODEL_OVS_CASES', 1000) : 1, part: forOpenVSwitch },
]

for (const subject of subjects)
  describe(`the model = ${subject.name}`, { skip: subject.skip }, () => {
    let rig: ModelRig
    const tally = new Tally()
    /** Open vSwitch works from a cache, and now and then misses a copy or a count: what it does once it has to do again. */
    const looked = async (wanted: ModelCase): Promise<Difference | null> => {
      const difference = await compare(rig, wanted, tally)
      if (difference === null || rig.careful === undefined) return difference
      rig.careful(true)
      const again = await compare(rig, wanted, tally)
      rig.careful(again !== null)
      return again
    }
    before(async () => { rig = await subject.start() })
    after(async () => { await rig.close() })

    it(`in ${subject.count} random cases of ${PACKETS} packets, from seed ${first}`, async (t) => {
      const failed: number[] = []
      const shown: string[] = []
      for (let seed = first; seed < first + subject.count; seed++) {
        const wanted = subject.part(generateCase(seed, PACKETS, PORTS))
        const difference = await looked(wanted)
        if (difference === null) continue
        failed.push(seed)
        if (shown.length >= MOST_SHOWN) {
          rig.careful?.(false)
          continue
        }
        const minimal = await shrink(rig, wanted, difference, SHRINK_MS)
        const again = await compare(rig, minimal)
        rig.careful?.(false)
        shown.push(`seed ${seed}: ${(again ?? difference).text}\n${caseToText(minimal)}`)
      }
      for (const line of report(tally)) t.diagnostic(line)
      assert.ok(failed.length === 0, `${failed.length} of ${subject.count} cases differ: seeds ${failed.slice(0, 50).join(' ')}\n\n${shown.join('\n')}`)
    })
  })
