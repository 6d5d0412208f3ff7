/** OFPT_REQUESTFORWARD: what one controller changed of groups and meters is told to the others that asked. OF 1.4.1 §7.4.6 */
import type { GroupMod, MeterMod } from '../openflow/index.js'
import { receivesRequest, sendTo } from './connections.js'
import type { Context, Requester } from './state.js'

export function forwardRequest(ctx: Context, request: GroupMod | MeterMod, requester: Requester): void {
  for (const conn of ctx.conns.all()) {
    if (conn.id === requester.conn || !receivesRequest(conn, request.type)) continue
    sendTo(ctx, conn.id, 0, { type: 'requestforward', xid: requester.xid, request })
  }
}
