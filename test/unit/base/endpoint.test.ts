import { test } from 'node:test'
import assert from 'node:assert/strict'
import { formatEndpoint, parseEndpoint, parseHostPort } from '../../../src/base/endpoint.js'

const tcp = (host: string, port: number) => ({ transport: 'tcp', passive: false, host, port })
const ptcp = (host: string | null, port: number) => ({ transport: 'tcp', passive: true, host, port })

for (const [text, endpoint, canonical] of [
  ['tcp:127.0.0.1', tcp('127.0.0.1', 6653), 'tcp:127.0.0.1:6653'],
  ['tcp:127.0.0.1:6633', tcp('127.0.0.1', 6633), 'tcp:127.0.0.1:6633'],
  ['tcp:controller.example:6653', tcp('controller.example', 6653), 'tcp:controller.example:6653'],
  ['tcp:[::1]', tcp('::1', 6653), 'tcp:[::1]:6653'],
  ['tcp:[fe80::1%eth0]:6633', tcp('fe80::1%eth0', 6633), 'tcp:[fe80::1%eth0]:6633'],
  ['ptcp:', ptcp(null, 6653), 'ptcp:6653'],
  ['ptcp', ptcp(null, 6653), 'ptcp:6653'],
  ['ptcp:6654', ptcp(null, 6654), 'ptcp:6654'],
  ['ptcp:6654:127.0.0.1', ptcp('127.0.0.1', 6654), 'ptcp:6654:127.0.0.1'],
  ['ptcp::127.0.0.1', ptcp('127.0.0.1', 6653), 'ptcp:6653:127.0.0.1'],
  ['ptcp:0:[::1]', ptcp('::1', 0), 'ptcp:0:[::1]'],
  ['ssl:10.0.0.1', { ...tcp('10.0.0.1', 6653), transport: 'ssl' }, 'ssl:10.0.0.1:6653'],
  ['ssl:[2001:db8::1]:6640', { ...tcp('2001:db8::1', 6640), transport: 'ssl' }, 'ssl:[2001:db8::1]:6640'],
  ['pssl:', { ...ptcp(null, 6653), transport: 'ssl' }, 'pssl:6653'],
  ['pssl:0:[::1]', { ...ptcp('::1', 0), transport: 'ssl' }, 'pssl:0:[::1]'],
  ['unix:/run/c.sock', { transport: 'unix', passive: false, path: '/run/c.sock' }, 'unix:/run/c.sock'],
  ['punix:br0.mgmt', { transport: 'unix', passive: true, path: 'br0.mgmt' }, 'punix:br0.mgmt'],
] as const) {
  test(`reads ${text}`, () => {
    const result = parseEndpoint(text)
    assert.ok(result.ok)
    assert.deepEqual(result.endpoint, endpoint)
    assert.equal(formatEndpoint(result.endpoint), canonical)
    const again = parseEndpoint(canonical)
    assert.ok(again.ok)
    assert.deepEqual(again.endpoint, endpoint)
  })
}

for (const [text, reason] of [
  ['', /not a connection/],
  ['127.0.0.1:6653', /not a connection/],
  ['udp:127.0.0.1', /not a connection/],
  ['tcp:', /expected tcp:HOST/],
  ['tcp::6653', /expected tcp:HOST/],
  ['tcp:::1:6653', /expected tcp:HOST/],
  ['tcp:[::1', /expected tcp:HOST/],
  ['tcp:[127.0.0.1]:1', /expected tcp:HOST/],
  ['tcp:a b', /expected tcp:HOST/],
  ['tcp:h:', /'' is not a port number/],
  ['tcp:h:0', /'0' is not a port number/],
  ['tcp:h:65536', /'65536' is not a port number/],
  ['tcp:h:0x10', /not a port number/],
  ['tcp:h:1:2', /not a port number/],
  ['ptcp:99999', /not a port number/],
  ['ptcp:127.0.0.1', /not a port number/],
  ['ptcp:1:h:2', /not an address/],
  ['ptcp:1:::1', /not an address/],
  ['unix:', /path is missing/],
  ['punix:', /path is missing/],
  ['punix:' + 'x'.repeat(108), /more than 107 bytes/],
  ['ssl:', /expected ssl:HOST/],
  ['ssl:::1:6653', /expected ssl:HOST/],
  ['pssl:70000', /not a port number.*expected pssl:/],
  ['pssl:1:h:2', /not an address; expected pssl:/],
] as const) {
  test(`refuses '${text.slice(0, 30)}'`, () => {
    const result = parseEndpoint(text)
    assert.ok(!result.ok)
    assert.match(result.reason, reason)
  })
}

test('reads HOST:PORT of a P4Runtime target', () => {
  assert.deepEqual(parseHostPort('127.0.0.1:9559'), { host: '127.0.0.1', port: 9559 })
  assert.deepEqual(parseHostPort('[::1]:50051'), { host: '::1', port: 50051 })
  for (const bad of ['127.0.0.1', 'localhost:', ':9559', '::1:9559', 'h:0', 'h:9559x', 'dns:///h:1']) assert.equal(parseHostPort(bad), null, bad)
})
