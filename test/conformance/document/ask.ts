/**
 * Puts one question to the switch: a request goes as bytes through the codec of a version, then through the datapath and the
 * compiler on the pipeline that comes with ofswitchd, and what comes back is the answer. The target takes whatever it is given;
 * that the packets then fare as they should is shown by the tests the document names.
 */
import { CounterColumns } from '../../../src/base/counter-columns.js'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Compiler, readContract } from '../../../src/compiler/index.js'
import { Datapath } from '../../../src/datapath/index.js'
import type { Effect, Input } from '../../../src/datapath/index.js'
import { decodeMessage, encodeMessage, errorName, errorNumbers, frameOf, Port, Unencodable, versionName } from '../../../src/openflow/index.js'
import type { ErrorName, Message } from '../../../src/openflow/index.js'
import { P4InfoIndex } from '../../../src/p4info/index.js'
import { port } from '../../support/datapath-rig.js'

export const OF10 = 1
export const OF11 = 2
export const OF13 = 4
export const OF14 = 5
export const OF15 = 6
/** Wire versions, all that are negotiated. */
export const VERSIONS = [1, 2, 3, 4, 5, 6] as const
export type Version = (typeof VERSIONS)[number]
export const versionNames = VERSIONS.map(versionName)

export type Answer =
  /** What the switch sent back; [] for a request that is carried out in silence. */
  | { readonly kind: 'yes'; readonly replies: readonly string[] }
  | { readonly kind: 'refused'; readonly error: string }
  /** The version has no way to say it. */
  | { readonly kind: 'none' }

const PORTS = [1, 2, 3, Port.LOCAL]
const contract = readContract(P4InfoIndex.parse(readFileSync(join(process.cwd(), 'p4/ofswitchd.p4info.txtpb'), 'utf8')))
export const features = new Compiler({ contract, targetPorts: new Map() }).features

/** The answer to the last of these requests, or to the first one that is refused. */
export function ask(version: Version, ...requests: readonly Message[]): Answer {
  const compiler = new Compiler({ contract, targetPorts: new Map(PORTS.map((number, index) => [number, index + 1])) })
  const description = { mfrDesc: '', hwDesc: '', swDesc: '', serialNum: '', dpDesc: '' }
  const datapath = new Datapath({ datapathId: 1n, ports: PORTS.map((number) => port(number)), description }, compiler, 0)
  const step = (input: Input): Effect[] => datapath.step(input, 0).flatMap((effect) => [effect, ...answered(effect).flatMap(step)])
  step({ kind: 'target_ready', fresh: true })
  step({ kind: 'connected', conn: 1, version, connKind: 'controller' })
  let answer: Answer = { kind: 'none' }
  for (const request of requests) {
    answer = one(version, request, step)
    if (answer.kind !== 'yes') break
  }
  return answer
}

function one(version: Version, request: Message, step: (input: Input) => Effect[]): Answer {
  let bytes: Uint8Array
  try {
    const [first = new Uint8Array(0)] = encodeMessage(request, version, 1)
    bytes = first
  } catch (error) {
    if (error instanceof Unencodable) return { kind: 'none' }
    throw error
  }
  const decoded = decodeMessage(frameOf(bytes), version)
  if (!decoded.ok) return { kind: 'refused', error: nameIn(version, decoded.error) }
  const sent = step({ kind: 'message', conn: 1, xid: 1, message: decoded.message, raw: bytes })
    .flatMap((effect) => (effect.kind === 'send' ? [effect.message] : []))
  const error = sent.find((message) => message.type === 'error')
  if (error?.type === 'error') return { kind: 'refused', error: nameIn(version, error.name) }
  return { kind: 'yes', replies: sent.map(({ type }) => type) }
}

/** As it goes over the wire. */
function nameIn(version: Version, name: ErrorName): string {
  return errorName(errorNumbers(name, version), version)
}

function answered(effect: Effect): Input[] {
  switch (effect.kind) {
    case 'commit': return [{ kind: 'committed', token: effect.token }]
    case 'read_flow_counters': return [{ kind: 'counters', token: effect.token, answer: { what: 'flows', flows: CounterColumns.of([]) } }]
    case 'read_group_counters': return [{ kind: 'counters', token: effect.token, answer: { what: 'groups', groups: new Map() } }]
    case 'read_meter_counters': return [{ kind: 'counters', token: effect.token, answer: { what: 'meters', meters: new Map() } }]
    case 'read_port_counters': return [{ kind: 'counters', token: effect.token, answer: { what: 'ports', ports: new Map() } }]
    case 'read_table_counters': return [{ kind: 'counters', token: effect.token, answer: { what: 'tables', tables: new Map() } }]
    default: return []
  }
}
