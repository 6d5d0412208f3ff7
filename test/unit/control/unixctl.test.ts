import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { silentLogger } from '../../../src/base/logger.js'
import { Coverage } from '../../../src/control/coverage.js'
import { JsonStream } from '../../../src/control/json-stream.js'
import { CommandError, UnixctlServer } from '../../../src/control/unixctl-server.js'
import { listLevels, setLevels } from '../../../src/control/vlog.js'
import type { LogLevel } from '../../../src/base/logger.js'

describe('a stream of JSON objects', () => {
  const cases: readonly (readonly [string, readonly string[], readonly (readonly string[] | null)[]])[] = [
    ['one in one piece', ['{"a":1}'], [['{"a":1}']]],
    ['two in one piece', ['{"a":1} {"b":[{}]}'], [['{"a":1}', ' {"b":[{}]}']]],
    ['one in pieces', ['{"a', '":"}', '\\"{"}'], [[], [], ['{"a":"}\\"{"}']]],
    ['something else', ['GET / HTTP/1.0'], [null]],
    ['a closing bracket too many', ['}'], [null]],
  ]
  for (const [name, chunks, expected] of cases) {
    it(name, () => {
      const stream = new JsonStream()
      assert.deepEqual(chunks.map((chunk) => stream.push(chunk)), expected)
    })
  }
  it('gives up an object without end', () => {
    const stream = new JsonStream()
    assert.deepEqual(stream.push('{"a":"'), [])
    assert.equal(stream.push('x'.repeat(2 ** 20)), null)
  })
})

describe('the control socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ofswitchd-ctl-'))
  const path = join(folder, 'x.ctl')
  let release = (): void => {}
  const server = new UnixctlServer([
    { name: 'echo', usage: 'text...', min: 1, max: 2, run: (args) => args.join(' ') },
    { name: 'fail', usage: '', min: 0, max: 0, run: () => { throw new CommandError('no such thing') } },
    { name: 'wait', usage: '', min: 0, max: 0, run: () => new Promise((resolve) => { release = () => resolve('waited') }) },
  ], silentLogger)
  const sockets: Socket[] = []
  const ask = (text: string, answers = 1): Promise<string> => new Promise((resolve, reject) => {
    const socket = connect(path)
    sockets.push(socket)
    let received = ''
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString()
      if (received.split('"id"').length > answers) resolve(received)
    })
    socket.on('close', () => reject(new Error('closed')))
    socket.write(text)
  })
  before(() => server.start(path))
  after(async () => {
    for (const socket of sockets) socket.destroy()
    await server.close()
    rmSync(folder, { recursive: true })
  })

  const cases = [
    ['{"id":0,"method":"echo","params":["a","b"]}', '{"id":0,"result":"a b\\n","error":null}'],
    ['{"id":7,"method":"fail","params":[]}', '{"id":7,"result":null,"error":"no such thing\\n"}'],
    ['{"id":0,"method":"echo","params":[]}', '{"id":0,"result":null,"error":"\\"echo\\" command requires at least 1 arguments\\n"}'],
    ['{"id":0,"method":"fail","params":["x"]}', '{"id":0,"result":null,"error":"\\"fail\\" command takes at most 0 arguments\\n"}'],
    ['{"id":0,"method":"no","params":[]}', '{"id":0,"result":null,"error":"\\"no\\" is not a valid command (use \\"list-commands\\" to see a list of valid commands)\\n"}'],
  ] as const
  for (const [request, answer] of cases) it(request, async () => assert.equal(await ask(request), answer))

  it('answers the requests of a connection in order, and others meanwhile', async () => {
    const slow = ask('{"id":1,"method":"wait","params":[]}{"id":2,"method":"echo","params":["x"]}', 2)
    assert.match(await ask('{"id":3,"method":"list-commands","params":[]}'), /echo +text\.\.\.\\n/)
    release()
    assert.equal(await slow, '{"id":1,"result":"waited\\n","error":null}{"id":2,"result":"x\\n","error":null}')
  })
  for (const text of ['hello', '{"method":"echo"}', '{"id":0,"method":"echo","params":[1]}']) {
    it(`ends a connection that sends ${text}`, () => assert.rejects(ask(text), /closed/))
  }
})

it('coverage: totals, and rates of the spans behind the last reading', () => {
  let packets = 0
  const coverage = new Coverage(() => ({ packets, never: 0 }))
  for (let reading = 0; reading <= 12; reading++) {
    coverage.sample()
    packets += 10
  }
  assert.equal(coverage.show(), [
    'Event coverage, avg rate over last: 5 seconds, last minute, last hour:',
    'packets                    2.0/sec     2.000/sec        0.0333/sec   total: 130',
    '1 events never hit',
  ].join('\n'))
  assert.equal(coverage.total('packets'), 130)
  assert.equal(coverage.total('other'), null)
})

describe('vlog/set', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, LogLevel>> | RegExp])[] = [
    ['channel:console:dbg', { channel: 'debug', switch: 'info' }],
    ['warn', { channel: 'warn', switch: 'warn' }],
    ['any:any:off', { channel: 'silent', switch: 'silent' }],
    ['dbg,switch', { channel: 'info', switch: 'debug' }],
    ['switch', { channel: 'info', switch: 'debug' }],
    ['foo', /^no destination, level, or module "foo"$/],
    ['dbg:info', /^cannot specify multiple levels$/],
    ['switch:channel:dbg', /^cannot specify multiple modules$/],
    ['switch:file:dbg', /^there is no destination "file"/],
  ]
  for (const [spec, expected] of cases) {
    it(spec, () => {
      const levels = new Map<string, LogLevel>([['channel', 'info'], ['switch', 'info']])
      const control = {
        levels: () => levels,
        setLevel: (component: string | null, level: LogLevel) => { for (const name of component === null ? levels.keys() : [component]) levels.set(name, level) },
      }
      if (expected instanceof RegExp) return assert.throws(() => setLevels(control, spec), (error: Error) => error instanceof CommandError && expected.test(error.message))
      setLevels(control, spec)
      assert.deepEqual(Object.fromEntries(levels), expected)
      assert.match(listLevels(control), /^channel {9,}[A-Z ]+OFF {8}OFF$/m)
    })
  }
})
