import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'ofswitchd-cli-'))
after(() => rmSync(folder, { recursive: true }))
const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 120_000, cwd: folder })

test('--version and --help', () => {
  const version = run('--version')
  assert.deepEqual([version.status, version.stderr], [0, ''])
  assert.match(version.stdout, /^ofswitchd \d+\.\d+\.\d+\n$/)
  for (const [args, expected] of [
    [['--help'], /usage: ofswitchd \[options\]/], [['quick-start', '--help'], /usage: ofswitchd quick-start/], [['target', '--help'], /usage: ofswitchd target/],
  ] as const) {
    const help = run(...args)
    assert.deepEqual([help.status, help.stderr], [0, ''])
    assert.match(help.stdout, expected)
  }
})

test('the usage text names every option', async () => {
  const { switchOptions, quickStartOptions, targetOptions } = await import('../../../src/cli/options.js')
  const { usage, quickStartUsage, targetUsage } = await import('../../../src/cli/usage.js')
  for (const [text, options] of [[usage, switchOptions], [quickStartUsage, quickStartOptions], [targetUsage, targetOptions]] as const) {
    for (const name of Object.keys(options)) if (name !== 'help' || text === usage) assert.ok(text.includes(`--${name}`), name)
  }
})

test('the full set of options is accepted', () => {
  const { status, stdout, stderr } = run('--check-config', '--target', '127.0.0.1:9559', '--device-id', '1', '--datapath-id', '0000000000000001',
    '--port', '1@p1,tag=10', '--port=2@p2,vlan-mode=native-untagged,tag=5,trunks=1+10-20', '--port', 'LOCAL:3@br0', '--controller', 'tcp:127.0.0.1:6653', '--controller', 'unix:/run/c', '--listen', 'ptcp:6654:127.0.0.1',
    '--protocols', 'OpenFlow10,OpenFlow13', '--fail-mode', 'secure', '--log-level', 'info', '--pidfile', 'x.pid')
  assert.equal(stderr, '')
  assert.equal(status, 0)
  assert.equal(stdout, 'the configuration is valid: 3 ports, controllers tcp:127.0.0.1:6653, unix:/run/c, listening on ptcp:6654:127.0.0.1\n')
})

