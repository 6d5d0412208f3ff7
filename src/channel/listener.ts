/**
 * Listens on a passive endpoint. A unix socket that nobody serves any more is replaced, one that is served is not; the
 * file belongs to our user alone and goes away with us.
 */
import { lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { formatEndpoint } from '../base/endpoint.js'
import type { Endpoint } from '../base/endpoint.js'
import { SwitchError, messageOf, systemCode } from '../base/errors.js'

export interface Listener {
  /** With the real port where 0 was asked for. */
  readonly endpoint: Endpoint
  close(): Promise<void>
}

/** Rejects with SwitchError where the address cannot be had. */
export async function listen(endpoint: Endpoint, onSocket: (socket: Socket) => void, onError: (reason: string) => void): Promise<Listener> {
  const name = formatEndpoint(endpoint)
  if (endpoint.transport === 'unix') await removeStale(endpoint.path, name)
  const server = createServer(onSocket)
  try {
    await bind(server, endpoint)
  } catch (error) {
    const reason = systemCode(error) === 'EADDRINUSE' ? 'the address is already in use' : messageOf(error)
    throw new SwitchError('channel.listen', `cannot listen on ${name}: ${reason}`, { cause: error })
  }
  // Out of file descriptors, for example: this client is lost, the listener is not.
  server.on('error', (error) => onError(messageOf(error)))
  const address = server.address()
  return {
    endpoint: endpoint.transport !== 'unix' && endpoint.passive && typeof address === 'object' && address !== null
      ? { ...endpoint, port: address.port }
      : endpoint,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function bind(server: Server, endpoint: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const listening = (): void => {
      server.removeListener('error', reject)
      resolve()
    }
    if (endpoint.transport !== 'unix') {
      server.listen(endpoint.host === null || !endpoint.passive ? { port: endpoint.port } : { port: endpoint.port, host: endpoint.host }, listening)
      return
    }
    // The file is made before listen() returns; whoever may connect to it may change the switch.
    const mask = process.umask(0o077)
    try {
      server.listen({ path: endpoint.path }, listening)
    } finally {
      process.umask(mask)
    }
  })
}

async function removeStale(path: string, name: string): Promise<void> {
  let isSocket: boolean
  try {
    isSocket = lstatSync(path).isSocket()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    throw new SwitchError('channel.listen', `cannot listen on ${name}: ${messageOf(error)}`, { cause: error })
  }
  if (!isSocket) throw new SwitchError('channel.listen', `cannot listen on ${name}: the file is there and is no socket`)
  if (await isServed(path)) throw new SwitchError('channel.listen', `cannot listen on ${name}: another process serves it`)
  try {
    unlinkSync(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw new SwitchError('channel.listen', `cannot replace ${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** Only a refusal proves that nobody is there: with a full backlog the answer is EAGAIN. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error) => resolve(systemCode(error) !== 'ECONNREFUSED' && systemCode(error) !== 'ENOENT'))
  })
}
