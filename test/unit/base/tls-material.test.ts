import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { statSync, utimesSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { readTlsMaterial, tlsFilesStamp } from '../../../src/base/tls-material.js'
import type { TlsFiles } from '../../../src/base/tls-material.js'
import { Authorities, whyNoOpenssl } from '../../support/tls-files.js'
import type { KeyPair } from '../../support/tls-files.js'

describe('files of TLS', { skip: whyNoOpenssl() }, () => {
  let pki: Authorities
  let ca: KeyPair
  let good: KeyPair
  let other: KeyPair
  before(() => {
    pki = new Authorities()
    ca = pki.authority('ca')
    good = pki.issue('good', ca)
    other = pki.issue('other', ca)
  })
  after(() => pki.close())
  const files = (change: Partial<TlsFiles> = {}): TlsFiles => ({ privateKey: good.key, certificate: good.cert, caCert: ca.cert, bootstrap: false, ...change })
  const reasons = (change: Partial<TlsFiles>): string[] => {
    const result = readTlsMaterial(files(change), Date.now())
    assert.ok(!result.ok)
    return result.problems.map(({ file, reason }) => `${file}: ${reason}`)
  }

  test('what belongs together is accepted without a warning', () => {
    const result = readTlsMaterial(files(), Date.now())
    assert.ok(result.ok)
    assert.deepEqual(result.material.warnings, [])
    assert.match(result.material.ca ?? '', /BEGIN CERTIFICATE/)
  })

  test('every mistake is told, with its file', () => {
    const encrypted = pki.path('encrypted.pem')
    assert.equal(spawnSync('openssl', ['pkey', '-in', good.key, '-aes128', '-passout', 'pass:x', '-out', encrypted]).status, 0)
    for (const [change, ...expected] of [
      [{ privateKey: '/nonexistent', caCert: '/nowhere' }, /^privateKey: \/nonexistent cannot be read: ENOENT/, /^caCert: \/nowhere cannot be read: ENOENT/],
      [{ privateKey: good.cert }, /^privateKey: .*good-cert\.pem holds no private key/],
      [{ privateKey: encrypted }, /^privateKey: .*encrypted\.pem is protected by a passphrase/],
      [{ certificate: good.key }, /^certificate: .*good-privkey\.pem holds no certificate/],
      [{ certificate: pki.write('garbled.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n') }, /^certificate: .*garbled\.pem: certificate 1 cannot be read/],
      [{ caCert: pki.write('empty.pem', '') }, /^caCert: .*empty\.pem holds no certificate/],
      [{ privateKey: other.key }, /^privateKey: the private key .*other-privkey\.pem does not belong to the certificate .*good-cert\.pem/],
      [{ bootstrap: true, certificate: '/nonexistent', caCert: '/nowhere' }, /^certificate: \/nonexistent cannot be read/],
    ] as const) {
      const found = reasons(change)
      assert.equal(found.length, expected.length, found.join('\n'))
      expected.forEach((pattern, i) => assert.match(found[i] ?? '', pattern))
    }
  })

  test('what has expired is accepted with a warning', () => {
    const expired = pki.issue('expired', ca, -1)
    const result = readTlsMaterial(files({ privateKey: expired.key, certificate: expired.cert }), Date.now())
    assert.ok(result.ok)
    assert.match(result.material.warnings.join(), /^\S*expired-cert\.pem: the certificate has expired on /)
    const early = readTlsMaterial(files(), 0)
    assert.ok(early.ok)
    assert.match(early.material.warnings.join(), /good-cert\.pem: the certificate is not valid before .*ca-cert\.pem: the certificate is not valid before/)
  })

  test('an authority that does not exist yet is right only where it may come later', () => {
    const result = readTlsMaterial(files({ bootstrap: true, caCert: pki.path('later.pem') }), Date.now())
    assert.ok(result.ok)
    assert.equal(result.material.ca, null)
    assert.match(reasons({ caCert: pki.path('later.pem') })[0] ?? '', /ENOENT/)
  })

  test('the stamp changes with a file, its removal included', () => {
    const stamp = tlsFilesStamp(files())
    assert.equal(tlsFilesStamp(files()), stamp)
    assert.notEqual(tlsFilesStamp(files({ caCert: '/nowhere' })), stamp)
    utimesSync(good.cert, statSync(good.cert).atime, new Date(1000))
    assert.notEqual(tlsFilesStamp(files()), stamp)
  })
})
