/**
 * Differential test: random flow tables and random packets, given to Open vSwitch (userspace datapath) and to ofswitchd;
 * every packet must leave both through the same ports with the same bytes, and every flow must have counted the same.
 *
 * OFSWITCHD_DIFF_CASES=500   how many cases (default 60)
 * OFSWITCHD_DIFF_FIRST=61    the seed of the first one (default 1)
 * OFSWITCHD_DIFF_SEED=17     only the case with this seed
 * OFSWITCHD_DIFF_SELF=1      also Open vSwitch against itself, which shows that the test is deterministic
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Wire } from '../support/netns-frames.js'
import { Sandbox } from '../support/netns.js'
import { oracle, ownSubjects, skipReason } from '../support/subject-list.js'
import type { RunningSwitch, Subject } from '../support/subject.js'
import { describeCase, describeSeed, generateCase, PORTS, smaller } from './differential/case.js'
import type { Case } from './differential/flows.js'
import { encodePacket } from './differential/packets.js'
import { type Bench, counters, install, outputsOf } from './differential/run.js'

const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise)
const single = process.env['OFSWITCHD_DIFF_SEED']
const first = single === undefined ? number('OFSWITCHD_DIFF_FIRST', 1) : Number(single)
const count = single === undefined ? number('OFSWITCHD_DIFF_CASES', 60) : 1
const PACKETS = 24

const compared = process.env['OFSWITCHD_DIFF_SELF'] === undefined ? ownSubjects : [oracle, ...ownSubjects]
for (const subject of compared)
  describe(`differential: ${subject.name} = ${oracle.name}`, { skip: skipReason(oracle, subject) }, () => {
    const sandboxes: Sandbox[] = []
    const benches: Bench[] = []
    let fastFailover = false
    /** Shrinking costs seconds; after a few failures the seeds are enough. */
    let shrinks = 3

    before(async () => {
      for (const each of [oracle, subject]) benches.push(await startBench(each, sandboxes))
      fastFailover = await claimsFastFailover(benches[1]!.sw)
    })
    after(async () => { for (const sandbox of sandboxes) await sandbox.close() })

    for (let seed = first; seed < first + count; seed++) {
      it(`seed ${seed} (${describeSeed(seed)})`, async () => {
        for (const [index, { sw }] of benches.entries())
          if (!sw.processes.every(({ running }) => running)) benches[index] = await startBench(sw.subject, sandboxes)
        const wanted = generateCase(seed, PACKETS, fastFailover)
        const difference = await compare(benches, wanted)
        if (difference === undefined) return
        const minimal = shrinks-- > 0 ? await shrink(benches, difference.minimal) : difference.minimal
        const again = await compare(benches, minimal)
        assert.fail(`${(again ?? difference).text}\nsmallest case found (OFSWITCHD_DIFF_SEED=${seed}):\n${describeCase(minimal)}`)
      })
    }
  })

async function startBench(subject: Subject, sandboxes: Sandbox[]): Promise<Bench> {
  const sandbox = new Sandbox()
  sandboxes.push(sandbox)
  const namespace = await sandbox.namespace('sw')
  const wire = await Wire.attach(sandbox, namespace, PORTS)
  return { sw: await subject.start(sandbox, namespace, { ports: PORTS }), wire }
}

/** Bit 3 of the types in the group features. */
async function claimsFastFailover(sw: RunningSwitch): Promise<boolean> {
  const features = await sw.ofctl(['-O', 'OpenFlow13', 'dump-group-features', 'TARGET'])
  return (Number(/Types: +(0x[0-9a-f]+)/.exec(features.stdout)?.[1] ?? 0) & 0b1000) !== 0
}

interface Difference { readonly text: string; readonly minimal: Case }

/** The first difference between two switches in a case, or undefined. Differences are looked at again with more patience. */
async function compare(benches: readonly Bench[], wanted: Case): Promise<Difference | undefined> {
  const complaints = await Promise.all(benches.map((bench) => install(bench, wanted)))
  assert.equal(complaints[0], '', `the generated case is not valid:\n${describeCase(wanted)}`)
  if (complaints[1] !== '') return { text: `refused: ${complaints[1]}`, minimal: { ...wanted, packets: [] } }
  for (const packet of wanted.packets)
    for (const settleMs of [0, 50, 300]) {
      const [expected, actual] = await Promise.all(benches.map((bench) => outputsOf(bench, packet, settleMs)))
      if (String(expected) === String(actual)) break
      if (settleMs < 300) continue
      return {
        text: `in_port=${packet.inPort} ${encodePacket(packet).toString('hex')}\nexpected:\n  ${expected?.join('\n  ')}\nactual:\n  ${actual?.join('\n  ')}`,
        minimal: { ...wanted, packets: [packet] },
      }
    }
  const [expected, actual] = await Promise.all(benches.map(counters))
  for (const [flow, packets] of expected ?? [])
    if (actual?.get(flow) !== packets)
      return { text: `${flow}: expected ${packets} packets counted, actual ${actual?.get(flow)}`, minimal: wanted }
  return undefined
}

async function shrink(benches: readonly Bench[], failing: Case): Promise<Case> {
  const deadline = Date.now() + 20_000
  let best = failing
  for (let improved = true; improved && Date.now() < deadline;) {
    improved = false
    for (const candidate of smaller(best)) {
      if (Date.now() > deadline) break
      // A candidate that is no longer valid is no reproduction.
      const complaint = await install(benches[0]!, candidate)
      if (complaint !== '' || await compare(benches, candidate).catch(() => undefined) === undefined) continue
      best = candidate
      improved = true
      break
    }
  }
  return best
}
