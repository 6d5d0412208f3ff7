/** The packet replication engine: multicast groups and clone sessions, as data the switch reads. P4RT 1.4 §9.5. */
export interface Replica { readonly port: number; readonly instance: number }
export interface CloneSession { readonly replicas: readonly Replica[] }

export class ReplicationEngine {
  readonly groups = new Map<number, readonly Replica[]>()
  readonly sessions = new Map<number, CloneSession>()

  clear(): void {
    this.groups.clear()
    this.sessions.clear()
  }
}
