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
  /** Long replies are made as far as this; less than packetInBytes, so that they hold up no packet-in. */
  readonly roomBytes: number
  /** Packet-ins wait while there is more output than this. */
  readonly packetInBytes: number
  /** Packet-ins that wait, misses and others each; beyond it the port with the most of them loses (counted). */
  readonly packetInQueue: number
  readonly packetInQueueBytes: number
  /** Port-status and flow-removed messages are dropped (and counted) while there is more output than this. */
  readonly asyncBytes: number
  /** Replies to requests accepted earlier may go beyond outputHighBytes; the connection is closed at this. */
  readonly outputMaxBytes: number
  /** Output over all connections; beyond it the one with the most is closed. */
  readonly allOutputBytes: number
  /** Passive connections at a time, over all listeners; further ones are closed at once. */
  readonly connections: number
  /** Milliseconds without a yield to other connections while held requests are delivered. */
  readonly sliceMs: number
  /** Milliseconds for which a peer that sends without a pause is read before its requests are delivered for a slice. */
  readonly readAheadMs: number
}

const MiB = 1024 * 1024
export const defaultLimits: ChannelLimits = {
  heldBytes: 16 * MiB,
  outputHighBytes: 1 * MiB,
  roomBytes: 128 * 1024,
  packetInBytes: 256 * 1024,
  packetInQueue: 1024,
  packetInQueueBytes: 1 * MiB,
  asyncBytes: 8 * MiB,
  outputMaxBytes: 256 * MiB,
  allOutputBytes: 512 * MiB,
  connections: 128,
  sliceMs: 3,
  readAheadMs: 8,
}
