/**
 * The order of requests on a connection. OF 1.3.5 §6.2, §7.3.8
 *
 *   message ──▶ queue ──head──▶ carried out
 *                 │
 *                 ├─ a barrier waits until nothing of the connection is outstanding: every earlier change is acknowledged
 *                 │  by the target (or its error sent) and every earlier reply sent
 *                 ├─ a request that touches something in flight waits for that commit
 *                 └─ statistics of many flows wait while several of them are under way
 *
 * What is behind a waiting request waits too; so nothing overtakes a barrier, and requests of one connection are carried
 * out in the order in which they came. Echo requests alone are answered at once: they ask whether the connection lives.
 */
import { sendError, sendTo } from './connections.js'
import type { Connection, Pending } from './connections.js'
import type { ConnId } from './events.js'
import { handleRequest } from './requests.js'
import { REPORT_GATE } from './state.js'
import type { Context, Requester } from './state.js'

/** Far more than a channel that heeds backlog() lets in; a connection that exceeds it is closed. */
const MAX_WAITING = 65536

export function receive(ctx: Context, conn: Connection, item: Pending): void {
  if (item.kind === 'message' && item.message.type === 'echo_request') {
    sendTo(ctx, conn.id, item.xid, { type: 'echo_reply', data: item.message.data })
    return
  }
  if (conn.queue.length >= MAX_WAITING) {
    close(ctx, conn.id)
    ctx.emit({ kind: 'close', conn: conn.id, reason: `${MAX_WAITING} requests wait` })
    return
  }
  if (conn.queue.length > 0 || !carryOut(ctx, conn, item)) conn.queue.push(item)
}

/** Goes on with every connection whose head request can be carried out now. */
export function advance(ctx: Context): void {
  for (const conn of ctx.conns.withRequests()) {
    for (let head = conn.queue.peek(); head !== undefined && !isBlocked(ctx, conn); head = conn.queue.peek()) {
      if (!carryOut(ctx, conn, head)) break
      conn.queue.shift()
    }
  }
  ctx.conns.forgetDrained()
}

/** The connection is gone; what it has sent is still carried out. */
export function close(ctx: Context, id: ConnId): void {
  const givenUp = ctx.conns.close(id)
  if (givenUp === null) return
  ctx.emit({ kind: 'log', level: 'warn', text: 'requests of a closed connection are given up', detail: { conn: givenUp.id, requests: givenUp.queue.length } })
}

function isBlocked(ctx: Context, conn: Connection): boolean {
  if (conn.blocked === null) return false
  switch (conn.blocked.on) {
    case 'barrier': return conn.outstanding > 0
    case 'report': return ctx.reports.isFull(conn.id)
    case 'commit': return ctx.ops.isPending(conn.blocked.token)
  }
}

/** False if it has to wait. */
function carryOut(ctx: Context, conn: Connection, item: Pending): boolean {
  conn.blocked = null
  const requester: Requester = { conn: conn.id, xid: item.xid, raw: item.raw }
  if (item.kind === 'refused') {
    sendError(ctx, requester, item.error, ['the codec refused the message'])
    return true
  }
  if (item.message.type === 'barrier_request' && conn.outstanding > 0) {
    conn.blocked = { on: 'barrier' }
    return false
  }
  const outcome = handleRequest(ctx, conn, item.message, requester)
  if (outcome.kind === 'error') sendError(ctx, requester, outcome.error, outcome.reasons)
  if (outcome.kind !== 'wait') return true
  conn.blocked = outcome.token === REPORT_GATE ? { on: 'report' } : { on: 'commit', token: outcome.token }
  return false
}
