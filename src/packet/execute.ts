/**
 * An OpenFlow action list run on a frame by the agent: packet-outs. Pure; groups and reserved ports are handed back to
 * the caller, in list order, each with the frame as it was at that point. OF 1.3.5 §5.11 (apply-actions), §7.3.7.
 */
import { type Action, type OxmName, Port } from '../openflow/model.js'
import { FrameEditor } from './edit.js'
import { ones } from './fields.js'

export interface ExecuteContext {
  /** Ingress port of the packet-out; CONTROLLER if it has none. */
  readonly inPort: number
  readonly tunnelId?: bigint
  readonly metadata?: bigint
}

/** Pipeline fields that set-field may have changed by then. */
interface Step { readonly frame: Uint8Array; readonly queueId: number | null; readonly tunnelId: bigint; readonly metadata: bigint }
export type Execution =
  /** `port` is a real port or a reserved one other than IN_PORT; `maxLen` counts for CONTROLLER only. */
  | ({ readonly kind: 'output'; readonly port: number; readonly maxLen: number } & Step)
  | ({ readonly kind: 'group'; readonly groupId: number } & Step)

export interface ExecuteResult {
  readonly steps: readonly Execution[]
  /** The list stopped at a TTL that had run out; `frame` is what the packet-in INVALID_TTL shows. */
  readonly ended: 'invalid_ttl' | null
  readonly frame: Uint8Array
  readonly tunnelId: bigint
  readonly metadata: bigint
}

export function executeActions(frame: Uint8Array, actions: readonly Action[], context: ExecuteContext): ExecuteResult {
  const editor = new FrameEditor(frame)
  const steps: Execution[] = []
  const pipeline = { tunnel_id: context.tunnelId ?? 0n, metadata: context.metadata ?? 0n }
  let queueId: number | null = null

  const output = (port: number, maxLen: number, queue: number | null): void => {
    const target = resolvePort(port, context.inPort)
    if (target !== null) steps.push({ kind: 'output', port: target, maxLen, ...step(queue) })
  }
  const step = (queue: number | null): Step =>
    ({ frame: editor.snapshot(), queueId: queue, tunnelId: pipeline.tunnel_id, metadata: pipeline.metadata })

  const isPipeline = (field: OxmName): field is keyof typeof pipeline => field === 'tunnel_id' || field === 'metadata'
  /** Nothing is done where one of the fields is not there, as in Open vSwitch. */
  const copyBits = ({ bits, src, srcOffset, dst, dstOffset }: Extract<Action, { type: 'copy_field' }>): void => {
    const from = isPipeline(src) ? pipeline[src] : src === 'in_port' || src === 'in_phy_port' ? BigInt(context.inPort) : editor.readField(src)
    if (from === null) return
    const mask = ones(bits) << BigInt(dstOffset)
    const value = (from >> BigInt(srcOffset) << BigInt(dstOffset)) & mask
    if (isPipeline(dst)) pipeline[dst] = (pipeline[dst] & ~mask) | value
    else editor.setField(dst, value, mask)
  }

  for (const action of actions) {
    switch (action.type) {
      case 'output': output(action.port, action.maxLen, queueId); break
      case 'enqueue': output(action.port, 0, action.queueId); break
      case 'group': steps.push({ kind: 'group', groupId: action.groupId, ...step(queueId) }); break
      case 'set_queue': queueId = action.queueId; break
      case 'set_field':
        if (action.field === 'tunnel_id' || action.field === 'metadata') {
          const mask = action.mask ?? ones(64)
          pipeline[action.field] = (pipeline[action.field] & ~mask) | (action.value & mask)
        } else editor.setField(action.field, action.value, action.mask)
        break
      case 'copy_field': copyBits(action); break
      case 'push_vlan': editor.pushVlan(action.ethertype); break
      case 'pop_vlan': editor.popVlan(); break
      case 'set_vlan_vid': editor.setVlanVid(action.vid); break
      case 'set_vlan_pcp': editor.setVlanPcp(action.pcp); break
      case 'push_mpls': editor.pushMpls(action.ethertype); break
      case 'pop_mpls': editor.popMpls(action.ethertype); break
      case 'push_pbb': editor.pushPbb(action.ethertype); break
      case 'pop_pbb': editor.popPbb(); break
      case 'set_nw_ttl': editor.setNwTtl(action.ttl); break
      case 'set_mpls_ttl': editor.setMplsTtl(action.ttl); break
      case 'copy_ttl_out': editor.copyTtlOut(); break
      case 'copy_ttl_in': editor.copyTtlIn(); break
      case 'dec_nw_ttl':
        if (!editor.decNwTtl()) return { steps, ended: 'invalid_ttl', frame: editor.snapshot(), tunnelId: pipeline.tunnel_id, metadata: pipeline.metadata }
        break
      case 'dec_mpls_ttl':
        if (!editor.decMplsTtl()) return { steps, ended: 'invalid_ttl', frame: editor.snapshot(), tunnelId: pipeline.tunnel_id, metadata: pipeline.metadata }
        break
      case 'note': break
      case 'controller': output(Port.CONTROLLER, action.maxLen, queueId); break
      case 'experimenter':
        throw new Error(`bug: experimenter action 0x${action.experimenter.toString(16)} reached execution; it is to be refused before`)
    }
  }
  return { steps, ended: null, frame: editor.snapshot(), tunnelId: pipeline.tunnel_id, metadata: pipeline.metadata }
}

/** A port that is the ingress port gets nothing unless named IN_PORT; IN_PORT of a packet from nowhere goes nowhere. OF 1.3.5 §4.5, §7.2.5 */
function resolvePort(port: number, inPort: number): number | null {
  if (port === Port.IN_PORT) return inPort <= Port.MAX || inPort === Port.LOCAL ? inPort : null
  // A packet-out's ingress port may be CONTROLLER, and output to CONTROLLER is then still a packet-in.
  return port === inPort && port !== Port.CONTROLLER ? null : port
}
