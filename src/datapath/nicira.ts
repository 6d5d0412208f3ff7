/**
 * What Open vSwitch's extensions ("Nicira") change of a connection: the form in which flows and packet-ins are told, and
 * where a 1.0 flow-mod has its table. What we do not have is refused as a type that is not known, so that peers fall back.
 */
import { FlowFormat, PacketInFormat, Table } from '../openflow/index.js'
import type { FlowMod, NiciraMessage, NxFlowMod } from '../openflow/index.js'
import type { Connection } from './connections.js'
import { OF10 } from './connections.js'
import { cancelMonitor } from './flow-monitors.js'
import { DONE, fail } from './state.js'
import type { Outcome } from './state.js'

type Setting = Extract<NiciraMessage, { type: `nx_set_${string}` | 'nx_flow_mod_table_id' | 'nx_flow_age' | 'nx_flow_monitor_cancel' }>

export function configureExtensions(conn: Connection, message: Setting): Outcome {
  switch (message.type) {
    case 'nx_set_flow_format':
      if (message.format !== FlowFormat.OPENFLOW10 && message.format !== FlowFormat.NXM) return fail('OFPBRC_EPERM', `no flow format ${message.format}`)
      conn.nicira.flowFormat = message.format
      return DONE
    case 'nx_set_packet_in_format':
      if (message.format > PacketInFormat.NXT2) return fail('OFPBRC_EPERM', `no packet-in format ${message.format}`)
      conn.nicira.packetInFormat = message.format
      return DONE
    case 'nx_flow_mod_table_id':
      conn.nicira.flowModTableId = message.set
      return DONE
    case 'nx_set_controller_id':
      conn.nicira.controllerId = message.controllerId
      return DONE
    case 'nx_flow_monitor_cancel': return cancelMonitor(conn, message.monitorId)
    // Ages are always told.
    case 'nx_flow_age': return DONE
  }
}

/** With NXT_FLOW_MOD_TABLE_ID a flow-mod whose command has nothing in its upper byte is of table 0, a deletion too. */
export function plainFlowMod(conn: Connection, flowMod: FlowMod): FlowMod {
  if (conn.version !== OF10 || flowMod.cookieMask === 0n && !conn.nicira.flowModTableId) return flowMod
  return { ...flowMod, cookieMask: 0n, tableId: conn.nicira.flowModTableId ? 0 : flowMod.tableId }
}

/** null: it names a table, and the connection has not said that it would. */
export function tableOfExtended(conn: Connection, { tableByte, flowMod }: NxFlowMod): FlowMod | null {
  if (!conn.nicira.flowModTableId) return tableByte === 0 ? flowMod : null
  // 0xff leaves it to the switch where an addition goes.
  return { ...flowMod, tableId: tableByte === Table.ALL && flowMod.command === 'add' ? 0 : tableByte }
}

const NICIRA = 0x2320
const ONF = 0x4f4e4600

/** OF 1.3.5 §7.4.4: an experimenter we know nothing of, or one of whom we do not know this. */
export function refuseExperimenter({ experimenter, expType }: { readonly experimenter: number; readonly expType: number }): Outcome {
  const known = experimenter === NICIRA || experimenter === ONF
  return fail(known ? 'OFPBRC_BAD_EXP_TYPE' : 'OFPBRC_BAD_EXPERIMENTER', `nothing of experimenter 0x${experimenter.toString(16)} of type ${expType}`)
}
