/**
 * The files of TLS: a private key, the certificate that belongs to it, and the certificates of the authorities whose
 * peers are trusted; PEM, as ovs-pki writes them. Read and checked as a whole, with every mistake told by its file.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { messageOf, systemCode } from './errors.js'

/** Paths of PEM files. */
export interface TlsFiles {
  readonly privateKey: string
  /** Certificates of authorities between ours and a trusted one may follow in the same file. */
  readonly certificate: string
  /** One or more certificates of authorities. */
  readonly caCert: string
  /** Where `caCert` does not exist it is taken from the first peer we connect to, and believed from then on. */
  readonly bootstrap: boolean
}
export type TlsFile = 'privateKey' | 'certificate' | 'caCert'

export interface TlsMaterial {
  readonly key: string
  readonly cert: string
  /** Null while there is none to trust yet (`bootstrap`). */
  readonly ca: string | null
  /** What is allowed but will not work with peers, such as a certificate that has expired. */
  readonly warnings: readonly string[]
}
export type TlsMaterialResult =
  | { readonly ok: true; readonly material: TlsMaterial }
  | { readonly ok: false; readonly problems: readonly { readonly file: TlsFile; readonly reason: string }[] }

export const LEAST_TLS_VERSION = 'TLSv1.2'

const certificateBlocks = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** `now`: milliseconds since 1970. Never throws. */
export function readTlsMaterial(files: TlsFiles, now: number): TlsMaterialResult {
  const problems: { file: TlsFile; reason: string }[] = []
  const attempt = <T>(file: TlsFile, run: () => T): T | null => {
    try {
      return run()
    } catch (error) {
      problems.push({ file, reason: messageOf(error) })
      return null
    }
  }
  const key = attempt('privateKey', () => readKey(files.privateKey))
  const certificates = attempt('certificate', () => readCertificates(files.certificate))
  const authorities = files.bootstrap && isMissing(files.caCert) ? [] : attempt('caCert', () => readCertificates(files.caCert))
  const own = certificates?.[0]?.parsed
  if (key !== null && own !== undefined && !own.checkPrivateKey(createPrivateKey(key))) {
    problems.push({ file: 'privateKey', reason: `the private key ${files.privateKey} does not belong to the certificate ${files.certificate}` })
  }
  if (key === null || certificates === null || authorities === null || problems.length > 0) return { ok: false, problems }
  const material: TlsMaterial = {
    key, cert: joined(certificates), ca: authorities.length === 0 ? null : joined(authorities),
    warnings: [
      ...certificates.slice(0, 1).flatMap(({ parsed }) => untimely(files.certificate, parsed, now)),
      ...authorities.flatMap(({ parsed }) => untimely(files.caCert, parsed, now)),
    ],
  }
  // The library has rules of its own, on lengths of keys for example.
  attempt('certificate', () => {
    try {
      createSecureContext({ key, cert: material.cert, ca: material.ca ?? [], minVersion: LEAST_TLS_VERSION })
    } catch (error) {
      throw new Error(`${files.certificate} and ${files.privateKey} cannot be used: ${messageOf(error)}`)
    }
  })
  return problems.length > 0 ? { ok: false, problems } : { ok: true, material }
}

/** Changes when one of the files does. */
export function tlsFilesStamp({ privateKey, certificate, caCert }: TlsFiles): string {
  return [privateKey, certificate, caCert].map((path) => {
    try {
      const { ino, size, mtimeMs } = statSync(path)
      return `${ino} ${size} ${mtimeMs}`
    } catch (error) {
      return systemCode(error) ?? 'unreadable'
    }
  }).join(', ')
}

interface Certificate { readonly pem: string; readonly parsed: X509Certificate }
const joined = (certificates: readonly Certificate[]): string => `${certificates.map(({ pem }) => pem).join('\n')}\n`

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    throw new Error(`${path} cannot be read: ${messageOf(error)}`)
  }
}

function readKey(path: string): string {
  const text = readText(path)
  if (/ENCRYPTED/.test(text)) throw new Error(`${path} is protected by a passphrase`)
  try {
    createPrivateKey(text)
  } catch (error) {
    throw new Error(`${path} holds no private key: ${messageOf(error)}`)
  }
  return text
}

function readCertificates(path: string): Certificate[] {
  const blocks = readText(path).match(certificateBlocks) ?? []
  if (blocks.length === 0) throw new Error(`${path} holds no certificate`)
  return blocks.map((pem, i) => {
    try {
      return { pem, parsed: new X509Certificate(pem) }
    } catch (error) {
      throw new Error(`${path}: certificate ${i + 1} cannot be read: ${messageOf(error)}`)
    }
  })
}

function isMissing(path: string): boolean {
  try {
    statSync(path)
    return false
  } catch (error) {
    return systemCode(error) === 'ENOENT'
  }
}

function untimely(path: string, { validFrom, validTo }: X509Certificate, now: number): string[] {
  if (Date.parse(validTo) < now) return [`${path}: the certificate has expired on ${validTo}`]
  if (Date.parse(validFrom) > now) return [`${path}: the certificate is not valid before ${validFrom}`]
  return []
}
