/**
 * An OpenFlow client inside the switch: a request of the control socket goes the way of a management client's, without a socket.
 * Its connections have negative numbers, those of the channel positive ones.
 */
import type { Effect, Input } from '../datapath/index.js'
import { encodeMessage, type Message, Version } from '../openflow/index.js'

const REQUEST_XID = 1
const BARRIER_XID = 2

export class LocalClient {
  readonly #feed: (input: Input) => void
  readonly #waiting = new Map<number, { readonly received: Message[]; readonly resolve: (messages: readonly Message[]) => void }>()
  #next = -1

  constructor(feed: (input: Input) => void) { this.#feed = feed }

  /** Everything that was answered before the barrier that follows the request. */
  request(message: Message): Promise<readonly Message[]> {
    const conn = this.#next--
    return new Promise((resolve) => {
      this.#waiting.set(conn, { received: [], resolve })
      this.#feed({ kind: 'connected', conn, version: Version.OF13, connKind: 'service' })
      for (const [xid, each] of [[REQUEST_XID, message], [BARRIER_XID, { type: 'barrier_request' }]] as const) {
        const [raw = new Uint8Array(0)] = encodeMessage(each, Version.OF13, xid)
        this.#feed({ kind: 'message', conn, xid, message: each, raw })
      }
    })
  }

  /** True where the message is for one of ours. */
  receive({ conn, xid, message }: Extract<Effect, { readonly kind: 'send' }>): boolean {
    const waiting = this.#waiting.get(conn)
    if (waiting === undefined) return conn < 0
    if (xid !== BARRIER_XID || message.type !== 'barrier_reply') {
      waiting.received.push(message)
      return true
    }
    this.#waiting.delete(conn)
    this.#feed({ kind: 'disconnected', conn })
    waiting.resolve(waiting.received)
    return true
  }
}
