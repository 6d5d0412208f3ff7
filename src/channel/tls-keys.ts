/**
 * Our key, certificate and trusted authorities for TLS, read again when the files have changed. As in Open vSwitch, both
 * sides of a connection show a certificate, and whoever shows one from a trusted authority is let in: its name does not
 * matter, because ovs-pki gives certificates to switches and controllers, not to hosts. OF 1.3.5 §6.3.3
 *
 * Changed files concern connections that are made later; files that cannot be used leave the ones before in force.
 */
import { X509Certificate, constants } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { SecureContext, SecureContextOptions, TLSSocket } from 'node:tls'
import { SwitchError, messageOf, systemCode } from '../base/errors.js'
import type { LimitedLog, Logger } from '../base/logger.js'
import { LEAST_TLS_VERSION, readTlsMaterial, tlsFilesStamp } from '../base/tls-material.js'
import type { TlsFiles, TlsMaterial } from '../base/tls-material.js'

export class TlsKeys {
  #files: TlsFiles
  readonly #log: Logger
  readonly #limitedLog: LimitedLog
  #material: TlsMaterial
  #stamp: string
  #context: SecureContext | null = null
  #generation = 0

  /** Throws SwitchError with everything that is wrong with the files. */
  constructor(files: TlsFiles, log: Logger, limitedLog: LimitedLog) {
    this.#files = files
    this.#log = log
    this.#limitedLog = limitedLog
    this.#stamp = tlsFilesStamp(files)
    const result = readTlsMaterial(files, Date.now())
    if (!result.ok) throw new SwitchError('channel.tls', result.problems.map(({ reason }) => reason).join('; '))
    this.#material = result.material
    this.#warn()
  }

  get files(): TlsFiles { return this.#files }
  /** Counts the times that other keys came into force. */
  get generation(): number { return this.#generation }
  /** No authority is known yet: nobody can be trusted, and the first peer we connect to is to tell one. */
  get isBootstrapping(): boolean { return this.#material.ca === null }

  get options(): SecureContextOptions {
    const { key, cert, ca } = this.#material
    // Without a list Node trusts the public authorities. Without tickets nobody resumes what other authorities allowed.
    return { key, cert, ca: ca ?? [], minVersion: LEAST_TLS_VERSION, secureOptions: constants.SSL_OP_NO_TICKET }
  }

  get context(): SecureContext {
    this.#context ??= createSecureContext(this.options)
    return this.#context
  }

  /** Reads other files, or throws SwitchError; they are in force when the function that it returns is called. */
  prepare(files: TlsFiles): () => void {
    const stamp = tlsFilesStamp(files)
    const result = readTlsMaterial(files, Date.now())
    if (!result.ok) throw new SwitchError('channel.tls', result.problems.map(({ reason }) => reason).join('; '))
    return () => {
      this.#files = files
      this.#take(result.material, stamp)
    }
  }

  /** Reads the files if they have changed; asked before each new connection. `again`: also those that were of no use. */
  refresh(again = false): void {
    const stamp = tlsFilesStamp(this.files)
    if (stamp === this.#stamp && !again) return
    const result = readTlsMaterial(this.files, Date.now())
    if (!result.ok) {
      // The stamp stays as it was: files are often replaced one after the other.
      this.#limitedLog.log('error', 'tls files', { reasons: result.problems.map(({ reason }) => reason) }, 'the changed TLS files cannot be used; the ones before stay in force')
      return
    }
    this.#take(result.material, stamp)
  }

  #take(material: TlsMaterial, stamp: string): void {
    this.#stamp = stamp
    const { key, cert, ca } = this.#material
    this.#material = material
    if (material.key === key && material.cert === cert && material.ca === ca) return
    this.#context = null
    this.#generation++
    this.#log.info({ certificate: this.files.certificate, caCert: this.files.caCert }, 'the TLS files have changed and are in force for new connections')
    this.#warn()
  }

  /**
   * Open vSwitch's --bootstrap-ca-cert: keeps the self-signed authority at the end of the chain that a peer showed. Tells
   * why the connection ends, which it does in any case: it was made without verification.
   */
  learnAuthority(socket: TLSSocket): string {
    const root = lastOfChain(socket)
    if (root === null) return 'the peer showed no certificate of an authority, so none can be believed'
    if (!root.checkIssued(root) || !root.verify(root.publicKey)) {
      return 'the peer did not show the certificate of its authority, or one that is not self-signed, so none can be believed'
    }
    try {
      writeFileSync(this.files.caCert, root.toString(), { flag: 'wx', mode: 0o444 })
    } catch (error) {
      // Another connection was quicker.
      if (systemCode(error) !== 'EEXIST') return `${this.files.caCert} cannot be written: ${messageOf(error)}`
    }
    this.refresh()
    return `the certificate of the authority was written to ${this.files.caCert}`
  }

  #warn(): void {
    for (const warning of this.#material.warnings) this.#log.warn({ reason: warning }, 'TLS peers will refuse us')
  }
}

function lastOfChain(socket: TLSSocket): X509Certificate | null {
  let last = socket.getPeerCertificate(true)
  if (last === null || last.raw === undefined) return null
  while (last.issuerCertificate !== undefined && last.issuerCertificate !== last && last.issuerCertificate.raw !== undefined
    && !last.issuerCertificate.raw.equals(last.raw)) last = last.issuerCertificate
  return new X509Certificate(last.raw)
}

/** What an error of a socket means, where it is one of OpenSSL's; otherwise what it says itself. */
export function tlsFailure(error: unknown, caCert?: string): string {
  switch (systemCode(error)) {
    case 'CERT_HAS_EXPIRED': return "the peer's certificate has expired"
    case 'CERT_NOT_YET_VALID': return "the peer's certificate is not valid yet"
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_UNTRUSTED':
      return `the peer's certificate is not from an authority ${caCert === undefined ? 'that we trust' : `in ${caCert}`}`
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'ERR_SSL_HTTP_REQUEST':
      return 'the peer does not speak TLS'
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION':
    case 'ERR_SSL_VERSION_TOO_LOW':
      return 'the peer does not offer TLS 1.2 or later'
    case 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA':
    case 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE':
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN':
      return 'the peer does not trust our certificate'
    case 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED': return 'the peer got no certificate of ours'
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED': return 'the peer says that our certificate has expired'
    case 'ERR_TLS_HANDSHAKE_TIMEOUT': return 'the peer did not finish the TLS handshake'
    default: return messageOf(error)
  }
}
