/** A session with the tiny program, its events, and short ways to write entries. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { NamedTableEntry, NamedUpdate } from '../../../src/compiler/ir.js'
import { Session } from '../../../src/p4runtime/index.js'
import type { SessionOptions, SouthboundEvent } from '../../../src/p4runtime/index.js'

const folder = join(process.cwd(), 'test/vectors/p4runtime')
export const tinyP4Info = readFileSync(join(folder, 'tiny.p4info.txtpb'), 'utf8')
export const tinyJson = readFileSync(join(folder, 'tiny.json'))

export const ACL = 'TinyIngress.acl'
export const EXACT = 'TinyIngress.exact_mac'
export const ROUTE = 'TinyIngress.route'
export const FORWARD = 'TinyIngress.forward'
export const COUNTER = 'TinyIngress.port_counter'

export interface Rig {
  readonly session: Session
  readonly events: SouthboundEvent[]
  /** Waits until this many events of a kind have come. */
  event(kind: SouthboundEvent['kind'], count?: number): Promise<void>
}

export function rig(options: Pick<SessionOptions, 'connect'> & Partial<SessionOptions>): Rig {
  const session = new Session({ deviceId: 1, p4info: tinyP4Info, deviceConfig: tinyJson, backoffMs: { first: 1, most: 20 }, ...options })
  const events: SouthboundEvent[] = []
  session.start((event) => events.push(event))
  return {
    session, events,
    event: (kind, count = 1) => eventually(`${count} × ${kind}`, () => events.filter((event) => event.kind === kind).length >= count),
  }
}

/** Polls; throws when it has not come true in time. */
export async function eventually(what: string, condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await delay(2)
  }
}

export const forward = (port: number | bigint): NamedTableEntry['action'] => ({ name: FORWARD, params: [{ name: 'port', value: BigInt(port) }] })

export function exact(mac: number | bigint, given: Partial<NamedTableEntry> = {}): NamedTableEntry {
  return {
    kind: 'table', table: EXACT, match: [{ field: 'eth_dst', kind: 'exact', value: BigInt(mac) }], priority: 0, action: forward(1), idleTimeout: 0,
    controllerMetadata: 0, metadata: new Uint8Array(0), resetCounters: false, ...given,
  }
}
/** `mac` null: matches everything. */
export function acl(mac: number | bigint | null, given: Partial<NamedTableEntry> = {}): NamedTableEntry {
  return {
    ...exact(0), table: ACL, priority: 10,
    match: mac === null ? [] : [{ field: 'eth_dst', kind: 'ternary', value: BigInt(mac), mask: 0xffff_ffff_ffffn }], ...given,
  }
}
export const insert = (entity: NamedUpdate['entity']): NamedUpdate => ({ op: 'insert', entity })
export const modify = (entity: NamedUpdate['entity']): NamedUpdate => ({ op: 'modify', entity })
export const remove = (entity: NamedUpdate['entity']): NamedUpdate => ({ op: 'delete', entity })
export const multicast = (groupId: number, ...ports: number[]): NamedUpdate['entity'] =>
  ({ kind: 'multicast', groupId, replicas: ports.map((port, i) => ({ port, instance: i + 1 })) })
