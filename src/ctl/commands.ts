/** The commands of ofswitchctl: those of ovs-ofctl over OpenFlow, those of ovs-appctl over the control socket. */
import { readFileSync, writeFileSync } from 'node:fs'
import { FlowTextError, formatMessage, readFlowMod, readGroup, readMatch, readMeter, type PortNumbers } from '../openflow/index.js'
import type { Message, PortDesc, StatsReplyBody, StatsRequestBody } from '../openflow/model.js'
import { BundleFlag, Group, NO_BUFFER, Port, Queue, Table } from '../openflow/model.js'
import { diffFlows, formatSaved, readSaved, replacement, savedOf, type SavedFlow } from './flow-files.js'
import { describe, toJson } from './describe.js'
import { nameOfError, type OpenFlowClient } from './openflow-client.js'

/** Something the user is told, without a stack; exit status 1. */
export class CommandFailure extends Error {}

export interface Context {
  readonly client: OpenFlowClient
  readonly json: boolean
  readonly print: (text: string) => void
  readonly ports: PortNumbers
  readonly strict: boolean
}
export interface CtlCommand { readonly usage: string; readonly min: number; readonly max: number; readonly run: (context: Context, args: readonly string[]) => Promise<void> }

const command = (usage: string, min: number, max: number, run: CtlCommand['run']): CtlCommand => ({ usage, min, max, run })
/** Answers a statistics request. */
const dump = (usage: string, max: number, body: (args: readonly string[], context: Context) => StatsRequestBody): CtlCommand =>
  command(usage, 0, max, async (context, args) => print(context, await statistics(context.client, body(args, context))))
const flows = (kind: 'flow' | 'aggregate') => ([text = '']: readonly string[], { ports }: Context): StatsRequestBody => {
  const { match, table, cookie, cookieMask } = readMatch(text, ports)
  return { kind, tableId: table ?? Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie, cookieMask, match }
}
const change = (usage: string, min: number, message: (text: string, context: Context) => Message): CtlCommand =>
  command(usage, min, 1, async (context, [text = '']) => send(context.client, [message(text, context)]))

export const commands: Readonly<Record<string, CtlCommand>> = {
  'show': command('', 0, 0, async (context) => {
    const [features] = await ask(context.client, { type: 'features_request' })
    const ports = await statistics(context.client, { kind: 'port_desc', portNo: Port.ANY })
    if (features?.type !== 'features_reply') throw new CommandFailure('the switch did not tell its features')
    if (context.json) return context.print(toJson({ features, ports: ports.flatMap((body) => (body.kind === 'port_desc' ? body.ports : [])) }))
    context.print(`dpid:${features.datapathId.toString(16).padStart(16, '0')} n_tables:${features.nTables} n_buffers:${features.nBuffers}`)
    print(context, ports)
  }),
  'dump-desc': dump('', 0, () => ({ kind: 'desc' })),
  'dump-flows': dump('[FLOW]', 1, flows('flow')),
  'dump-aggregate': dump('[FLOW]', 1, flows('aggregate')),
  'dump-tables': dump('', 0, () => ({ kind: 'table' })),
  'dump-ports': dump('[PORT]', 1, ([port], { ports }) => ({ kind: 'port', portNo: port === undefined ? Port.ANY : portOf(port, ports) })),
  'dump-ports-desc': dump('', 0, () => ({ kind: 'port_desc', portNo: Port.ANY })),
  'dump-groups': dump('', 0, () => ({ kind: 'group_desc', groupId: Group.ALL })),
  'dump-group-stats': dump('', 0, () => ({ kind: 'group', groupId: Group.ALL })),
  'dump-meters': dump('', 0, () => ({ kind: 'meter_config', meterId: 0xffffffff })),
  'meter-stats': dump('', 0, () => ({ kind: 'meter', meterId: 0xffffffff })),
  'queue-stats': dump('', 0, () => ({ kind: 'queue', portNo: Port.ANY, queueId: Queue.ALL })),
  'add-flow': change('FLOW', 1, (text, { ports }) => readFlowMod('add', text, ports)),
  'mod-flows': change('FLOW', 1, (text, { ports, strict }) => readFlowMod(strict ? 'modify_strict' : 'modify', text, ports)),
  'del-flows': change('[FLOW]', 0, (text, { ports, strict }) => readFlowMod(strict ? 'delete_strict' : 'delete', text, ports)),
  'add-flows': command('FILE', 1, 1, async ({ client, ports }, [file = '']) =>
    send(client, readSaved(readText(file), ports).map((flow) => ({ type: 'flow_mod', command: 'add', ...rest, ...flow })))),
  'add-group': change('GROUP', 1, (text, { ports }) => readGroup('add', text, ports)),
  'mod-group': change('GROUP', 1, (text, { ports }) => readGroup('modify', text, ports)),
  'del-groups': change('[GROUP]', 0, (text, { ports }) => readGroup('delete', text, ports)),
  'add-meter': change('METER', 1, (text) => readMeter('add', text)),
  'mod-meter': change('METER', 1, (text) => readMeter('modify', text)),
  'del-meters': change('[METER]', 0, (text) => readMeter('delete', text)),
  'save-flows': command('[FILE]', 0, 1, async (context, [file]) => {
    const text = (await savedFlows(context.client)).map((flow) => formatSaved(flow)).sort().map((line) => `${line}\n`).join('')
    if (file === undefined) context.print(text.trimEnd())
    else writeFileSync(file, text)
  }),
  'diff-flows': command('FILE [FILE]', 1, 2, async ({ client, ports, print: say }, [old = '', next]) => {
    const lines = diffFlows(readSaved(readText(old), ports), next === undefined ? await savedFlows(client) : readSaved(readText(next), ports))
    for (const line of lines) say(line)
    if (lines.length > 0) process.exitCode = 2
  }),
  'replace-flows': command('FILE', 1, 1, async ({ client, ports }, [file = '']) =>
    sendBundle(client, replacement(await savedFlows(client), readSaved(readText(file), ports), rest))),
  'monitor': command('', 0, 0, async ({ client, json, print: say }) => {
    // A management connection gets packet-ins, port-status and flow-removed once it says how much of a packet it wants. OF 1.3.5 §7.3.2
    await ask(client, { type: 'set_config', flags: 0, missSendLen: 0xffff })
    await client.watch((message) => say(json ? toJson(message) : formatMessage(message)))
  }),
}

