/** Starting with what cannot work, and ending: exit status 1 and one clear sentence for the former, 0 for a SIGTERM. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Daemon, until } from '../support/netns-process.js'
import { type Namespace, portMac, Sandbox } from '../support/netns.js'
import { embeddedSubject, ofswitchd, TARGET_PORT } from '../support/subject-ofswitchd.js'
import { skipReason, whyNoOfctl } from '../support/subject-list.js'
import { LISTEN_PORT } from '../support/subject.js'

describe('start-up', { skip: skipReason(embeddedSubject, whyNoOfctl()) }, () => {
  const sandbox = new Sandbox()
  let sw: Namespace

  before(async () => {
    sw = await sandbox.namespace('sw')
    await sandbox.cable({ namespace: sw, name: 'p1', mac: portMac(1) }, { namespace: sw, name: 'w1', mac: portMac(0x11) })
  })
  after(() => sandbox.close())

  const ends = async (daemon: Daemon, seconds = 20): Promise<number | string> => {
    const timer = setTimeout(() => daemon.kill('SIGKILL'), seconds * 1000)
    const end = await daemon.ended
    clearTimeout(timer)
    return end
  }
  const listen = ['--listen', `ptcp:${LISTEN_PORT}:127.0.0.1`]

  it('says which interface does not exist', async () => {
    const daemon = ofswitchd(sw, 'ofswitchd', ['--target', 'embedded', '--port', '1@nosuch0', ...listen])
    assert.equal(await ends(daemon), 1, daemon.log)
    assert.match(daemon.log, /nosuch0/)
    assert.doesNotMatch(daemon.log, /^ {4}at /m, 'a stack trace is no message to an operator')
  })

  it('says which port is in use', async () => {
    const taken = sw.daemon('server', 'python3', ['-u', '-c',
      `import socket\ns = socket.socket()\ns.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\ns.bind(('127.0.0.1', ${LISTEN_PORT}))\ns.listen()\nprint('listening')\nimport time\ntime.sleep(600)`])
    await until('the port to be taken', () => taken.log.includes('listening'))
    const daemon = ofswitchd(sw, 'ofswitchd', ['--target', 'embedded', '--port', '1@p1', ...listen])
    assert.equal(await ends(daemon), 1, daemon.log)
    assert.match(daemon.log, new RegExp(String(LISTEN_PORT)))
    assert.doesNotMatch(daemon.log, /^ {4}at /m, 'a stack trace is no message to an operator')
    await taken.stop()
  })

  it('refuses two ports of one number with status 2', async () => {
    const daemon = ofswitchd(sw, 'ofswitchd', ['--target', 'embedded', '--port', '1@p1', '--port', '1@w1', ...listen])
    assert.equal(await ends(daemon), 2, daemon.log)
  })

  it('refuses standalone with status 2 where the pipeline cannot do NORMAL', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'ofs-l2-')), 'switch.yaml')
    sandbox.onClose(async () => rmSync(dirname(file), { recursive: true, force: true }))
    const pipeline = join(process.cwd(), 'p4/examples/l2')
    writeFileSync(file, `pipeline: { p4info: ${pipeline}.p4info.txtpb, json: ${pipeline}.json }\n`)
    const daemon = ofswitchd(sw, 'ofswitchd', ['--target', 'embedded', '--port', '1@p1', '--fail-mode', 'standalone', '--config', file, ...listen])
    assert.equal(await ends(daemon), 2, daemon.log)
    assert.match(daemon.log, /fail mode 'standalone' needs a pipeline that can do NORMAL: the pipeline has no NORMAL/)
  })

  it('connects to no controller and greets nobody before the target is there', async () => {
    const controller = sw.daemon('controller', 'python3', ['-u', '-c', `import socket
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', 6653))
s.listen()
print('listening')
while True:
    c, _ = s.accept()
    print('connected')`])
    await until('the controller to listen', () => controller.log.includes('listening'))
    const target = `127.0.0.1:${TARGET_PORT}`
    const daemon = ofswitchd(sw, 'ofswitchd', ['--target', target, '--port', '1@p1', '--controller', 'tcp:127.0.0.1:6653', ...listen])
    await until(() => `it to miss the target\n${daemon.log}`, () => daemon.log.includes('no session with the P4Runtime target'), 120_000)
    // The address is its own already: who comes is let in, and waits for the hello.
    const early = sw.daemon('ovs-ofctl', 'ovs-ofctl', ['-O', 'OpenFlow13', 'show', `tcp:127.0.0.1:${LISTEN_PORT}`])
    assert.notEqual(await early.ended, 0, 'nobody was there to answer')
    assert.doesNotMatch(controller.log, /connected/)
    assert.doesNotMatch(daemon.log, /listening for OpenFlow connections/)
    const server = ofswitchd(sw, 'ofswitchd target', ['target', '--listen', target, '--port', '1@p1'])
    await until(() => `the controller\n${daemon.log}`, () => controller.log.includes('connected'), 60_000)
    assert.match(daemon.log, /the target has the whole state/)
    assert.match(daemon.log, /listening for OpenFlow connections/)
    assert.equal((await sw.run('ovs-ofctl', ['-O', 'OpenFlow13', 'show', `tcp:127.0.0.1:${LISTEN_PORT}`])).code, 0)
    // Later it stays with the controller, whatever becomes of the target.
    await server.stop('SIGKILL')
    await until('the loss', () => daemon.log.includes('the target is lost'))
    assert.equal((await sw.run('ovs-ofctl', ['-O', 'OpenFlow13', 'show', `tcp:127.0.0.1:${LISTEN_PORT}`])).code, 0)
    await Promise.all([daemon.stop(), controller.stop()])
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`ends with status 0 after ${signal}`, async () => {
      const daemon = ofswitchd(sw, 'ofswitchd', ['--target', 'embedded', '--port', '1@p1', ...listen])
      await until(() => `the switch to listen\n${daemon.log}`, async () => {
        assert.ok(daemon.running, daemon.log)
        return (await sw.run('ovs-ofctl', ['-O', 'OpenFlow13', 'show', `tcp:127.0.0.1:${LISTEN_PORT}`])).code === 0
      }, 120_000)
      assert.equal(await daemon.stop(signal, 10_000), 0, daemon.log)
    })
})
