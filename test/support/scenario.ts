/**
 * Scenario files: what happens to a datapath, line by line, and indented below each line what it does about it.
 *
 *   ready fresh | lost | ready kept     the target             at 5000           the time in ms, from 0
 *   done [N …]                          commits are carried out, counters read as 0 (all that are open, or these)
 *   reject N target.full                a commit is not        idle 1 2          flows found idle
 *   connect 1 1.3 [service] | disconnect 1                     port 2 down|up|gone
 *   packet_in port=1 flow=2 reason=action
 *   1: flow_mod add table=0 priority=5 match=in_port=1 actions=output:2,group:3 cookie=1 hard=5 idle=5 flags=1
 *   1: group_mod add id=1 type=ff buckets=watch:1>output:1|watch:2>output:2
 *   1: barrier | echo | desc | flows | features | role master 5 | set_config 128 | packet_out actions=output:1
 *
 * Logs are left out; tokens and xids count from 1.
 */
import { CounterColumns } from '../../src/base/counter-columns.js'
import { Group, NO_BUFFER, Port, Table } from '../../src/openflow/index.js'
import type { Action, Bucket, FlowModCommand, GroupMod, GroupType, Match, Message, OxmName } from '../../src/openflow/index.js'
import { Datapath } from '../../src/datapath/index.js'
import type { Change, Effect, Input, TargetFailure, Token } from '../../src/datapath/index.js'
import { FakePipeline } from './fake-pipeline.js'
import type { FakePlan } from './fake-pipeline.js'
import { VERSION, apply, bucket, flowMod, groupMod, match, port } from './datapath-rig.js'

/** The scenario again, with what really happened. */
export function replay(text: string): string {
  const player = new Player()
  const lines: string[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('  ')) continue
    lines.push(line)
    if (line.trim() === '' || line.startsWith('#')) continue
    for (const effect of player.play(line)) {
      const shown = show(effect)
      if (shown !== null) lines.push(`  ${shown}`)
    }
  }
  return lines.join('\n')
}

class Player {
  readonly #datapath = new Datapath({
    datapathId: 1n, ports: [port(1), port(2), port(3)],
    description: { mfrDesc: '', hwDesc: '', swDesc: '', serialNum: '', dpDesc: '' },
  }, new FakePipeline(), 0)
  #now = 0
  #xid = 0
  readonly #open: Token[] = []
  readonly #reads = new Set<Token>()

  play(line: string): Effect[] {
    const effects = this.#inputs(line).flatMap((input) => this.#datapath.step(input, this.#now))
    for (const effect of effects) {
      if (effect.kind === 'read_flow_counters') this.#reads.add(effect.token)
      if (effect.kind === 'read_flow_counters' || effect.kind === 'commit') this.#open.push(effect.token)
    }
    return effects
  }

  #inputs(line: string): Input[] {
    const request = /^(\d+): (.*)$/.exec(line)
    if (request !== null) {
      const xid = ++this.#xid
      return [{ kind: 'message', conn: Number(request[1]), xid, message: messageOf(request[2] ?? ''), raw: new Uint8Array(8) }]
    }
    const [verb, ...words] = line.split(' ')
    const [first = '', second = '', third = ''] = words
    switch (verb) {
      case 'at':
        this.#now = Number(first)
        return [{ kind: 'tick' }]
      case 'ready': return [{ kind: 'target_ready', fresh: first === 'fresh' }]
      case 'lost':
        this.#open.length = 0
        return [{ kind: 'target_lost' }]
      case 'connect': return [{ kind: 'connected', conn: Number(first), version: VERSION[second as keyof typeof VERSION], connKind: third === 'service' ? 'service' : 'controller' }]
      case 'disconnect': return [{ kind: 'disconnected', conn: Number(first) }]
      case 'done': return this.#take(words).map((token) => this.#reads.has(token)
        ? { kind: 'counters', token, answer: { what: 'flows', flows: CounterColumns.of([]) } }
        : { kind: 'committed', token })
      case 'reject': return this.#take([first]).map((token) => ({
        kind: 'rejected', token, failures: [{ subject: 'other', kind: second as TargetFailure['kind'], message: 'said the target' }],
      }))
      case 'idle': return [{ kind: 'idle', flowIds: words.map(Number) }]
      case 'port': return [second === 'gone' ? { kind: 'port_removed', portNo: Number(first) } : { kind: 'port_changed', port: port(Number(first), { state: second === 'down' ? 1 : 0 }) }]
      case 'packet_in': {
        const given = pairs(words)
        return [{
          kind: 'packet_in', inPort: Number(given['port'] ?? 1), reason: (given['reason'] ?? 'action') as 'action', tableId: 0,
          flowId: Number(given['flow'] ?? 0), metadata: 0n, tunnelId: 0n, maxLen: 0xffff, data: new Uint8Array(60),
        }]
      }
      default: throw new Error(`no such event: ${line}`)
    }
  }

  #take(words: readonly string[]): Token[] {
    if (words.length === 0) return this.#open.splice(0)
    return words.map((word) => {
      const index = this.#open.indexOf(Number(word))
      if (index < 0) throw new Error(`commit ${word} is not open`)
      return this.#open.splice(index, 1)[0]!
    })
  }
}

const pairs = (words: readonly string[]): Partial<Record<string, string>> =>
  Object.fromEntries(words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]))

