/**
 * The bounds of a connection, so that no peer can make the switch use memory or time without end.
 *
 *   peer ─▶ socket ─▶ framer ─▶ held input (heldBytes) ─▶ datapath
 *                                                            │
 *   peer ◀─ socket ◀──── output (outputHighBytes …) ◀────────┘
 */
export interface ChannelLimits {
  /**
   * Requests kept while the datapath is busy; beyond it the socket is not read, and TCP stops the peer. Below it echo
   * requests are still seen and answered at once.
   */
  readonly heldBytes: number
  /** A peer with more unread output than this is not read, and its requests wait, until it has read all. */
  readonly outputHighBytes: number
  /** Packet-ins are dropped (and counted) while there is more output than this. */
  readonly packetInBytes: number
  /** Port-status and flow-removed messages are dropped (and counted) while there is more output than this. */
  readonly asyncBytes: number
  /** Replies to requests accepted earlier may go beyond outputHighBytes; the connection is closed at this. */
  readonly outputMaxBytes: number
  /** Passive connections at a time, over all listeners; further ones are closed at once. */
  readonly connections: number
  /** Milliseconds without a yield to other connections while held requests are delivered. */
  readonly sliceMs: number
}

const MiB = 1024 * 1024
export const defaultLimits: ChannelLimits = {
  heldBytes: 16 * MiB,
  outputHighBytes: 1 * MiB,
  packetInBytes: 1 * MiB,
  asyncBytes: 8 * MiB,
  outputMaxBytes: 256 * MiB,
  connections: 128,
  sliceMs: 5,
}
