#!/usr/bin/env node
/**
 * ofswitchctl: looks at a switch and changes it, on machines without Open vSwitch's tools. Exit status: 0 done, 1 refused or failed,
 * 2 a mistake in the command (and, of diff-flows, a difference).
 */
import { join } from 'node:path'
import { parseEndpoint, type Endpoint } from '../base/endpoint.js'
import { messageOf } from '../base/errors.js'
import { askControl, commands, controlSocket, OpenFlowClient, portNumbers } from '../ctl/index.js'
import { FlowTextError } from '../openflow/index.js'
import { productVersion } from '../config/index.js'

const usage = `ofswitchctl: looks at an OpenFlow switch and changes it

usage: ofswitchctl [options] COMMAND [SWITCH] [ARGUMENT]…

SWITCH is a bridge's name (its <rundir>/NAME.mgmt), tcp:HOST:PORT or unix:PATH; br0 where it is left out and no argument is needed.
FLOW, GROUP and METER are in the notation of ovs-ofctl(8).

over OpenFlow
${Object.entries(commands).map(([name, { usage: text }]) => `  ${name} SWITCH${text === '' ? '' : ` ${text}`}`).join('\n')}

over the control socket
  trace SWITCH FLOW [--p4] [-generate|PACKET]
  explain SWITCH FLOW                 whether a flow would be accepted, and if not, why
  ctl COMMAND [ARGUMENT]…             any command of the control socket; ctl list-commands names them

options
  -O, --protocol VERSION              OpenFlow10 … OpenFlow15 (default OpenFlow13)
  --json                              answers as JSON
  --strict                            of mod-flows and del-flows: only the flow itself
  --rundir DIR                        (default $OVS_RUNDIR)
  -t, --target NAME|PATH              the control socket (default ofswitchd)
  --version, --help
`

class Mistake extends Error {}

interface Options { version: number; json: boolean; strict: boolean; rundir: string | null; target: string }

const versions: Readonly<Record<string, number>> = { OpenFlow10: 1, OpenFlow11: 2, OpenFlow12: 3, OpenFlow13: 4, OpenFlow14: 5, OpenFlow15: 6 }

/** Options come before the command; what follows it is the command's. */
function readOptions(args: readonly string[]): { readonly options: Options; readonly words: readonly string[] } {
  const options: Options = { version: 4, json: false, strict: false, rundir: process.env['OVS_RUNDIR'] ?? null, target: 'ofswitchd' }
  let at = 0
  const value = (name: string, inline: string | undefined): string => inline ?? args[++at] ?? mistake(`${name} needs a value`)
  for (; at < args.length && (args[at] ?? '').startsWith('-'); at++) {
    const [, name = args[at] ?? '', inline] = /^(--[a-z-]+)=(.*)$/.exec(args[at] ?? '') ?? /^(-O)(.+)$/.exec(args[at] ?? '') ?? []
    if (name === '-O' || name === '--protocol') {
      const text = value(name, inline)
      options.version = versions[text] ?? mistake(`${text} is no version of OpenFlow`)
    } else if (name === '--json') options.json = true
    else if (name === '--strict') options.strict = true
    else if (name === '--rundir') options.rundir = value(name, inline)
    else if (name === '-t' || name === '--target') options.target = value(name, inline)
    else mistake(`unknown option ${name}`)
  }
  return { options, words: args.slice(at) }
}

const mistake = (text: string): never => { throw new Mistake(text) }
const rundirOf = ({ rundir }: Options): string => rundir ?? mistake('no run directory: give --rundir, or set OVS_RUNDIR')

function endpointOf(name: string, options: Options): Endpoint {
  if (!name.includes(':')) return { transport: 'unix', passive: false, path: name.startsWith('/') ? name : join(rundirOf(options), `${name}.mgmt`) }
  const parsed = parseEndpoint(name)
  return parsed.ok ? parsed.endpoint : mistake(parsed.reason)
}

async function control(options: Options, method: string, params: readonly string[]): Promise<number> {
  const path = options.target.startsWith('/') ? options.target : controlSocket(options.target, rundirOf(options))
  const answer = await askControl(path, method, params)
  if ('error' in answer) {
    process.stderr.write(`ofswitchctl: ${answer.error}`)
    return 1
  }
  process.stdout.write(options.json ? `${JSON.stringify({ result: answer.result })}\n` : answer.result)
  return 0
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.length === 0) {
    process.stdout.write(usage)
    return args.length === 0 ? 2 : 0
  }
  if (args[0] === '--version') {
    process.stdout.write(`ofswitchctl ${productVersion()}\n`)
    return 0
  }
  const { options, words: [name = mistake('a command is missing'), ...rest] } = readOptions(args)
  if (name === 'ctl') return control(options, rest[0] ?? mistake('ctl needs a command'), rest.slice(1))
  if (name === 'trace') return control(options, 'ofproto/trace', rest)
  if (name === 'explain') return control(options, 'ofswitchd/explain', rest)
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) return mistake(`'${name}' is not a command; 'ofswitchctl --help' lists them`)
  const [target = 'br0', ...parameters] = rest
  if (parameters.length < command.min || parameters.length > command.max) return mistake(`${name} SWITCH ${command.usage}`)
  const client = await OpenFlowClient.open(endpointOf(target, options), options.version)
  try {
    const { json, strict } = options
    const ports = await portNumbers(client)
    await command.run({ client, json, strict, ports, print: (text) => process.stdout.write(`${text}\n`) }, parameters)
    return Number(process.exitCode ?? 0)
  } finally {
    client.close()
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`ofswitchctl: ${messageOf(error)}\n`)
  process.exitCode = error instanceof Mistake || error instanceof FlowTextError ? 2 : 1
}