/** What a flow-mod says besides the flow. */
const rest = { cookieMask: 0n, bufferId: NO_BUFFER, outPort: Port.ANY, outGroup: Group.ANY } as const

function portOf(text: string, ports: PortNumbers): number {
  const port = /^\d+$/.test(text) ? Number(text) : ports(text)
  if (port === null) throw new FlowTextError(`${text}: invalid or unknown port`)
  return port
}

const readText = (file: string): string => readFileSync(file === '-' ? 0 : file, 'utf8')

function print({ json, print: say }: Context, bodies: readonly StatsReplyBody[]): void {
  if (json) say(toJson(bodies.length === 1 ? bodies[0] : bodies))
  else for (const body of bodies) for (const line of describe(body)) say(line)
}

/** The names of the switch's ports. */
export async function portNumbers(client: OpenFlowClient): Promise<PortNumbers> {
  const bodies = await statistics(client, { kind: 'port_desc', portNo: Port.ANY })
  const ports: readonly PortDesc[] = bodies.flatMap((body) => (body.kind === 'port_desc' ? body.ports : []))
  return (name) => ports.find((port) => port.name === name)?.portNo ?? null
}

async function savedFlows(client: OpenFlowClient): Promise<readonly SavedFlow[]> {
  const bodies = await statistics(client, { kind: 'flow', tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, cookie: 0n, cookieMask: 0n, match: [] })
  return bodies.flatMap((body) => (body.kind === 'flow' ? body.flows.map(savedOf) : []))
}

async function statistics(client: OpenFlowClient, body: StatsRequestBody): Promise<readonly StatsReplyBody[]> {
  const replies = await ask(client, { type: 'stats_request', more: false, body })
  return replies.flatMap((reply) => (reply.type === 'stats_reply' ? [reply.body] : []))
}

/** Throws CommandFailure with the name of an error: the first, but that a bundle has failed says less than which message did. */
async function ask(client: OpenFlowClient, ...messages: readonly Message[]): Promise<readonly Message[]> {
  const replies = await client.requests(messages)
  const errors = replies.flatMap((reply) => (reply.type === 'peer_error' ? [reply] : []))
  const error = errors.find(({ errorType }) => errorType !== BUNDLE_FAILED && errorType !== EXPERIMENTER) ?? errors[0]
  if (error !== undefined) throw new CommandFailure(nameOfError(error, client.version))
  return replies
}
/** OFPET_BUNDLE_FAILED of 1.4, OFPET_EXPERIMENTER of its extension to 1.3. */
const BUNDLE_FAILED = 17
const EXPERIMENTER = 0xffff

async function send(client: OpenFlowClient, messages: readonly Message[]): Promise<void> {
  await ask(client, ...messages)
}

/** All of them or none, where the switch has bundles (since 1.4, and as an extension of 1.3). OF 1.4.1 §6.9 */
async function sendBundle(client: OpenFlowClient, messages: readonly Message[]): Promise<void> {
  const flags = BundleFlag.ATOMIC | BundleFlag.ORDERED
  const bundleId = 1
  const control = (what: 'open_request' | 'commit_request'): Message => ({ type: 'bundle_control', bundleId, control: what, flags, time: null })
  if (messages.length === 0) return
  await ask(client, control('open_request'), ...messages.map((message): Message => ({ type: 'bundle_add', bundleId, flags, message })), control('commit_request'))
}