function messageOf(text: string): Message {
  const [kind, ...words] = text.split(' ')
  const given = pairs(words)
  switch (kind) {
    case 'barrier': return { type: 'barrier_request' }
    case 'echo': return { type: 'echo_request', data: new Uint8Array() }
    case 'desc': return { type: 'stats_request', more: false, body: { kind: 'desc' } }
    case 'features': return { type: 'features_request' }
    case 'flows': return { type: 'stats_request', more: false, body: { kind: 'flow', tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] } }
    case 'role': return { type: 'role_request', role: words[0] as 'master', generationId: BigInt(words[1] ?? 0), shortId: 0 }
    case 'set_config': return { type: 'set_config', flags: 0, missSendLen: Number(words[0]) }
    case 'packet_out': return { type: 'packet_out', bufferId: NO_BUFFER, inPort: Port.CONTROLLER, match: [], actions: actionsOf(given['actions']), data: new Uint8Array(60) }
    case 'flow_mod': return flowMod({
      command: words[0] as FlowModCommand, tableId: Number(given['table'] ?? 0), priority: Number(given['priority'] ?? 0), match: matchOf(given['match']),
      cookie: BigInt(given['cookie'] ?? 0), hardTimeout: Number(given['hard'] ?? 0), idleTimeout: Number(given['idle'] ?? 0), flags: Number(given['flags'] ?? 0),
      instructions: apply(...actionsOf(given['actions'])),
    })
    case 'group_mod': return groupMod({
      command: words[0] as GroupMod['command'], groupId: given['id'] === 'all' ? Group.ALL : Number(given['id']), groupType: (given['type'] ?? 'all') as GroupType,
      buckets: (given['buckets'] ?? '').split('|').filter((each) => each !== '').map(bucketOf),
    })
    default: throw new Error(`no such request: ${text}`)
  }
}

const matchOf = (text = ''): Match => match(Object.fromEntries(text.split(',').filter((each) => each !== '').map((each) => {
  const [field = '', value = '', mask] = each.split(/[=/]/)
  return [field as OxmName, mask === undefined ? BigInt(value) : [BigInt(value), BigInt(mask)] as const]
})))

const actionsOf = (text = ''): Action[] => text.split(',').filter((each) => each !== '').map((each) => {
  const [type, argument = '0'] = each.split(':')
  if (type === 'output') return { type, port: argument === 'controller' ? Port.CONTROLLER : Number(argument), maxLen: 0xffff }
  if (type === 'group') return { type, groupId: Number(argument) }
  if (type === 'pop_vlan') return { type }
  throw new Error(`no such action: ${each}`)
})

function bucketOf(text: string): Bucket {
  const [watch, actions = ''] = text.includes('>') ? text.split('>') : ['', text]
  return bucket({ actions: actionsOf(actions), ...(watch === '' ? {} : { watchPort: Number(watch?.split(':')[1]) }) })
}

function show(effect: Effect): string | null {
  switch (effect.kind) {
    case 'log': return null
    case 'send': return `send ${effect.conn} xid=${effect.xid} ${showMessage(effect.message)}`
    case 'commit': return `commit ${effect.token}${effect.again ? ' again' : ''} ${(effect.plan as FakePlan).changes.map(showChange).join(', ')}`
    case 'packet_out': return `packet_out ${showActions(effect.packetOut.actions)}`
    case 'close': return `close ${effect.conn} ${effect.reason}`
    case 'resynchronise': return `resynchronise ${effect.reason}`
    default: return `${effect.kind} ${effect.token}`
  }
}

function showChange(change: Change): string {
  switch (change.op) {
    case 'add_flow': case 'delete_flow': case 'modify_flow': {
      const { id, tableId, priority, match: fields, instructions } = change.flow
      const extra = change.op === 'modify_flow' && change.resetCounters ? ' reset' : ''
      return `${change.op}#${id}(table=${tableId} priority=${priority} ${showMatch(fields)} actions=${showActions(instructions.apply ?? [])}${extra})`
    }
    case 'set_ports': return `set_ports(${change.ports.map(({ portNo, linkUp }) => `${portNo} ${linkUp ? 'up' : 'down'}`).join(' ')})`
    case 'set_first_egress': return `set_first_egress(${change.table ?? 'none'})`
    case 'set_miss': return `set_miss(${change.toController ? 'controller' : 'drop'})`
    case 'set_host': case 'delete_host': return `${change.op}(${change.host.vlan}/${change.host.address} at ${change.host.portNo})`
    case 'add_meter': case 'modify_meter': case 'delete_meter': return `${change.op}(${change.meter.meterId})`
    case 'together': case 'note_tables': return change.op
    default: return `${change.op}(${change.group.groupId} ${change.group.groupType})`
  }
}

const showMatch = (fields: Match): string =>
  fields.length === 0 ? '*' : fields.map(({ field, value, mask }) => `${field}=${value}${mask === null ? '' : `/${mask}`}`).join(',')
const showActions = (actions: readonly Action[]): string => actions.map((action) =>
  action.type === 'output' ? `output:${action.port === Port.CONTROLLER ? 'controller' : action.port}` : action.type === 'group' ? `group:${action.groupId}` : action.type).join(',')

function showMessage(message: Message): string {
  switch (message.type) {
    case 'error': return `error ${message.name}`
    case 'flow_removed': return `flow_removed ${message.reason} cookie=${message.cookie} after=${message.durationSec}.${String(message.durationNsec).padStart(9, '0')}`
    case 'packet_in': return `packet_in ${message.reason} ${showMatch(message.match)} cookie=0x${message.cookie.toString(16)}`
    case 'port_status': return `port_status ${message.reason} ${message.port.portNo} state=${message.port.state}`
    case 'role_reply': return `role_reply ${message.role} ${message.generationId}`
    case 'stats_reply': return `stats_reply ${message.body.kind}${message.body.kind === 'flow' ? ` ${message.body.flows.map((flow) => `cookie=${flow.cookie}`).join(' ')}` : ''}`
    default: return message.type
  }
}
