import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Takeover } from '../../../src/cli/takeover.js'
import type { OpenConnection } from '../../../src/channel/index.js'

const example = 'tcp:127.0.0.1:40000'
const open = (id: number, peer: string, kind: OpenConnection['kind'] = 'controller'): OpenConnection => ({ id, peer, kind, version: 4, auxiliary: null })
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function watched(): { takeover: Takeover; did: string[]; said: string[] } {
  const did: string[] = []
  const said: string[] = []
  const takeover = new Takeover({ start: async () => { did.push('start') }, stop: async () => { did.push('stop') } }, (peer) => peer === example, (line) => said.push(line))
  return { takeover, did, said }
}

test('its own connection and management clients change nothing', async () => {
  const { takeover, did, said } = watched()
  takeover.onOpen(open(1, example))
  takeover.onOpen(open(2, 'tcp:127.0.0.1:55555', 'service'))
  takeover.onClose(2, 'closed by the peer')
  takeover.onClose(1, 'closed by the peer')
  await settled()
  assert.deepEqual([did, said], [[], []])
})

test('steps back for the first controller, and returns after the last', async () => {
  const { takeover, did, said } = watched()
  takeover.onOpen(open(2, 'tcp:127.0.0.1:6653'))
  await settled()
  assert.deepEqual(did, ['stop'])
  takeover.onOpen(open(3, 'tcp:10.0.0.9:6653'))
  takeover.onClose(2, 'connection lost')
  await settled()
  assert.deepEqual(did, ['stop'])
  takeover.onClose(3, 'closed by the peer')
  await settled()
  assert.deepEqual(did, ['stop', 'start'])
  assert.deepEqual(said, [
    'controller tcp:127.0.0.1:6653 is there: the example controller steps back',
    'controller tcp:10.0.0.9:6653 is there',
    'controller tcp:127.0.0.1:6653 is gone (connection lost)',
    'controller tcp:10.0.0.9:6653 is gone (closed by the peer): the example controller takes over again',
  ])
})

test('a controller that comes and goes while the example one steps back leaves the example one running', async () => {
  let finish = (): void => {}
  const did: string[] = []
  const takeover = new Takeover({
    start: async () => { did.push('start') },
    stop: () => new Promise((resolve) => { did.push('stop'); finish = resolve }),
  }, () => false, () => {})
  takeover.onOpen(open(1, 'a'))
  await settled()
  takeover.onClose(1, 'gone')
  takeover.onOpen(open(2, 'a'))
  takeover.onClose(2, 'gone')
  finish()
  await settled()
  assert.deepEqual(did, ['stop', 'start'])
})

test('the end stops the example controller once', async () => {
  const running = watched()
  await running.takeover.end()
  assert.deepEqual(running.did, ['stop'])
  const away = watched()
  away.takeover.onOpen(open(1, 'a'))
  await settled()
  await away.takeover.end()
  away.takeover.onClose(1, 'shutting down')
  await settled()
  assert.deepEqual(away.did, ['stop'])
})
