import { test } from 'node:test'
import assert from 'node:assert/strict'
import { PingWatch } from '../../../src/cli/ping-watch.js'
import type { PingNetwork } from '../../../src/cli/ping-watch.js'

const hosts = [{ name: 'h1', ip: '10.0.0.1' }, { name: 'h2', ip: '10.0.0.2' }, { name: 'h3', ip: '10.0.0.3' }]

function network(answers: (from: string, toIp: string, call: number) => number): PingNetwork & { calls: number } {
  const it = {
    hosts, calls: 0,
    ping: async (from: string, toIp: string, count: number) => {
      const received = Math.min(count, answers(from, toIp, it.calls++))
      return { sent: count, received, unreachable: 0, roundTripsMs: Array.from({ length: count }, (_, i) => (i < received ? 0.5 * (i + 1) : null)) }
    },
  }
  return it
}

test('the first round tells of every pair', async () => {
  const lines: string[] = []
  const watch = new PingWatch(network((from) => (from === 'h2' ? 0 : from === 'h3' ? 2 : 3)), (line) => lines.push(line))
  assert.equal(await watch.firstRound(), false)
  assert.deepEqual(lines, [
    'ping h1 → h2 (10.0.0.2)  ok 3/3, rtt 1.0 ms',
    'ping h2 → h3 (10.0.0.3)  no answer 0/3',
    'ping h3 → h1 (10.0.0.1)  lossy 2/3, rtt 1.0 ms',
  ])
})

test('afterwards only changes are told', async () => {
  const lines: string[] = []
  // Rounds of three: all well, all well, h1 lost, h1 lost, all well, …
  const net = network((from, _to, call) => (from === 'h1' && (call === 6 || call === 9) ? 0 : 3))
  const watch = new PingWatch(net, (line) => lines.push(line), { watchMs: 1 })
  assert.equal(await watch.firstRound(), true)
  lines.length = 0
  const watching = watch.watch()
  while (net.calls < 20) await new Promise((resolve) => setImmediate(resolve))
  watch.stop()
  await watching
  assert.deepEqual(lines, ['ping h1 → h2 (10.0.0.2)  no answer 0/1', 'ping h1 → h2 (10.0.0.2)  ok 1/1, rtt 0.5 ms'])
})
