/**
 * A real Faucet that pushes a table of many VLANs again: it ends the channel itself, once, to begin anew (with Open vSwitch
 * too); from then on the channel stays up, nothing is refused, and in the end every flow is there.
 * OFSWITCHD_FAUCET_VLANS=3000 asks for as many as an operator had; without it there are fewer, for the time it takes Faucet
 * to think of them.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { controllerAddress, Faucet, whyNoFaucet } from '../support/controllers.js'
import { until } from '../support/netns-process.js'
import { hostMac, portMac, Sandbox } from '../support/netns.js'
import { controllerSubjects, skipReason } from '../support/subject-list.js'
import type { RunningSwitch } from '../support/subject.js'

const VLANS = Number(process.env['OFSWITCHD_FAUCET_VLANS'] ?? 100)
/** Faucet takes about this for a VLAN, several times over on a machine that is busy. */
const PATIENCE_MS = 120_000 + VLANS * 300

/** Two trunks with all VLANs. A change of all VLANs makes Faucet push everything anew. */
function configuration(maxHosts: number): string {
  const numbers = Array.from({ length: VLANS }, (_, at) => at + 100)
  return `dps:
    switch-1:
        dp_id: 0x1
        hardware: "Open vSwitch"
        interfaces:
            1: {tagged_vlans: [${numbers.join(', ')}]}
            2: {tagged_vlans: [${numbers.join(', ')}]}
vlans:
${numbers.map((vid) => `    ${vid}: {max_hosts: ${maxHosts}}\n`).join('')}`
}

for (const subject of controllerSubjects) {
  describe(`Faucet with ${VLANS} VLANs: ${subject.name}`, { skip: skipReason(subject, whyNoFaucet()) }, () => {
    const sandbox = new Sandbox()
    let sw: RunningSwitch
    let faucet: Faucet

    before(async () => {
      const namespace = await sandbox.namespace('sw')
      const wire = await sandbox.namespace('wire')
      for (const port of [1, 2]) await sandbox.cable({ namespace, name: `p${port}`, mac: portMac(port) }, { namespace: wire, name: `w${port}`, mac: hostMac(port) })
      faucet = await Faucet.start(sandbox, namespace, configuration(100), '127.0.0.1', PATIENCE_MS)
      sw = await subject.start(sandbox, namespace, { ports: [1, 2], controllers: [controllerAddress] })
    })
    after(() => sandbox.close())

    const flowCount = async (): Promise<number> => {
      const { code, stdout } = await sw.ofctl(['-O', 'OpenFlow13', 'dump-aggregate', 'TARGET'])
      return code === 0 ? Number(/flow_count=(\d+)/.exec(stdout)?.[1] ?? NaN) : NaN
    }
    /** As many flows as `least`, and no more coming. */
    const settled = async (least: number): Promise<number> => {
      let [count, same] = [NaN, 0]
      await until(() => `${least} flows, there are ${count}:\n${faucet.log().slice(-2000)}`, async () => {
        const now = await flowCount()
        same = now === count && now >= least ? same + 1 : 0
        count = now
        return same >= 4
      }, PATIENCE_MS, 500)
      return count
    }

    it('has everything again, over one channel', async (context) => {
      await faucet.connected(1, PATIENCE_MS)
      // Each VLAN has at least one flow for each trunk, and one to flood.
      const flows = await settled(3 * VLANS)
      const sent = await faucet.counter('of_flowmsgs_sent_total')
      const begin = performance.now()
      await faucet.reload(configuration(101), PATIENCE_MS)
      assert.equal(await faucet.counter('faucet_config_reload_cold_total'), 1, 'everything is pushed anew')
      assert.equal(await settled(flows), flows)
      const seconds = (performance.now() - begin) / 1000
      const pushed = await faucet.counter('of_flowmsgs_sent_total') - sent
      assert.ok(pushed >= flows / 2, `${pushed} messages for ${flows} flows`)
      // Of each two: the first connection and that after Faucet's own restart; the end that Faucet decides and that of the socket.
      assert.deepEqual([await faucet.counter('of_dp_connections_total'), await faucet.counter('of_dp_disconnections_total')], [2, 2])
      assert.equal(await faucet.counter('of_errors_total'), 0)
      context.diagnostic(`${subject.name}: ${flows} flows of ${VLANS} VLANs, ${pushed} messages, in ${seconds.toFixed(1)} s`)
    })
  })
}