for (const [args, ...expected] of [
  [[], /^ofswitchd: an OpenFlow switch/],
  [['frobnicate'], /^ofswitchd: 'frobnicate' is not a command; the commands are quick-start, reload, target, or none$/m],
  [['--prot', '1@p1'], /^ofswitchd: --prot: unknown option$/m],
  [['-v'], /^ofswitchd: -v: unknown option$/m],
  [['--port'], /^ofswitchd: --port: needs a value: --port NUMBER@INTERFACE$/m],
  [['--port', '--device-id', '1'], /^ofswitchd: --port: needs a value/m],
  [['--device-id', '1', '--device-id', '2'], /^ofswitchd: --device-id: is given twice$/m],
  [['--check-config=yes'], /^ofswitchd: --check-config: takes no value$/m],
  [['--port', '1@p1', 'p2'], /^ofswitchd: 'p2': unexpected argument$/m],
  [['--port', '1'], /^ofswitchd: --port 1: expected NUMBER@INTERFACE/m],
  [['--port', '1@p1', '--port', '1@p2'], /^ofswitchd: --port 1@p2: port number 1 is already used by entry 1$/m],
  [['--port', '1@p1', '--port', '2@p1'], /^ofswitchd: --port 2@p1: interface p1 is already used by entry 1$/m],
  [['--port', '0@p1'], /^ofswitchd: --port 0@p1: 0 is too small; the least is 1$/m],
  [['--port', '65280:1@p1'], /^ofswitchd: --port 65280:1@p1: 65280 is too large/m],
  [['--port', '1@p1,tag=10,tag=11'], /^ofswitchd: --port 1@p1,tag=10,tag=11: tag is given twice$/m],
  [['--port', '1@p1,trunks=1+x'], /^ofswitchd: --port 1@p1,trunks=1\+x: 'x' is not a range of VLANs/m],
  [['--port', '1@p1,tag=1,vlan-mode=tunnel'], /^ofswitchd: --port 1@p1,tag=1,vlan-mode=tunnel: "tunnel" is not one of access/m],
  [['--port', '510@p1'], /^ofswitchd: --port 510@p1: P4 port 510 is the CPU port$/m],
  [['--target', 'bmv2'], /^ofswitchd: --target bmv2: 'bmv2' is not a target/m],
  [['--device-id', 'x'], /^ofswitchd: --device-id x: expected a number, not "x"$/m],
  [['--datapath-id', '1x'], /^ofswitchd: --datapath-id 1x: '1x' is not a datapath id/m],
  [['--controller', 'ssl:10.0.0.1'], /^ofswitchd: --controller ssl:10\.0\.0\.1: TLS needs privateKey, certificate, caCert too/m],
  [['--controller', 'tcp:a', '--controller', 'tcp:b:x'], /^ofswitchd: --controller tcp:b:x: /m],
  [['--listen', 'tcp:1.2.3.4'], /^ofswitchd: --listen tcp:1\.2\.3\.4: .*does not listen/m],
  [['--protocols', 'OpenFlow13,OpenFlow16'], /^ofswitchd: --protocols OpenFlow13,OpenFlow16: OpenFlow16 is not supported/m],
  [['--fail-mode', 'open'], /^ofswitchd: --fail-mode open: 'open' is not a fail mode/m],
  [['--log-level', 'loud'], /^ofswitchd: --log-level loud: "loud" is not one of trace/m],
  [['--config', 'absent.yaml'], /^ofswitchd: absent\.yaml: cannot be read: ENOENT/m],
  [['--device-id', 'x', '--fail-mode', 'y'], /--device-id x/, /--fail-mode y/],
  [['target', '--listen', 'here'], /^ofswitchd: --listen here: expected HOST:PORT/m],
  [['target', '--controller', 'tcp:a'], /^ofswitchd: --controller: unknown option$/m],
  [['quick-start', '--port', '1@p1'], /^ofswitchd: --port: unknown option$/m],
] as const) {
  test(`usage error: ofswitchd ${args.join(' ')}`, () => {
    const { status, stdout, stderr } = run(...args)
    assert.equal(status, 2, stderr)
    assert.equal(stdout, '')
    for (const pattern of expected) assert.match(stderr, pattern)
    assert.doesNotMatch(stderr, /^\s+at /m)
  })
}

test('a mistake in the file is told with file, line, column and reason', () => {
  writeFileSync(join(folder, 'c.yaml'), 'deviceId: 1\nports:\n  - { number: 1, interface: a }\n  - { number: 1, interface: b }\nfailMode: open\nspeed: 3\n')
  const { status, stderr } = run('--config', 'c.yaml', '--check-config')
  assert.equal(status, 2)
  assert.deepEqual(stderr.split('\n').slice(0, 3).map((line) => line.split(': ').slice(0, 3).join(': ')), [
    'ofswitchd: c.yaml:4:15: ports[1].number', 'ofswitchd: c.yaml:5:11: failMode', 'ofswitchd: c.yaml:6:1: speed',
  ])
})

test('an option replaces what the file says', () => {
  writeFileSync(join(folder, 'd.yaml'), 'failMode: open\ncontrollers: [tcp:1.2.3.4]\nports: [{ number: 1, interface: a }]\n')
  const { status, stdout } = run('--config', 'd.yaml', '--check-config', '--fail-mode', 'secure', '--controller', 'tcp:h')
  assert.equal(status, 0)
  assert.equal(stdout, 'd.yaml is valid: 1 ports, controllers tcp:h:6653, listening on none\n')
})
