/**
 * Where OpenFlow connections go to or come from, in Open vSwitch's notation (ovsdb(7), "Connection Methods"):
 *
 *   tcp:HOST[:PORT]   ssl:HOST[:PORT]   unix:PATH              we connect
 *   ptcp:[PORT][:HOST]   pssl:[PORT][:HOST]   punix:PATH       we listen
 *
 * The port is 6653 where none is given; IPv6 addresses stand in brackets.
 */

export const DEFAULT_OPENFLOW_PORT = 6653

/** 'ssl' is TLS over TCP. */
export type InternetTransport = 'tcp' | 'ssl'

export type Endpoint =
  | { readonly transport: InternetTransport; readonly passive: false; readonly host: string; readonly port: number }
  /** `host` is the address to bind; null = every address. Port 0 = any free one. */
  | { readonly transport: InternetTransport; readonly passive: true; readonly host: string | null; readonly port: number }
  | { readonly transport: 'unix'; readonly passive: boolean; readonly path: string }

export type EndpointResult = { readonly ok: true; readonly endpoint: Endpoint } | { readonly ok: false; readonly reason: string }

const forms = 'tcp:HOST[:PORT], ssl:HOST[:PORT], ptcp:[PORT][:HOST], pssl:[PORT][:HOST], unix:PATH or punix:PATH'
const refuse = (reason: string): EndpointResult => ({ ok: false, reason })
const accept = (endpoint: Endpoint): EndpointResult => ({ ok: true, endpoint })

export function parseEndpoint(text: string): EndpointResult {
  const colon = text.indexOf(':')
  const scheme = colon < 0 ? text : text.slice(0, colon)
  const rest = colon < 0 ? '' : text.slice(colon + 1)
  switch (scheme) {
    case 'tcp':
    case 'ssl': return parseActive(text, scheme, rest)
    case 'ptcp':
    case 'pssl': return parsePassive(text, scheme === 'ptcp' ? 'tcp' : 'ssl', rest)
    case 'unix':
    case 'punix': return parseUnix(text, rest, scheme === 'punix')
    default: return refuse(`'${text}' is not a connection; expected ${forms}`)
  }
}

/** The text that parses to the same endpoint. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.transport === 'unix') return `${endpoint.passive ? 'punix' : 'unix'}:${endpoint.path}`
  const { transport, port } = endpoint
  if (!endpoint.passive) return `${transport}:${bracket(endpoint.host)}:${port}`
  return endpoint.host === null ? `p${transport}:${port}` : `p${transport}:${port}:${bracket(endpoint.host)}`
}

/** HOST:PORT, with IPv6 in brackets; P4Runtime targets are named so. `leastPort` is 0 for an address to listen on. */
export function parseHostPort(text: string, leastPort = 1): { readonly host: string; readonly port: number } | null {
  const split = splitHostPort(text)
  if (split === null || split.port === null) return null
  const port = parsePort(split.port, leastPort)
  return port === null ? null : { host: split.host, port }
}

export const formatHostPort = ({ host, port }: { readonly host: string; readonly port: number }): string => `${bracket(host)}:${port}`

function parseActive(text: string, transport: InternetTransport, rest: string): EndpointResult {
  const split = splitHostPort(rest)
  if (split === null) return refuse(`'${text}': expected ${transport}:HOST[:PORT], with an IPv6 address in brackets (${transport}:[::1]:6653)`)
  if (split.port === null) return accept({ transport, passive: false, host: split.host, port: DEFAULT_OPENFLOW_PORT })
  const port = parsePort(split.port, 1)
  if (port === null) return refuse(`'${text}': '${split.port}' is not a port number (1 to 65535)`)
  return accept({ transport, passive: false, host: split.host, port })
}

function parsePassive(text: string, transport: InternetTransport, rest: string): EndpointResult {
  const colon = rest.indexOf(':')
  const portText = colon < 0 ? rest : rest.slice(0, colon)
  const hostText = colon < 0 ? '' : rest.slice(colon + 1)
  const port = portText === '' ? DEFAULT_OPENFLOW_PORT : parsePort(portText, 0)
  if (port === null) return refuse(`'${text}': '${portText}' is not a port number (0 to 65535); expected p${transport}:[PORT][:HOST]`)
  if (hostText === '') return accept({ transport, passive: true, host: null, port })
  const split = splitHostPort(hostText)
  if (split === null || split.port !== null) {
    return refuse(`'${text}': '${hostText}' is not an address; expected p${transport}:[PORT][:HOST], with an IPv6 address in brackets`)
  }
  return accept({ transport, passive: true, host: split.host, port })
}

/** sun_path of Linux, with its closing zero. */
const MAX_UNIX_PATH_BYTES = 107

function parseUnix(text: string, path: string, passive: boolean): EndpointResult {
  if (path === '') return refuse(`'${text}': a path is missing; expected ${passive ? 'punix' : 'unix'}:PATH`)
  if (path.includes('\0')) return refuse(`'${text}': a path cannot contain a zero byte`)
  if (new TextEncoder().encode(path).length > MAX_UNIX_PATH_BYTES) {
    return refuse(`'${text}': the path of a socket cannot have more than ${MAX_UNIX_PATH_BYTES} bytes`)
  }
  return accept({ transport: 'unix', passive, path })
}

/** `port` is null where the text has none. Null for an empty host, unbalanced brackets, or IPv6 outside brackets. */
function splitHostPort(text: string): { host: string; port: string | null } | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[^\]\s]+)?)\]|([^:[\]\s/]+))(?::(.*))?$/s.exec(text)
  const host = match?.[1] ?? match?.[2]
  if (match === null || host === undefined) return null
  if (match[1] !== undefined && !match[1].includes(':')) return null
  return { host, port: match[3] ?? null }
}

function parsePort(text: string, least: number): number | null {
  if (!/^[0-9]{1,5}$/.test(text)) return null
  const port = Number(text)
  return port >= least && port <= 65535 ? port : null
}

const bracket = (host: string): string => (host.includes(':') ? `[${host}]` : host)
