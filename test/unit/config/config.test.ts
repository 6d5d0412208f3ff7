import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, checkConfig, configJsonSchema, formatPath, formatProblem, loadConfig, noSource, readYaml } from '../../../src/config/index.js'
import type { Config, Source } from '../../../src/config/index.js'

const parse = (yaml: string, options: Source = noSource): Config => {
  const result = readYaml(yaml, 'c.yaml', formatPath)
  if (!result.ok) throw new ConfigError(result.problems)
  return checkConfig(options, result.source, '/etc/ofswitchd')
}
const problemsOf = (run: () => unknown): string[] => {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.problems.map(formatProblem)
  }
  throw new Error('was accepted')
}

test('an empty file gives the defaults', () => {
  for (const yaml of ['', '# nothing\n', '---\n']) {
    const config = parse(yaml)
    assert.deepEqual(config.target, { kind: 'embedded' })
    assert.deepEqual(
      [config.deviceId, config.electionId, config.datapathId, config.ports, config.controllers, config.listen, config.protocols],
      [1, null, 1n, [], [], [], [1, 2, 3, 4, 5, 6]])
    assert.deepEqual(
      [config.failMode, config.inactivityProbe, config.maxBackoff, config.packetInRate, config.cpuPort, config.logLevel],
      ['secure', 5000, 1000, null, 510, 'info'])
    assert.equal(config.macAgeing, 300_000)
    assert.match(config.pipeline.p4info, /\/p4\/[a-z]+\.p4info\.txtpb$/)
    assert.match(config.description.software, /^ofswitchd [0-9]/)
  }
})

test('reads every key', () => {
  const config = parse(`
target: "[::1]:9559"
deviceId: 7
electionId: 12
datapathId: 00000000000000a1
ports:
  - { number: 1, interface: p1 }
  - number: 1000
    interface: eth0.5
    p4Port: 3
  - { number: LOCAL, interface: br0, p4Port: 4 }
controllers:
  - tcp:127.0.0.1
  - unix:/run/c.sock
  - { connection: tcp:1.2.3.4, inactivityProbe: 0, maxBackoff: 3s, packetInRate: 200, packetInBurst: 50, auxiliary: 2 }
listen: [ptcp:6654:127.0.0.1, "ptcp:0:[::1]", punix:/run/s.mgmt]
protocols: [OpenFlow13]
failMode: standalone
macAgeing: 20s
inactivityProbe: 2.5s
maxBackoff: 200ms
packetInRate: 1000
packetInBurst: 300
cpuPort: 64
logLevel: debug
description: { manufacturer: M, hardware: H, software: S, serialNumber: "17", datapath: D }
`)
  assert.deepEqual(config.target, { kind: 'remote', host: '::1', port: 9559 })
  assert.deepEqual([config.deviceId, config.electionId, config.datapathId, config.cpuPort], [7, 12, 0xa1n, 64])
  assert.deepEqual(config.ports, [
    { number: 1, interface: 'p1', p4Port: 1 }, { number: 1000, interface: 'eth0.5', p4Port: 3 }, { number: 0xfffffffe, interface: 'br0', p4Port: 4 },
  ])
  assert.deepEqual(config.controllers, [
    { endpoint: { transport: 'tcp', passive: false, host: '127.0.0.1', port: 6653 } }, { endpoint: { transport: 'unix', passive: false, path: '/run/c.sock' } },
    { endpoint: { transport: 'tcp', passive: false, host: '1.2.3.4', port: 6653 }, inactivityProbe: 0, maxBackoff: 3000, packetInRate: 200, packetInBurst: 50, auxiliary: 2 },
  ])
  assert.equal(config.listen.length, 3)
  assert.deepEqual([config.failMode, config.macAgeing], ['standalone', 20_000])
  assert.deepEqual(config.protocols, [4])
  assert.deepEqual([config.inactivityProbe, config.maxBackoff, config.packetInRate, config.packetInBurst, config.logLevel], [2500, 200, 1000, 300, 'debug'])
  assert.deepEqual(config.description, { manufacturer: 'M', hardware: 'H', software: 'S', serialNumber: '17', datapath: 'D' })
})

