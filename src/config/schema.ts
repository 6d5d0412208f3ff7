/**
 * The schema of a configuration, the one place where its keys are declared: validation, types and the JSON Schema text
 * come from it. Command-line options go through the same schema (see load.ts), so both are equally strict.
 */
import { z } from 'zod'
import { logLevels } from '../base/logger.js'
import { formatEndpoint } from '../base/endpoint.js'
import { bridgeName, controller, datapathId, duration, endpoint, failMode, interfaceName, packets, portVlanKeys, portVlans, protocol, target, wireText } from './fields.js'

/** OFPP_LOCAL of OF 1.3; 1.0's 0xfffe is made from it by the codec. */
export const LOCAL_PORT = 0xfffffffe
/** Below 1.0's reserved ports (OFPP_MAX 0xff00), so that a port has one number in all versions. OF 1.0 §5.2.1 */
export const MAX_PORT_NUMBER = 65279
/** Nine bits, without the drop port 511; 0 cannot be named in P4Runtime. P4RT 1.4 §9.6 */
const MAX_P4_PORT = 510

const port = z.strictObject({
  number: z.union([z.literal('LOCAL'), z.int().min(1).max(MAX_PORT_NUMBER)], { error: `expected a port number from 1 to ${MAX_PORT_NUMBER}, or LOCAL` })
    .describe('OpenFlow port number, or LOCAL'),
  interface: interfaceName.describe('Linux interface of the embedded target; also the name of the port in OpenFlow'),
  p4Port: z.int().min(1).max(MAX_P4_PORT).optional().describe('port number of the P4 target; the OpenFlow number where it is absent'),
  ...portVlanKeys,
  pcap: z.string().min(1).optional().describe('capture file for everything the port receives and sends; embedded target only'),
}).transform((given, context) => {
  const number = given.number === 'LOCAL' ? LOCAL_PORT : given.number
  const p4Port = given.p4Port ?? number
  if (p4Port > MAX_P4_PORT) {
    context.addIssue({ code: 'custom', path: ['number'], message: `${given.number} cannot be a port number of the P4 target too (1 to ${MAX_P4_PORT}); give p4Port` })
    return z.NEVER
  }
  const vlans = portVlans(given)
  if (vlans !== null && !('mode' in vlans)) {
    context.addIssue({ code: 'custom', path: [vlans[0]], message: vlans[1] })
    return z.NEVER
  }
  return { number, interface: given.interface, p4Port, ...(given.pcap === undefined ? {} : { pcap: given.pcap }), ...(vlans === null ? {} : { vlans }) }
})
export type PortChoice = z.output<typeof port>

/** Refuses a list in which two elements have the same `label(element)`. */
const distinct = <T>(what: string, key: string | null, label: (element: T) => string) =>
  (elements: readonly T[], context: z.RefinementCtx<unknown>): void => {
    const first = new Map<string, number>()
    elements.forEach((element, i) => {
      const text = label(element)
      const before = first.get(text)
      if (before === undefined) first.set(text, i)
      else context.addIssue({ code: 'custom', path: key === null ? [i] : [i, key], message: `${what} ${text} is already used by entry ${before + 1}` })
    })
  }
const portLabel = (number: number): string => (number === LOCAL_PORT ? 'LOCAL' : String(number))

/** Two ports with one number have one P4 port too, by default: that is told once, by the number. */
function distinctP4Ports(ports: readonly PortChoice[], context: z.RefinementCtx<unknown>): void {
  ports.forEach((port, i) => {
    const before = ports.findIndex((other) => other.p4Port === port.p4Port)
    if (before < i && !ports.slice(0, i).some((other) => other.number === port.number)) {
      context.addIssue({ code: 'custom', path: [i, 'p4Port'], message: `P4 port ${port.p4Port} is already used by entry ${before + 1}` })
    }
  })
}

/** Refuses ports of two switches that have the same `label(port)`. */
const distinctAcross = (label: (port: PortChoice) => string, key: string, what: string) =>
  (switches: readonly { readonly name: string; readonly ports: readonly PortChoice[] }[], context: z.RefinementCtx<unknown>): void => {
    const owners = new Map<string, number>()
    switches.forEach(({ ports: own }, i) => {
      own.forEach((port, j) => {
        const owner = owners.get(label(port)) ?? i
        owners.set(label(port), owner)
        if (owner !== i) context.addIssue({ code: 'custom', path: [i, 'ports', j, key], message: `${what} ${label(port)} is a port of ${switches[owner]?.name ?? ''} already` })
      })
    })
  }

const path = z.string().min(1)

const ports = z.array(port)
  .superRefine(distinct('port number', 'number', (p) => portLabel(p.number)))
  .superRefine(distinct('interface', 'interface', (p) => p.interface))
  .superRefine(distinctP4Ports)
  .default([]).describe('the ports of the switch')
const controllers = z.array(controller).superRefine(distinct('controller', null, (each) => formatEndpoint(each.endpoint))).default([])
  .describe('controllers: tcp:HOST[:PORT], ssl:HOST[:PORT], unix:PATH; a ptcp:, pssl: or punix: one connects to us and is treated like them; or an object with connection and settings of its own')
const listen = z.array(endpoint('passive')).superRefine(distinct('listener', null, formatEndpoint)).default([])
  .describe('management connections, for ovs-ofctl and the like: ptcp:[PORT][:HOST], pssl:[PORT][:HOST] or punix:PATH')
