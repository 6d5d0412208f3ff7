/** What the program has learned from packets: digests by name and field. P4RT 1.4 §9.9 */
import { fromBytes } from '../p4info/index.js'
import type { DigestInfo, P4InfoIndex } from '../p4info/index.js'
import { p4 } from '../p4proto/generated.js'

export interface Learned { readonly digest: string; readonly records: readonly Readonly<Record<string, bigint>>[] }

/** A host is told soon, and a burst of hosts in few messages. */
const CONFIG = { maxTimeoutNs: 10_000_000, maxListSize: 64, ackTimeoutNs: 1_000_000_000 } as const

export class Digests {
  readonly #byId: ReadonlyMap<number, DigestInfo>

  constructor(index: P4InfoIndex) {
    this.#byId = new Map([...index.digests.values()].map((digest) => [digest.id, digest]))
  }

  /** Entries that make the target send the program's digests; `exists` where it has been told before. */
  configuration(exists: boolean): p4.v1.IUpdate[] {
    const type = exists ? p4.v1.Update.Type.MODIFY : p4.v1.Update.Type.INSERT
    return [...this.#byId.keys()].map((digestId) => ({ type, entity: { digestEntry: { digestId, config: CONFIG } } }))
  }

  decode(list: p4.v1.IDigestList): Learned | null {
    const info = this.#byId.get(list.digestId ?? 0)
    const { fields } = info ?? { fields: null }
    if (info === undefined || fields === null) return null
    const records = (list.data ?? []).map((datum) => {
      const members = datum.struct?.members ?? []
      return Object.fromEntries(fields.map(({ name }, at) => [name, fromBytes(members[at]?.bitstring ?? new Uint8Array(0))]))
    })
    return { digest: info.name, records }
  }
}