for (const [written, id] of [
  ['0000000000000001', 1n], ['"0000000000000010"', 0x10n], ['0000000000000010', 0x10n], ['0x1', 1n], ['0xCafe', 0xcafen],
  ['17', 17n], ['"17"', 17n], ['18446744073709551615', 0xffffffffffffffffn], ['deadbeef00000001', 0xdeadbeef00000001n],
  ['1234567890123456', 0x1234567890123456n], ['00000000000000e1', 0xe1n], ['0000000000001e10', 0x1e10n],
] as const) {
  test(`datapathId: ${written}`, () => assert.equal(parse(`datapathId: ${written}`).datapathId, id))
}

for (const [what, yaml, expected] of [
  ['an unknown key', 'targte: embedded', /^c\.yaml:1:1: targte: unknown key; the keys are target, deviceId/],
  ['a key in another spelling', 'deviceId: 1\ndatapath_id: 1', /^c\.yaml:2:1: datapath_id: unknown key; did you mean 'datapathId'\?$/],
  ['an unknown key in a port', 'ports:\n  - number: 1\n    interface: p1\n    speed: 10', /^c\.yaml:4:5: ports\[0\]\.speed: unknown key$/],
  ['a duplicate key', 'deviceId: 1\ndeviceId: 2', /^c\.yaml:2:1: .*unique/i],
  ['a list where a map is due', '- a', /^c\.yaml:1:1: expected keys and values$/],
  ['broken YAML', 'ports: [', /^c\.yaml:1:\d+: /],
  ['two documents', 'deviceId: 1\n---\ndeviceId: 2', /^c\.yaml:\d:\d+: a second YAML document/],
  ['an unknown tag', 'target: !!js/function "x"', /^c\.yaml:1:\d+: .*tag/i],
  ['a target without a port', 'target: 127.0.0.1', /^c\.yaml:1:9: target: '127\.0\.0\.1' is not a target/],
  ['a text for a number', 'deviceId: one', /^c\.yaml:1:11: deviceId: expected a number, not "one"$/],
  ['a fraction', 'deviceId: 1.5', /^c\.yaml:1:11: deviceId: expected a whole number, not 1\.5$/],
  ['a negative device', 'deviceId: -1', /^c\.yaml:1:11: deviceId: -1 is too small; the least is 0$/],
  ['a zero datapath id', 'datapathId: 0', /datapath id of 0/],
  ['a datapath id of 17 digits', 'datapathId: 0x10000000000000000', /^c\.yaml:1:13: datapathId: '0x10000000000000000' is not a datapath id/],
  ['a datapath id of letters', 'datapathId: one', /'one' is not a datapath id/],
  ['a port number of 0', 'ports: [{ number: 0, interface: a }]', /^c\.yaml:1:19: ports\[0\]\.number: 0 is too small; the least is 1$/],
  ['a port name', 'ports: [{ number: eth0, interface: a }]', /^c\.yaml:1:19: ports\[0\]\.number: expected a port number from 1 to 65279, or LOCAL, not "eth0"$/],
  ['a reserved port number', 'ports: [{ number: 65280, interface: a, p4Port: 1 }]', /65280 is too large; the most is 65279/],
  ['a number beyond the target', 'ports: [{ number: 511, interface: a }]', /511 cannot be a port number of the P4 target too/],
  ['LOCAL without p4Port', 'ports: [{ number: LOCAL, interface: a }]', /^c\.yaml:1:19: .*LOCAL cannot be .*; give p4Port$/],
  ['a port without an interface', 'ports:\n  - number: 1', /^c\.yaml:2:5: ports\[0\]: 'interface' is missing$/],
  ['a long interface name', 'ports: [{ number: 1, interface: abcdefghijklmnop }]', /not an interface name/],
  ['a port number used twice', 'ports:\n - { number: 1, interface: a }\n - { number: 1, interface: b }', /^c\.yaml:3:14: ports\[1\]\.number: port number 1 is already used by entry 1$/],
  ['an interface used twice', 'ports:\n - { number: 1, interface: a }\n - { number: 2, interface: a }', /^c\.yaml:3:28: ports\[1\]\.interface: interface a is already used by entry 1$/],
  ['a P4 port used twice', 'ports:\n - { number: 1, interface: a }\n - { number: 2, interface: b, p4Port: 1 }', /^c\.yaml:3:39: ports\[1\]\.p4Port: P4 port 1 is already used by entry 1$/],
  ['no VLAN', 'ports: [{ number: 1, interface: a, tag: 4096 }]', /^c\.yaml:1:41: ports\[0\]\.tag: 4096 is too large; the most is 4095$/],
  ['no range of VLANs', 'ports:\n - number: 1\n   interface: a\n   trunks: [1, 9-3]', /^c\.yaml:4:16: ports\[0\]\.trunks\[1\]: '9-3' is not a range of VLANs; expected such as 10-20, from 0 to 4095$/],
  ['no VLANs', 'ports: [{ number: 1, interface: a, trunks: [] }]', /ports\[0\]\.trunks: must not be empty/],
  ['no mode of VLANs', 'ports: [{ number: 1, interface: a, vlanMode: dot1q-tunnel, tag: 1 }]', /^c\.yaml:1:46: ports\[0\]\.vlanMode: "dot1q-tunnel" is not one of access, trunk, native-tagged, native-untagged$/],
  ['an access port with trunks', 'ports: [{ number: 1, interface: a, tag: 1, trunks: [2] }]', /^c\.yaml:1:52: ports\[0\]\.trunks: an access port carries the VLAN of its tag alone/],
  ['a trunk with a tag', 'ports: [{ number: 1, interface: a, tag: 1, vlanMode: trunk }]', /^c\.yaml:1:41: ports\[0\]\.tag: a trunk port has no VLAN of its own/],
  ['a native VLAN that is missing', 'ports: [{ number: 1, interface: a, vlanMode: native-tagged, trunks: [2] }]', /ports\[0\]\.vlanMode: a port that is native-tagged needs a tag/],
  ['the CPU port', 'ports: [{ number: 510, interface: a }]', /P4 port 510 is the CPU port/],
  ['ssl without keys', 'controllers: ["ssl:1.2.3.4"]', /^c\.yaml:1:15: controllers\[0\]: TLS needs privateKey, certificate, caCert too/],
  ['pssl without a key', 'listen: ["ptcp:1", "pssl:2"]\ncertificate: a\nbootstrapCaCert: b', /^c\.yaml:1:20: listen\[1\]: TLS needs privateKey too/],
  ['a certificate alone', 'certificate: a.pem', /^c\.yaml:1:1: certificate: TLS needs privateKey, caCert too/],
  ['two authorities', 'caCert: a\nbootstrapCaCert: b', /^c\.yaml:2:1: bootstrapCaCert: caCert is given too/],
  ['a key that is not there', 'privateKey: sub/k.pem\ncertificate: /nowhere/c.pem\nbootstrapCaCert: /nowhere/ca.pem', /^c\.yaml:1:13: privateKey: \/etc\/ofswitchd\/sub\/k\.pem cannot be read: ENOENT/],
  ['a listener that connects', 'listen:\n  - tcp:1.2.3.4', /^c\.yaml:2:5: listen\[0\]: 'tcp:1\.2\.3\.4' does not listen/],
  ['a controller twice', 'controllers:\n  - tcp:1.2.3.4\n  - tcp:1.2.3.4:6653', /^c\.yaml:3:5: controllers\[1\]: controller tcp:1\.2\.3\.4:6653 is already used by entry 1$/],
  ['a controller twice, in two forms', 'controllers:\n  - { connection: tcp:1.2.3.4 }\n  - tcp:1.2.3.4', /^c\.yaml:3:5: controllers\[1\]: controller tcp:1\.2\.3\.4:6653 is already used by entry 1$/],
  ['a number for a controller', 'controllers: [5]', /^c\.yaml:1:15: controllers\[0\]: .*not 5$/],
  ['a controller without a connection', 'controllers: [{ packetInRate: 5 }]', /^c\.yaml:1:15: controllers\[0\]: 'connection' is missing$/],
  ['a mistake in a setting of a controller', 'controllers: [{ connection: tcp:1.2.3.4, maxBackoff: 5 }]', /^c\.yaml:1:54: controllers\[0\]\.maxBackoff: '5' is not a duration/],
  ['an unknown setting of a controller', 'controllers: [{ connection: tcp:1.2.3.4, rate: 5 }]', /^c\.yaml:1:42: controllers\[0\]\.rate: unknown key; the keys are connection, inactivityProbe/],
  ['auxiliary connections to whoever connects to us', 'controllers: [{ connection: "ptcp:1", auxiliary: 1 }]', /^c\.yaml:1:50: controllers\[0\]\.auxiliary: a controller that connects to us/],
  ['a controller outside a list', 'controllers: tcp:1.2.3.4', /^c\.yaml:1:14: controllers: expected a list, not "tcp:1\.2\.3\.4"$/],
  ['OpenFlow 1.6', 'protocols: [OpenFlow13, OpenFlow16]', /^c\.yaml:1:25: protocols\[1\]: OpenFlow16 is not supported; supported are OpenFlow10, OpenFlow11, OpenFlow12, OpenFlow13, OpenFlow14, OpenFlow15$/],
  ['a word for a protocol', 'protocols: [toString]', /'toString' is not a protocol/],
  ['no protocol', 'protocols: []', /protocols: must not be empty/],
  ['an unknown fail mode', 'failMode: open', /^c\.yaml:1:11: failMode: 'open' is not a fail mode; expected 'secure' or 'standalone'$/],
  ['a duration without a unit', 'inactivityProbe: 5', /^c\.yaml:1:18: inactivityProbe: '5' is not a duration; expected a number and its unit, such as 5s or 500ms, or 0 for never$/],
  ['hosts that are never forgotten', 'macAgeing: 0', /^c\.yaml:1:12: macAgeing: '0' is not a duration/],
  ['no back-off', 'maxBackoff: 0', /'0' is not a duration/],
  ['a log level', 'logLevel: loud', /^c\.yaml:1:11: logLevel: "loud" is not one of trace, debug/],
  ['half a pipeline', 'pipeline:\n  p4info: a', /^c\.yaml:2:3: pipeline: 'json' is missing$/],
  ['a pipeline that is not there', 'pipeline: { p4info: /nonexistent/a, json: /nonexistent/b }', /^c\.yaml:1:21: pipeline\.p4info: cannot be read: ENOENT/],
  ['a null', 'ports:', /^c\.yaml:1:7: ports: expected a list, not null$/],
  ['a long serial number', `description: { serialNumber: "${'1'.repeat(32)}" }`, /description\.serialNumber: longer than 31 characters/],
] as const) {
  test(`refuses ${what}`, () => {
    const problems = problemsOf(() => parse(yaml))
    assert.equal(problems.length >= 1, true)
    assert.match(problems[0] ?? '', expected)
  })
}

