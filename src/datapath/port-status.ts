/**
 * Ports: what the platform reports and what OFPT_PORT_MOD sets, and the OFPT_PORT_STATUS that follow.
 * OF 1.3.5 §7.3.4.3, §7.4.3
 *
 * A port-mod is reported to the other connections, and since 1.5 to the one that sent it too; so Open vSwitch.
 */
import type { PortVlans } from '../base/port-vlans.js'
import { PortConfig } from '../openflow/index.js'
import type { PortDesc, PortMod, PortStatus } from '../openflow/index.js'
import { OF10, OF15, receivesPortStatus, sendTo } from './connections.js'
import type { Connection } from './connections.js'
import type { ConnId } from './events.js'
import { samePort } from './port-table.js'
import { DONE, fail, waitFor } from './state.js'
import type { Context, Outcome, Requester } from './state.js'

const SETTABLE = PortConfig.DOWN | PortConfig.NO_RECV | PortConfig.NO_FWD | PortConfig.NO_PACKET_IN
/** Bits that only 1.0 has. OF 1.0 §5.2.1 */
const SETTABLE_10 = SETTABLE | PortConfig.NO_FLOOD | PortConfig.NO_STP

export function handlePortMod(ctx: Context, conn: Connection, portMod: PortMod, requester: Requester): Outcome {
  if (ctx.ports.token !== 0) return waitFor(ctx.ports.token)
  const port = ctx.ports.get(portMod.portNo)?.desc
  if (port === undefined) return fail('OFPPMFC_BAD_PORT', `no port ${portMod.portNo}`)
  if (port.hwAddr !== portMod.hwAddr) return fail('OFPPMFC_BAD_HW_ADDR', 'the hardware address is another')
  if (portMod.properties.length > 0) return fail('OFPBPC_BAD_TYPE', 'the port is not optical')
  const settable = conn.version === OF10 ? SETTABLE_10 : SETTABLE
  if ((portMod.mask & ~settable) !== 0) return fail('OFPPMFC_BAD_CONFIG', `no config bits 0x${(portMod.mask & ~settable).toString(16)}`)
  if (portMod.advertise !== 0 && portMod.advertise !== port.advertised) return fail('OFPPMFC_BAD_ADVERTISE', 'what is advertised cannot be changed')
  const before = port.config
  const config = (before & ~portMod.mask) | (portMod.config & portMod.mask)
  if (config === before) return DONE
  const setConfig = (value: number): void => {
    const current = ctx.ports.get(portMod.portNo)
    if (current !== undefined) ctx.ports.set({ ...current.desc, config: value }, ctx.now)
  }
  const records = ctx.ports.records().map((record) => record.portNo === portMod.portNo ? { ...record, config } : record)
  return ctx.ops.submit(ctx, {
    changes: [{ op: 'set_ports', ports: records }],
    touches: [ctx.ports],
    family: 'port',
    apply: () => {
      setConfig(config)
      ctx.ports.written()
    },
    settled: () => {
      const current = ctx.ports.get(portMod.portNo)
      if (current !== undefined) announce(ctx, 'modify', current.desc, conn.version < OF15 ? conn.id : null)
    },
    undo: () => {
      setConfig(before)
      // The refused list may have held news of other ports.
      ctx.ports.touch()
    },
  }, requester)
}

/** What the platform says of a port; the config bits of a port we know are the controllers'. */
export function portChanged(ctx: Context, port: PortDesc): void {
  const before = ctx.ports.get(port.portNo)?.desc
  const after = ctx.ports.set(before === undefined ? port : { ...port, config: before.config }, ctx.now)
  if (before !== undefined && samePort(before, after)) return
  ctx.ports.touch()
  announce(ctx, before === undefined ? 'add' : 'modify', after, null)
}

/** The flags that a target has kept for a port; who has asked before they were known is told. */
export function portFlagsFound(ctx: Context, portNo: number, config: number): void {
  const port = ctx.ports.get(portNo)
  if (port === undefined || port.desc.config === config) return
  announce(ctx, 'modify', ctx.ports.set({ ...port.desc, config }, ctx.now), null)
}

export function portRemoved(ctx: Context, portNo: number): void {
  const port = ctx.ports.get(portNo)?.desc
  if (port === undefined) return
  ctx.ports.remove(portNo)
  ctx.hosts.forgetPort(ctx, portNo)
  ctx.ports.touch()
  announce(ctx, 'delete', port, null)
}

/** Other VLANs for NORMAL. What has been learned at such a port was learned by its old ones; so Open vSwitch. */
export function portVlansChanged(ctx: Context, vlans: ReadonlyMap<number, PortVlans>): void {
  const changed = ctx.ports.setVlans(vlans)
  if (changed.length === 0) return
  ctx.ports.touch()
  for (const portNo of changed) ctx.hosts.forgetPort(ctx, portNo)
}

function announce(ctx: Context, reason: PortStatus['reason'], port: PortDesc, except: ConnId | null): void {
  for (const conn of ctx.conns.all()) {
    if (conn.id !== except && receivesPortStatus(conn, reason)) sendTo(ctx, conn.id, 0, { type: 'port_status', reason, port })
  }
}
