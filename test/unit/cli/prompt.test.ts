import { test } from 'node:test'
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { answer, readCommands } from '../../../src/cli/prompt.js'

const actions = { ping: async (from: string, to: string) => `${from}-${to}`, quit: () => {} }

for (const [line, expected] of [
  ['ping h1 h3', 'h1-h3'], ['  ping   h1 h3 ', 'h1-h3'], ['', ''], ['ping h1', 'commands: ping FROM TO (ping h1 h3), quit'], ['halp', 'commands: ping FROM TO (ping h1 h3), quit'],
] as const) {
  test(`'${line}'`, async () => assert.equal(await answer(line, actions), expected))
}

test('quit and exit end it', async () => {
  let quits = 0
  for (const line of ['quit', 'exit']) assert.equal(await answer(line, { ...actions, quit: () => quits++ }), '')
  assert.equal(quits, 2)
})

test('commands are read from a terminal only, and a failure is told', async () => {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  const output = new PassThrough({ encoding: 'utf8' })
  const end = readCommands(input, output, { ping: async () => { throw new Error('no such host') }, quit: () => {} })
  const told = new Promise((resolve) => output.once('data', resolve))
  input.write('ping a b\n')
  assert.equal(await told, 'no such host\n')
  end()
  const pipe = new PassThrough()
  readCommands(pipe, output, { ...actions, quit: () => assert.fail() })()
  pipe.end('quit\n')
})