test('tells several problems at once, in the order of the file', () => {
  assert.deepEqual(problemsOf(() => parse('deviceId: -1\nlogLevle: info\nports:\n - { number: 0, interface: a }\ncontrollers: [x]\n')).map((text) => text.slice(0, 24)), [
    'c.yaml:1:11: deviceId: -', "c.yaml:2:1: logLevle: un", 'c.yaml:4:14: ports[0].nu', "c.yaml:5:15: controllers",
  ])
})

test('an option replaces the key of the file, and its problems name the option', () => {
  const options = (values: Record<string, unknown>): Source => ({ values, where: (path) => `--${path.join(' ')}`, name: () => '' })
  const yaml = 'deviceId: 3\nports: [{ number: 1, interface: a }]\ncontrollers: [bad]'
  const config = parse(yaml, options({ controllers: ['tcp:1.2.3.4'], deviceId: 4 }))
  assert.deepEqual([config.deviceId, config.controllers.length, config.ports.length], [4, 1, 1])
  assert.deepEqual(problemsOf(() => parse('deviceId: 3', options({ deviceId: -1 }))), ['--deviceId: -1 is too small; the least is 0'])
})

test('a bomb of aliases is refused', () => {
  let yaml = 'ports: &a0 [x, x, x, x, x, x, x, x, x]\n'
  for (let i = 1; i < 9; i++) yaml += `k${i}: &a${i} [${Array(9).fill(`*a${i - 1}`).join(', ')}]\n`
  assert.match(problemsOf(() => parse(yaml)).join('\n'), /alias/i)
})

