/** BMv2's simple_switch_grpc without interfaces: packets go in and come out over its gRPC data plane service. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { Client as GrpcClient, credentials } from '@grpc/grpc-js'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import protobuf from 'protobufjs/minimal.js'
import { GrpcService } from '../../../src/p4runtime/index.js'
import { freePort } from '../../support/free-port.js'
import { atExit, onPath } from '../../support/netns-process.js'

const program = 'simple_switch_grpc'
export const whyNoBmv2 = (): string | false => {
  return onPath(program) !== undefined ? false : `${program} is not installed`
}

export interface Output { readonly id: number; readonly port: number; readonly frame: Uint8Array }

/** p4.bm.PacketStreamRequest and -Response: id = 1, device_id = 2, port = 3, packet = 4. */
const encode = ({ id, port, frame }: Output): Buffer =>
  Buffer.from(protobuf.Writer.create().uint32(8).uint64(id).uint32(16).uint64(1).uint32(24).uint32(port).uint32(34).bytes(frame).finish())
const decode = (bytes: Uint8Array): Output => {
  const reader = protobuf.Reader.create(bytes)
  let [id, port, frame] = [0, 0, new Uint8Array(0) as Uint8Array]
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag >>> 3 === 1) id = Number(reader.uint64())
    else if (tag >>> 3 === 3) port = reader.uint32()
    else if (tag >>> 3 === 4) frame = new Uint8Array(reader.bytes())
    else reader.skipType(tag & 7)
  }
  return { id, port, frame }
}

export class Bmv2 {
  outputs: Output[] = []
  readonly address: string
  private readonly child: ChildProcess
  private readonly client: GrpcClient
  private stream: ClientDuplexStream<Output, Output> | null = null
  private ended: string | null = null
  private openedAt = 0
  private readonly waiting = new Set<() => void>()
  log = ''

  private constructor(child: ChildProcess, address: string, dataPlane: string) {
    this.child = child
    const forget = atExit(() => { child.kill('SIGKILL') })
    this.address = address
    const keep = (chunk: Buffer): void => { this.log = (this.log + chunk.toString()).slice(-4000) }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.once('exit', (code, signal) => {
      forget()
      this.ended ??= `${program} has ended (${signal ?? code})\n${this.log}`
      this.changed()
    })
    this.client = new GrpcClient(dataPlane, credentials.createInsecure())
  }

  static async start(): Promise<Bmv2> {
    const [grpc, dataPlane, thrift] = [await freePort(), await freePort(), await freePort()]
    // Ended with its test, also where that has no time left to see to it.
    const [command, ...before] = onPath('setpriv') === undefined ? [program] : ['setpriv', '--pdeathsig', 'KILL', program]
    const child = spawn(command, [...before, '--no-p4', '--device-id', '1', '--thrift-port', String(thrift), '--log-level', 'off', '--',
      '--grpc-server-addr', `127.0.0.1:${grpc}`, '--dp-grpc-server-addr', `127.0.0.1:${dataPlane}`, '--cpu-port', '510', '--priority-queues', '8'], { stdio: ['ignore', 'pipe', 'pipe'] })
    const bmv2 = new Bmv2(child, `127.0.0.1:${grpc}`, `127.0.0.1:${dataPlane}`)
    const deadline = performance.now() + 20_000
    for (;;) {
      const service = new GrpcService(bmv2.address, { timeoutMs: 1000 })
      try {
        await service.capabilities()
        bmv2.open()
        return bmv2
      } catch (error) {
        if (bmv2.ended !== null || performance.now() > deadline) {
          await bmv2.stop()
          throw new Error(bmv2.ended ?? `${program} does not answer\n${bmv2.log}`, { cause: error })
        }
      } finally {
        await service.close()
      }
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  get processId(): number | undefined { return this.child.pid }

  /** The data plane answers "not ready" until the switch has its first program; wait for ready() after that. */
  private open(): void {
    if (this.ended !== null) return
    this.openedAt = performance.now()
    this.stream = this.client.makeBidiStreamRequest('/p4.bm.DataplaneInterface/PacketStream', encode, decode)
    this.stream.on('data', (output: Output) => {
      this.outputs.push(output)
      this.changed()
    })
    this.stream.on('error', () => setTimeout(() => this.open(), 50))
  }

  async ready(): Promise<void> {
    for (const deadline = performance.now() + 10_000; performance.now() - this.openedAt <= 300;) {
      if (this.ended !== null) throw new Error(this.ended)
      if (performance.now() > deadline) throw new Error(`the data plane of ${program} does not answer`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  inject(output: Output): void { this.stream?.write(output) }

  /** Something has happened that a condition of until() may depend on. */
  changed(): void { for (const look of [...this.waiting]) look() }

  /** Looks whenever an output has come, or changed() was called; false: not in time. */
  until(condition: () => boolean, millis: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer)
        this.waiting.delete(look)
      }
      const look = (): void => {
        if (this.ended !== null) {
          stop()
          reject(new Error(this.ended))
        } else if (condition()) {
          stop()
          resolve(true)
        }
      }
      const timer = setTimeout(() => {
        this.waiting.delete(look)
        resolve(false)
      }, millis)
      this.waiting.add(look)
      look()
    })
  }

  async stop(): Promise<void> {
    const isOver = this.ended !== null
    this.ended ??= 'stopped'
    this.stream?.cancel()
    this.client.close()
    if (isOver) return
    const exited = new Promise(resolve => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await exited
  }
}
