/** From a forwarding pipeline config to something that runs: read, compile, bind. P4RT 1.4 §7 */
import { P4InfoError, P4InfoIndex } from '../p4info/index.js'
import { p4 } from '../p4proto/generated.js'
import { compileProgram } from './program/compile.js'
import { readProgram } from './program/read.js'
import { bindPipeline } from './service/bind.js'
import type { BoundPipeline } from './service/bind.js'

export interface LoadedConfig { readonly pipeline: BoundPipeline; readonly config: p4.v1.ForwardingPipelineConfig }

export type LoadResult = { readonly ok: true; readonly loaded: LoadedConfig } | { readonly ok: false; readonly reasons: readonly string[] }

/** All reasons at once where the config cannot be realised. */
export const loadConfig = (given: p4.v1.IForwardingPipelineConfig, dropPort: number): LoadResult => {
  // A copy in the generated classes: the caller may go on using its objects.
  const config = p4.v1.ForwardingPipelineConfig.decode(p4.v1.ForwardingPipelineConfig.encode(given).finish())
  const index = readP4Info(config.p4info)
  if (!(index instanceof P4InfoIndex)) return { ok: false, reasons: index }
  const json = readJson(config.p4DeviceConfig)
  if ('reason' in json) return { ok: false, reasons: [json.reason] }
  const read = readProgram(json.value)
  if (!read.ok) return read
  const executable = compileProgram(read.program, dropPort)
  const { pipeline, reasons } = bindPipeline(executable, index)
  return reasons.length > 0 ? { ok: false, reasons } : { ok: true, loaded: { pipeline, config } }
}

const readP4Info = (info: p4.config.v1.IP4Info | null | undefined): P4InfoIndex | readonly string[] => {
  if (!info) return ['the config has no P4Info']
  try {
    return P4InfoIndex.of(info as p4.config.v1.P4Info)
  } catch (error) {
    if (error instanceof P4InfoError) return error.reasons
    throw error
  }
}

const readJson = (bytes: Uint8Array): { readonly value: unknown } | { readonly reason: string } => {
  try {
    return { value: JSON.parse(new TextDecoder().decode(bytes)) }
  } catch (error) {
    return { reason: `the device config is not the JSON that p4c-bm2-ss writes: ${error instanceof Error ? error.message : String(error)}` }
  }
}