const folder = mkdtempSync(join(tmpdir(), 'ofswitchd-config-'))
after(() => rmSync(folder, { recursive: true }))

test('reads a file, with the paths in it relative to it', () => {
  writeFileSync(join(folder, 'x.p4info'), '')
  writeFileSync(join(folder, 'x.json'), '')
  const file = join(folder, 'c.yaml')
  writeFileSync(file, 'pipeline: { p4info: x.p4info, json: x.json }\n')
  const config = loadConfig(noSource, file)
  assert.deepEqual(config.pipeline, { p4info: join(folder, 'x.p4info'), json: join(folder, 'x.json') })
})

test('a file that cannot be read', () => {
  const file = join(folder, 'absent.yaml')
  assert.match(problemsOf(() => loadConfig(noSource, file))[0] ?? '', /absent\.yaml: cannot be read: ENOENT/)
})

test('the JSON Schema names every key and forbids others', () => {
  const schema = JSON.parse(configJsonSchema()) as { properties: Record<string, unknown>; additionalProperties: boolean; required?: string[] }
  assert.equal(schema.additionalProperties, false)
  assert.equal(schema.required, undefined)
  assert.ok(['target', 'ports', 'controllers', 'pipeline', 'description'].every((key) => key in schema.properties))
})

test('several switches on one target: each with its own, the rest of all', () => {
  const config = parse(`
failMode: standalone
inactivityProbe: 7s
instances:
  - { name: br1, datapathId: "0x11", ports: [{ number: 1, interface: p1 }], controllers: [tcp:127.0.0.1], failMode: secure }
  - { name: br2, datapathId: "0x12", ports: [{ number: 1, interface: p2, p4Port: 2 }], listen: [ptcp:6654:127.0.0.1], macAgeing: 20s }
`)
  assert.deepEqual(config.instances.map(({ bridge, datapathId, failMode, inactivityProbe, macAgeing, ports }) => [bridge, datapathId, failMode, inactivityProbe, macAgeing, ports.map(({ p4Port }) => p4Port)]), [
    ['br1', 0x11n, 'secure', 7000, 300_000, [1]], ['br2', 0x12n, 'standalone', 7000, 20_000, [2]],
  ])
  assert.deepEqual(config.ports.map(({ interface: name }) => name), ['p1', 'p2'])
  assert.deepEqual(parse('').instances, [])
})

