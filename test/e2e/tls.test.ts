/**
 * TLS with keys made by ovs-pki and with Open vSwitch's own programs and os-ken at the other end: ovs-ofctl as a client of
 * pssl:, controllers at ssl:, and a CA certificate that is fetched from the first controller.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { osKenOverTls, whyNoOsKen } from '../support/controllers.js'
import { type Daemon, must, onPath, until } from '../support/netns-process.js'
import { type Namespace, Sandbox } from '../support/netns.js'
import { embeddedSubject, ofswitchd } from '../support/subject-ofswitchd.js'
import { skipReason, whyNoOfctl } from '../support/subject-list.js'

const PORT = 16_655
const CONTROLLER = 'ssl:127.0.0.1:6653'
const whyNot = onPath('ovs-pki') === undefined ? 'ovs-pki is not installed' : onPath('ovs-testcontroller') === undefined ? 'ovs-testcontroller is not installed' : undefined

describe('TLS with the programs of Open vSwitch', { skip: skipReason(embeddedSubject, whyNoOfctl(), whyNot) }, () => {
  const sandbox = new Sandbox()
  const folder = mkdtempSync(join(tmpdir(), 'ofs-pki-'))
  const file = (name: string): string => join(folder, name)
  const caOf = (kind: 'switch' | 'controller'): string => file(`pki/${kind}ca/cacert.pem`)
  const keys = (name: string, ca: string): string[] => [`--private-key=${file(`${name}-privkey.pem`)}`, `--certificate=${file(`${name}-cert.pem`)}`, `--ca-cert=${ca}`]
  /** As ovs-pki(8) tells: the switch trusts controllers, a controller trusts switches. */
  const asSwitch = (): string[] => keys('sc', caOf('controller'))
  const asController = (): string[] => keys('ctl', caOf('switch'))
  let sw: Namespace

  before(async () => {
    sw = await sandbox.namespace('sw')
    const pki = (...args: string[]): Promise<string> => must('ovs-pki', [`--dir=${file('pki')}`, `--log=${file('log')}`, ...args], { cwd: folder })
    await pki('init')
    await pki('req+sign', 'sc', 'switch')
    await pki('req+sign', 'ctl', 'controller')
  })
  after(async () => {
    await sandbox.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const start = async (args: readonly string[]): Promise<Daemon> => {
    const daemon = ofswitchd(sw, 'ofswitchd', ['--listen', `pssl:${PORT}:127.0.0.1`, ...args])
    await until(() => `the switch to run\n${daemon.log}`, () => {
      assert.ok(daemon.running, daemon.log)
      return daemon.log.includes('the target has the whole state')
    }, 30_000)
    return daemon
  }
  const ofctl = (credentials: readonly string[], ...args: string[]) => sw.run('ovs-ofctl', ['-O', 'OpenFlow13', ...credentials, ...args])
  const target = `ssl:127.0.0.1:${PORT}`

  it('serves ovs-ofctl, and nobody without a certificate of a controller', async () => {
    const daemon = await start(asSwitch())
    await until('the target', async () => (await ofctl(asController(), 'add-flow', target, 'priority=5,actions=drop')).code === 0)
    const dump = await ofctl(asController(), '--no-stats', 'dump-flows', target)
    assert.match(dump.stdout, /priority=5 actions=drop/)
    // A switch's certificate is of the wrong authority, and without TLS nothing is to be had.
    assert.notEqual((await ofctl(keys('sc', caOf('switch')), 'show', target)).code, 0)
    await until(() => daemon.log, () => daemon.log.includes(`the peer's certificate is not from an authority in ${caOf('controller')}`))
    assert.notEqual((await ofctl([], '--timeout=5', 'show', `tcp:127.0.0.1:${PORT}`)).code, 0)
    await until(() => daemon.log, () => daemon.log.includes('the peer does not speak TLS'))
    assert.equal((await ofctl(asController(), 'show', target)).code, 0)
    assert.equal(await daemon.stop(), 0)
  })

  it('connects to ovs-testcontroller', async () => {
    const controller = sw.daemon('ovs-testcontroller', 'ovs-testcontroller',
      ['-O', 'OpenFlow13', '-vvconn:console:dbg', `--unixctl=${file('controller.ctl')}`, ...asController(), 'pssl:6653:127.0.0.1'])
    const daemon = await start([...asSwitch(), '--controller', CONTROLLER])
    await until(() => `${controller.log}\n${daemon.log}`, () => controller.log.includes('OFPT_FEATURES_REPLY'), 20_000)
    assert.match(daemon.log, /"peer":"ssl:127\.0\.0\.1:6653".*OpenFlow connection open/)
    assert.equal(await daemon.stop(), 0)
    await controller.stop()
  })

  it('fetches the certificate of the authority from the first controller', async () => {
    const controller = sw.daemon('ovs-testcontroller', 'ovs-testcontroller', ['-O', 'OpenFlow13', '-vvconn:console:dbg', `--unixctl=${file('controller.ctl')}`,
      ...asController(), `--peer-ca-cert=${caOf('controller')}`, 'pssl:6653:127.0.0.1'])
    const learned = file('learned.pem')
    const daemon = await start([...asSwitch().slice(0, 2), `--bootstrap-ca-cert=${learned}`, '--controller', CONTROLLER])
    await until(() => `${controller.log}\n${daemon.log}`, () => controller.log.includes('OFPT_FEATURES_REPLY'), 20_000)
    const base64 = (path: string): string => /BEGIN CERTIFICATE-----([^-]+)/.exec(readFileSync(path, 'utf8'))?.[1]?.replace(/\s/g, '') ?? ''
    assert.ok(existsSync(learned))
    assert.equal(base64(learned), base64(caOf('controller')))
    assert.equal(await daemon.stop(), 0)
    await controller.stop()
  })

  it('connects to os-ken', { skip: whyNoOsKen() ?? false }, async () => {
    const controller = osKenOverTls(sw, { key: file('ctl-privkey.pem'), cert: file('ctl-cert.pem'), ca: caOf('switch') })
    const daemon = await start([...asSwitch(), '--controller', CONTROLLER])
    await until(() => `${controller.log}\n${daemon.log}`, () => controller.log.includes('move onto main mode'), 30_000)
    await until(() => controller.log, async () => /actions=CONTROLLER/.test((await ofctl(asController(), 'dump-flows', target)).stdout))
    assert.doesNotMatch(controller.log, /Traceback/)
    assert.equal(await daemon.stop(), 0)
    await controller.stop()
  })

  it('says what is wrong with the files, with status 2', async () => {
    const daemon = ofswitchd(sw, 'ofswitchd', ['--listen', `pssl:${PORT}`, `--private-key=${file('ctl-privkey.pem')}`, ...asSwitch().slice(1)])
    assert.equal(await daemon.ended, 2, daemon.log)
    assert.match(daemon.log, /--private-key \S+: the private key \S+ctl-privkey\.pem does not belong to the certificate \S+sc-cert\.pem/)
  })
})
