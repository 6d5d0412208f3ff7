/**
 * The control socket that `ovs-appctl` talks to: JSON-RPC 1.0 over a unix socket, one command a request (ovs-appctl(8)).
 *
 *   {"id":0,"method":"fdb/show","params":["br0"]}  →  {"id":0,"result":"…","error":null}
 *                                                     {"id":0,"result":null,"error":"no such bridge\n"}
 *
 * Requests of one connection are answered in their order; a command may take its time without holding up other connections.
 */
import type { Socket } from 'node:net'
import { messageOf } from '../base/errors.js'
import type { Logger } from '../base/logger.js'
import { listen, type Listener } from '../channel/index.js'
import { JsonStream } from './json-stream.js'

/** An answer that says what is wrong with a command; ovs-appctl prints it and exits with status 2. */
export class CommandError extends Error {}

export interface Command {
  readonly name: string
  /** What list-commands shows after the name. */
  readonly usage: string
  readonly min: number
  readonly max: number
  readonly run: (args: readonly string[]) => string | Promise<string>
}

/** For answers that are under way when the server ends. */
const LINGER_MS = 200

interface Request { readonly method: string; readonly params: readonly string[]; readonly id: unknown }

export class UnixctlServer {
  readonly #commands = new Map<string, Command>()
  /** With what is still to be answered on each. */
  readonly #sockets = new Map<Socket, Promise<void>>()
  readonly #log: Logger
  #listener: Listener | null = null

  constructor(commands: readonly Command[], log: Logger) {
    this.#log = log
    const listing: Command = { name: 'list-commands', usage: '', min: 0, max: 0, run: () => this.#listing() }
    for (const command of [...commands, listing]) this.#commands.set(command.name, command)
  }

  /** Rejects with SwitchError where the socket cannot be had. */
  async start(path: string): Promise<void> {
    this.#listener = await listen({ transport: 'unix', passive: true, path }, (socket) => this.#onSocket(socket),
      (reason) => this.#log.warn({ reason }, 'a control connection was lost'))
    this.#log.debug({ path }, 'listening for control connections')
  }

  /** Answers that come within a moment are still sent. */
  async close(): Promise<void> {
    const closed = this.#listener?.close()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, LINGER_MS) })
    await Promise.race([Promise.all(this.#sockets.values()), late])
    clearTimeout(timer)
    for (const socket of this.#sockets.keys()) socket.destroySoon()
    await closed
  }

  /** The result of a command, or the text of its error. */
  async execute(method: string, params: readonly string[]): Promise<{ readonly result: string } | { readonly error: string }> {
    const command = this.#commands.get(method)
    if (command === undefined) return { error: `"${method}" is not a valid command (use "list-commands" to see a list of valid commands)` }
    if (params.length < command.min) return { error: `"${method}" command requires at least ${command.min} arguments` }
    if (params.length > command.max) return { error: `"${method}" command takes at most ${command.max} arguments` }
    try {
      return { result: await command.run(params) }
    } catch (error) {
      if (error instanceof CommandError) return { error: error.message }
      this.#log.error({ method, reason: messageOf(error), stack: error instanceof Error ? error.stack : undefined }, 'bug: exception in a command')
      return { error: messageOf(error) }
    }
  }

  #listing(): string {
    const lines = [...this.#commands.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, usage }) => `  ${name.padEnd(23)} ${usage}`)
    return ['The available commands are:', ...lines].join('\n')
  }

  #onSocket(socket: Socket): void {
    const stream = new JsonStream()
    this.#sockets.set(socket, Promise.resolve())
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', () => {})
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      const texts = stream.push(chunk)
      const requests = texts?.map(readRequest)
      if (requests === undefined || requests.includes(null)) {
        this.#log.debug('a control connection sent something else than requests')
        socket.destroy()
        return
      }
      for (const request of requests) {
        const before = this.#sockets.get(socket) ?? Promise.resolve()
        if (request !== null) this.#sockets.set(socket, before.then(() => this.#answer(socket, request)))
      }
    })
  }

  async #answer(socket: Socket, { id, method, params }: Request): Promise<void> {
    const answer = await this.execute(method, params)
    const text = (given: string): string => (given === '' || given.endsWith('\n') ? given : `${given}\n`)
    const body = 'error' in answer ? { id, result: null, error: text(answer.error) } : { id, result: text(answer.result), error: null }
    if (!socket.destroyed) socket.write(JSON.stringify(body))
  }
}

function readRequest(text: string): Request | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || !('method' in value) || !('params' in value) || !('id' in value)) return null
  const { method, params, id } = value
  if (typeof method !== 'string' || !Array.isArray(params) || !params.every((param) => typeof param === 'string')) return null
  return { method, params, id }
}