test('what is wrong with several switches is told with its place', () => {
  for (const [yaml, expected] of [
    ['bridge: b\ninstances: [{ name: br1, datapathId: "1" }]', /bridge.*each of the instances has its own/],
    ['instances: [{ name: br1, datapathId: "1" }, { name: br1, datapathId: "2" }]', /name br1 is already used by entry 1/],
    ['instances: [{ name: br1, datapathId: "1" }, { name: br2, datapathId: "0x1" }]', /datapath id 0000000000000001 is already used by entry 1/],
    ['instances: [{ name: br1, datapathId: "1", ports: [{ number: 1, interface: p1 }] }, { name: br2, datapathId: "2", ports: [{ number: 1, interface: p2 }] }]', /P4 port 1 is a port of br1 already/],
    ['instances: [{ name: br1, datapathId: "1", ports: [{ number: 1, interface: p1 }] }, { name: br2, datapathId: "2", ports: [{ number: 2, interface: p1 }] }]', /interface p1 is a port of br1 already/],
    ['instances: [{ name: br1, datapathId: "1", ports: [{ number: 510, interface: p1 }] }]', /P4 port 510 is the CPU port/],
    ['instances: [{ name: br1, datapathId: "1", colour: red }]', /unknown key; the keys are name, datapathId/],
    ['instances: []', /must not be empty/],
  ] as const) assert.match(problemsOf(() => parse(yaml)).join('\n'), expected, yaml)
})

test('VLANs of ports', () => {
  const vlansOf = (text: string): unknown => parse(`ports: [{ number: 1, interface: a${text} }]`).ports[0]?.vlans
  assert.equal(vlansOf(''), undefined)
  assert.equal(vlansOf(', vlanMode: trunk'), undefined)
  assert.deepEqual(vlansOf(', tag: 10'), { mode: 'access', tag: 10, trunks: null })
  assert.deepEqual(vlansOf(', trunks: [30, 10-19, 20, 15]'), { mode: 'trunk', tag: 0, trunks: [{ first: 10, last: 20 }, { first: 30, last: 30 }] })
  assert.deepEqual(vlansOf(', tag: 5, vlanMode: native-untagged'), { mode: 'native-untagged', tag: 5, trunks: null })
  assert.deepEqual(vlansOf(', tag: 0, vlanMode: native-tagged, trunks: [7]'), { mode: 'native-tagged', tag: 0, trunks: [{ first: 7, last: 7 }] })
})
