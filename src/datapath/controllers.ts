/**
 * What controllers are told of one another: that another has become master (role-status), and who is there
 * (controller-status). OF 1.3.5 §6.3, §7.3.9; OF 1.4.1 §7.4.4; OF 1.5.1 §7.3.5.18, §7.4.8. In 1.3 role-status is the ONF's,
 * and sent as Open vSwitch does. What another has done with groups and meters is in request-forward.ts.
 */
import type { Controller, ControllerStatusReason, Message } from '../openflow/index.js'
import { OF13, OF15, receivesControllerStatus, receivesRoleStatus, sendTo } from './connections.js'
import type { Connection } from './connections.js'
import type { Input } from './events.js'
import { fail } from './state.js'
import type { Context, Outcome } from './state.js'

const NO_GENERATION = 0xffff_ffff_ffff_ffffn
const NO_ID = 0

/** Generation ids only count in requests for master and slave. OF 1.3.5 §7.3.9 */
export function handleRole(ctx: Context, conn: Connection, asked: Extract<Message, { type: 'role_request' }>, reply: (message: Message) => Outcome): Outcome {
  const { role, generationId, shortId } = asked
  if ((role === 'master' || role === 'slave') && !ctx.conns.acceptGeneration(generationId)) {
    return fail('OFPRRFC_STALE', `generation ${generationId} is older than ${ctx.conns.generationId}`)
  }
  if (shortId !== NO_ID && [...ctx.conns.all()].some((other) => other !== conn && other.main === null && other.shortId === shortId)) {
    return fail('OFPRRFC_ID_IN_USE', `another controller has the id ${shortId}`)
  }
  if (role !== 'nochange') becomes(ctx, conn, role)
  if (shortId !== NO_ID && conn.shortId !== shortId) {
    conn.shortId = shortId
    announce(ctx, conn, 'short_id')
  }
  return reply({ type: 'role_reply', role: conn.role, generationId: ctx.conns.generationId ?? NO_GENERATION, shortId: conn.shortId })
}

/** A new master makes a slave of the previous one, who is told. */
export function becomes(ctx: Context, conn: Connection, role: Connection['role']): void {
  const before = conn.role
  const demoted = ctx.conns.setRole(conn, role)
  for (const other of demoted) {
    if (other.version >= OF13 && receivesRoleStatus(other)) {
      sendTo(ctx, other.id, 0, { type: 'role_status', role: other.role, reason: 'master_request', generationId: ctx.conns.generationId ?? NO_GENERATION })
    }
    announce(ctx, other, 'role')
  }
  if (conn.role !== before) announce(ctx, conn, 'role')
}

const controllerOf = (conn: Connection, reason: ControllerStatusReason, channel: Controller['channel']): Controller =>
  ({ shortId: conn.shortId, role: conn.role, reason, channel, uri: conn.uri })

/** Management connections are nobody's controllers. */
const isController = (conn: Connection): boolean => conn.connKind === 'controller' && conn.main === null

/** To all that are there, itself included. */
function announce(ctx: Context, conn: Connection, reason: ControllerStatusReason, channel: Controller['channel'] = 'up'): void {
  if (!isController(conn)) return
  for (const other of ctx.conns.all()) {
    if (other.version >= OF15 && receivesControllerStatus(other, reason)) {
      sendTo(ctx, other.id, 0, { type: 'controller_status', controller: controllerOf(conn, reason, channel) })
    }
  }
}

export function opened(ctx: Context, { conn, version, connKind, auxiliary, uri }: Extract<Input, { kind: 'connected' }>): void {
  announce(ctx, ctx.conns.open(conn, version, connKind, auxiliary, uri ?? null), 'channel_status')
}

/** To be called when it is no longer among the connections. */
export const closed = (ctx: Context, conn: Connection): void => announce(ctx, conn, 'channel_status', 'down')

export function controllerStatus(ctx: Context, reply: (controllers: readonly Controller[]) => Outcome): Outcome {
  return reply([...ctx.conns.all()].filter(isController).map((conn) => controllerOf(conn, 'request', 'up')))
}