/** With 16 switches the least of them still has two multicast groups, and as many of everything else as it needs to start. */
const MAX_SHARE = 100
/** One of several switches on the target: what is not given here is that of all of them. */
const instance = z.strictObject({
  name: bridgeName.describe('name of the switch for ovs-ofctl, ovs-appctl and its sockets'),
  datapathId: datapathId.describe('OpenFlow datapath id of this switch'),
  ports, controllers, listen,
  share: z.int().min(1).max(MAX_SHARE).default(1).describe('of the tables and of everything else that the target has room for, in proportion to the shares of the others (1)'),
  failMode: failMode.optional().describe('in place of that for all'),
  macAgeing: duration(1000, 3_600_000).optional().describe('in place of that for all'),
  inactivityProbe: duration(0, 3_600_000).optional().describe('in place of that for all'),
  maxBackoff: duration(10, 3_600_000).optional().describe('in place of that for all'),
  buffers: z.int().min(0).max(65_536).optional().describe('in place of that for all'),
  packetInRate: packets.optional().describe('in place of that for all'),
  packetInBurst: packets.optional().describe('in place of that for all'),
})
export type InstanceValues = z.output<typeof instance>
export const instanceKeys = Object.keys(instance.shape)
/** Keys of a configuration that each of several switches has for itself. */
export const ownKeys = ['datapathId', 'ports', 'controllers', 'listen', 'bridge'] as const

export const configSchema = z.strictObject({
  target: target.prefault('embedded').describe("'embedded', or HOST:PORT of a P4Runtime server"),
  deviceId: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(1).describe('P4Runtime device id'),
  electionId: z.int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe('P4Runtime election id, for one of several agents on a target: the highest speaks, the others stand by; chosen by the agent where it is absent'),
  datapathId: datapathId.prefault('0000000000000001').describe('OpenFlow datapath id: 16 hexadecimal digits, 0x…, or decimal'),
  ports, controllers, listen,
  privateKey: path.optional().describe('private key for ssl: and pssl:, PEM'),
  certificate: path.optional().describe('certificate that belongs to the private key, PEM'),
  caCert: path.optional().describe('certificates of the authorities whose peers are trusted, PEM'),
  bootstrapCaCert: path.optional().describe('in place of caCert: where the file does not exist, the first controller is believed and its authority kept there'),
  instances: z.array(instance).min(1).max(16)
    .superRefine(distinct('name', 'name', (each) => each.name))
    .superRefine(distinct('datapath id', 'datapathId', (each) => each.datapathId.toString(16).padStart(16, '0')))
    .superRefine(distinctAcross((port) => port.interface, 'interface', 'interface'))
    .superRefine(distinctAcross((port) => String(port.p4Port), 'p4Port', 'P4 port'))
    .optional().describe('several switches on one target, in place of datapathId, ports, controllers, listen and bridge: each with its own'),
  bridge: bridgeName.default('br0').describe('name of the switch for ovs-ofctl and ovs-appctl'),
  rundir: z.string().min(1).optional().describe('folder for <bridge>.mgmt, <bridge>.snoop, the control socket and its pidfile; none of them where it is absent'),
  controlName: bridgeName.default('ofswitchd').describe('target name for ovs-appctl -t: <name>.pid and <name>.<process id>.ctl in rundir'),
  protocols: z.array(protocol).min(1).superRefine(distinct('protocol', null, (p) => p)).prefault(['OpenFlow10', 'OpenFlow11', 'OpenFlow12', 'OpenFlow13', 'OpenFlow14', 'OpenFlow15'])
    .describe('OpenFlow versions that are negotiated: OpenFlow10 to OpenFlow15'),
  failMode: failMode.prefault('secure').describe("while no controller is there: 'secure', flows stay as they are; 'standalone', the switch forwards as an ordinary one"),
  macAgeing: duration(1000, 3_600_000).prefault('300s').describe('idle time after which NORMAL forgets where a host is (300s)'),
  inactivityProbe: duration(0, 3_600_000).prefault('5s').describe('idle time after which a controller is probed, and then given up (5s); 0 = never'),
  maxBackoff: duration(10, 3_600_000).prefault('1s').describe('longest pause between attempts to connect to a controller (1s)'),
  buffers: z.int().min(0).max(65_536).default(0).describe('packets that are kept for controllers, which then see their beginning only; 0 = packet-ins are whole'),
  packetInRate: packets.optional().describe('packet-ins a second for each controller, misses and others each; no limit where it is absent'),
  packetInBurst: packets.optional().describe('packet-ins that may come at once, and that may wait, with packetInRate; a quarter of it where it is absent'),
  pipeline: z.strictObject({
    p4info: z.string().min(1).describe('P4Info in protobuf text form'),
    json: z.string().min(1).describe('BMv2 JSON of the program'),
  }).optional().describe('the P4 program, with paths relative to this file; the one that comes with ofswitchd where it is absent'),
  cpuPort: z.int().min(1).max(MAX_P4_PORT).default(510).describe('CPU port of the P4 target'),
  logLevel: z.enum(logLevels).default('info').describe(logLevels.join(', ')),
  description: z.strictObject({
    manufacturer: wireText(256).optional(), hardware: wireText(256).optional(), software: wireText(256).optional(),
    serialNumber: wireText(32).optional(), datapath: wireText(256).optional(),
  }).prefault({}).describe('what OFPMP_DESC answers'),
})
export type ConfigValues = z.output<typeof configSchema>
export const configKeys = Object.keys(configSchema.shape) as readonly (keyof ConfigValues)[]

/** JSON Schema (2020-12) of the configuration file, for editors and for the manual. */
export const configJsonSchema = (): string => `${JSON.stringify({
  title: 'ofswitchd configuration', ...z.toJSONSchema(configSchema, { io: 'input' }),
}, null, 2)}\n`
