/**
 * The pipeline that a session wants in the target, and its cookie: the first 64 bits of SHA-256 over both parts, and over how the
 * agent divides it among several switches, so that a session knows its pipeline again in a target that it meets. P4RT 1.4 §7
 */
import { createHash } from 'node:crypto'
import { type P4InfoIndex, type ParsedP4Info, parseP4Info } from '../p4info/index.js'
import type { p4 } from '../p4proto/generated.js'

export interface PipelineConfig {
  readonly index: P4InfoIndex
  readonly p4info: p4.config.v1.P4Info
  readonly deviceConfig: Uint8Array
  readonly cookie: bigint
}

/** Throws P4InfoError. */
export function pipelineConfig(given: string | ParsedP4Info, deviceConfig: Uint8Array, layout = ''): PipelineConfig {
  const { text, message, index } = typeof given === 'string' ? parseP4Info(given) : given
  return { index, p4info: message, deviceConfig, cookie: cookieOf(text, deviceConfig, layout) }
}

export function cookieOf(p4infoText: string, deviceConfig: Uint8Array, layout = ''): bigint {
  const text = Buffer.from(p4infoText)
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE(BigInt(text.length))
  return createHash('sha256').update(length).update(text).update(deviceConfig).update(layout).digest().readBigUInt64BE(0)
}
