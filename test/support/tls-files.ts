/** Keys, certificates and authorities made with openssl, in a folder of their own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onPath } from './netns-process.js'

export const whyNoOpenssl = (): string | undefined => (onPath('openssl') === undefined ? 'openssl is not installed' : undefined)

export interface KeyPair { readonly key: string; readonly cert: string }

export class Authorities {
  readonly folder = mkdtempSync(join(tmpdir(), 'ofs-tls-'))
  #serial = 0

  close(): void { rmSync(this.folder, { recursive: true, force: true }) }
  path(name: string): string { return join(this.folder, name) }

  /** A self-signed authority. */
  authority(name: string): KeyPair {
    const pair = this.#pair(name)
    this.#openssl('req', '-x509', ...this.#newKey(pair), '-subj', `/CN=${name}`, '-days', '30', '-out', pair.cert)
    return pair
  }

  /** A certificate of an authority; `days` before 0 have passed. */
  issue(name: string, by: KeyPair, days = 30): KeyPair {
    const pair = this.#pair(name)
    const request = this.path(`${name}-req.pem`)
    this.#openssl('req', ...this.#newKey(pair), '-subj', `/CN=${name}`, '-out', request)
    this.#openssl('x509', '-req', '-in', request, '-CA', by.cert, '-CAkey', by.key, '-set_serial', String(++this.#serial), '-days', String(days), '-out', pair.cert)
    return pair
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text)
    return this.path(name)
  }
  /** Puts other contents under the names of `to`. */
  replace(to: KeyPair, by: KeyPair): void {
    copyFileSync(by.key, to.key)
    copyFileSync(by.cert, to.cert)
  }

  #pair(name: string): KeyPair { return { key: this.path(`${name}-privkey.pem`), cert: this.path(`${name}-cert.pem`) } }
  #newKey({ key }: KeyPair): string[] { return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key] }
  #openssl(...args: string[]): void {
    const done = spawnSync('openssl', args, { encoding: 'utf8' })
    assert.equal(done.status, 0, `openssl ${args.join(' ')}: ${done.stderr}`)
  }
}
