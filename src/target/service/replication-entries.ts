/** Multicast groups and clone sessions. P4RT 1.4 §9.5; the limits are BMv2's. */
import { fromBytes, toCanonicalBytes } from '../../p4info/index.js'
import { p4 } from '../../p4proto/generated.js'
import type { Replica, ReplicationEngine } from '../replication.js'
import { refuse } from './refuse.js'

const { Type } = p4.v1.Update
/** BMv2 keeps group ids from 32768 on for clone sessions; its port maps hold 512 ports; 0 is no port here. */
const maxGroupId = 32767
const maxPort = 511
const maxInstance = 0xffff
const maxGroups = 4096

const decodeReplicas = (list: readonly p4.v1.IReplica[], what: string): Replica[] => {
  const seen = new Set<string>()
  return list.map(entry => {
    const written = entry.port && entry.port.length > 0 ? fromBytes(entry.port) : BigInt(entry.egressPort ?? 0)
    if (written < 1n || written > BigInt(maxPort)) refuse('invalidArgument', `${what}: port ${written} is not in 1…${maxPort}`)
    const port = Number(written)
    const instance = entry.instance ?? 0
    if (instance < 0 || instance > maxInstance) refuse('invalidArgument', `${what}: instance ${instance} is not in 0…${maxInstance}`)
    if ((entry.backupReplicas ?? []).length > 0) refuse('unimplemented', `${what}: backup replicas are not supported`)
    if (seen.has(`${port}/${instance}`)) refuse('invalidArgument', `${what}: port ${port} with instance ${instance} is given twice`)
    seen.add(`${port}/${instance}`)
    return { port, instance }
  })
}
const encodeReplicas = (replicas: readonly Replica[]): p4.v1.IReplica[] =>
  replicas.map(({ port, instance }) => ({ port: toCanonicalBytes(BigInt(port)), instance }))

export class ReplicationEntries {
  private readonly engine: ReplicationEngine
  private readonly metadata = new Map<number, Uint8Array>()
  constructor(engine: ReplicationEngine) { this.engine = engine }

  write(type: p4.v1.Update.Type, entry: p4.v1.IPacketReplicationEngineEntry): void {
    if (entry.multicastGroupEntry) this.writeGroup(type, entry.multicastGroupEntry)
    else if (entry.cloneSessionEntry) this.writeSession(type, entry.cloneSessionEntry)
    else refuse('invalidArgument', 'a packet replication engine entry is a multicast group or a clone session')
  }

  private writeGroup(type: p4.v1.Update.Type, entry: p4.v1.IMulticastGroupEntry): void {
    const { groups } = this.engine
    const id = entry.multicastGroupId ?? 0
    const what = `multicast group ${id}`
    if (id === 0) refuse('invalidArgument', 'multicast group ids start at 1')
    if (id > maxGroupId) refuse('outOfRange', `${what} is not in 1…${maxGroupId}`)
    if (this.isGone(type, groups.has(id), what)) {
      groups.delete(id)
      this.metadata.delete(id)
      return
    }
    const replicas = decodeReplicas(entry.replicas ?? [], what)
    if (!groups.has(id) && groups.size >= maxGroups) refuse('resourceExhausted', `there are ${maxGroups} multicast groups already`)
    groups.set(id, replicas)
    if (entry.metadata && entry.metadata.length > 0) this.metadata.set(id, entry.metadata.slice())
    else this.metadata.delete(id)
  }

  private writeSession(type: p4.v1.Update.Type, entry: p4.v1.ICloneSessionEntry): void {
    const { sessions } = this.engine
    const id = entry.sessionId ?? 0
    const what = `clone session ${id}`
    if (id < 1 || id > maxGroupId) refuse('invalidArgument', `${what} is not in 1…${maxGroupId}`)
    if (this.isGone(type, sessions.has(id), what)) {
      sessions.delete(id)
      return
    }
    if ((entry.classOfService ?? 0) !== 0) refuse('unimplemented', `${what}: classes of service are not supported`)
    if ((entry.packetLengthBytes ?? 0) !== 0) refuse('unimplemented', `${what}: truncation is not supported, a program can do it`)
    sessions.set(id, { replicas: decodeReplicas(entry.replicas ?? [], what) })
  }

  /** Checks existence; true for an accepted DELETE. */
  private isGone(type: p4.v1.Update.Type, exists: boolean, what: string): boolean {
    if (type === Type.INSERT && exists) refuse('alreadyExists', `${what} exists already`)
    if (type !== Type.INSERT && !exists) refuse('notFound', `there is no ${what}`)
    return type === Type.DELETE
  }

  read(query: p4.v1.IPacketReplicationEngineEntry): p4.v1.IEntity[] {
    const { groups, sessions } = this.engine
    if (query.cloneSessionEntry) {
      const wanted = query.cloneSessionEntry.sessionId ?? 0
      return [...sessions].filter(([id]) => wanted === 0 || id === wanted).map(([id, session]) =>
        ({ packetReplicationEngineEntry: { cloneSessionEntry: { sessionId: id, replicas: encodeReplicas(session.replicas) } } }))
    }
    const wanted = query.multicastGroupEntry?.multicastGroupId ?? 0
    return [...groups].filter(([id]) => wanted === 0 || id === wanted).map(([id, replicas]) => {
      const metadata = this.metadata.get(id)
      const multicastGroupEntry = { multicastGroupId: id, replicas: encodeReplicas(replicas), ...(metadata === undefined ? {} : { metadata }) }
      return { packetReplicationEngineEntry: { multicastGroupEntry } }
    })
  }

  clear(): void {
    this.engine.clear()
    this.metadata.clear()
  }
}
