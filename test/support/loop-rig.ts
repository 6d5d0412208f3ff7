/** The agent's loop over the real compiler and session, with a target that keeps entries and fails when told to; a controller is an array. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SwitchLoop } from '../../src/agent/switch-loop.js'
import { silentLogger, type Logger } from '../../src/base/logger.js'
import type { ChannelSet } from '../../src/channel/index.js'
import { Compiler, readContract } from '../../src/compiler/index.js'
import type { NamedEntity } from '../../src/compiler/ir.js'
import { checkConfig, noSource } from '../../src/config/index.js'
import type { Message, PortDesc } from '../../src/openflow/index.js'
import { P4InfoIndex } from '../../src/p4info/index.js'
import { p4 } from '../../src/p4proto/generated.js'
import { Decoder } from '../../src/p4runtime/decode.js'
import { Session } from '../../src/p4runtime/index.js'
import type { P4RuntimeService } from '../../src/p4runtime/index.js'
import type { FakeP4Runtime } from './fake-p4runtime.js'
import { port } from './datapath-rig.js'
import { targetText, type TargetText } from './target-text.js'

export const loopPorts = [1, 2, 3, 4, 5]
export const portDesc = (portNo: number, state = 0): PortDesc => port(portNo, { state })

export class LoopRig {
  readonly session: Session
  readonly compiler: Compiler
  readonly index: P4InfoIndex
  readonly loop: SwitchLoop
  readonly heard: { readonly xid: number; readonly message: Message }[] = []
  readonly ports: { onChange: ((port: PortDesc) => void) | null }
  #xid = 0

  constructor(connect: () => P4RuntimeService, options: { readonly p4info: string; readonly log?: Logger; readonly electionId?: bigint; readonly ports?: readonly number[]; readonly graceMs?: number }) {
    const { p4info, ports: numbers = loopPorts } = options
    this.session = new Session({
      connect, deviceId: 1, p4info, deviceConfig: new Uint8Array(1), backoffMs: { first: 1, most: 10 }, logger: options.log ?? silentLogger,
      ...(options.electionId === undefined ? {} : { electionId: { high: 0n, low: options.electionId } }),
    })
    this.index = this.session.p4info
    this.compiler = new Compiler({ contract: readContract(this.index), targetPorts: new Map(numbers.map((port) => [port, port])) })
    const ports = { onChange: null, ports: () => numbers.map((port) => portDesc(port)), statistics: () => Promise.resolve(null), stop: () => Promise.resolve() }
    this.ports = ports
    this.loop = new SwitchLoop({
      config: { ...checkConfig(noSource, null, process.cwd()), ports: numbers.map((number) => ({ number, interface: `p${number}`, p4Port: number })) },
      compiler: this.compiler, southbound: this.session, ports, targetPorts: new Map(numbers.map((port) => [port, port])), log: options.log ?? silentLogger, ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
    })
    const channels = {
      send: (_conn: number, message: Message, xid: number) => this.heard.push({ xid, message }) > 0,
      closeConnection: () => {}, pause: () => {}, resume: () => {},
    }
    this.loop.start(channels as unknown as ChannelSet)
    this.loop.channelEvents.onOpen({ id: 1, version: 4, kind: 'service' } as Parameters<SwitchLoop['channelEvents']['onOpen']>[0])
  }

  send(message: Message): number {
    this.#xid += 1
    this.loop.channelEvents.onMessage(1, this.#xid, message, new Uint8Array(8))
    return this.#xid
  }
  /** Resolves with the first answer to a message. */
  async answer(xid: number, timeoutMs = 20_000): Promise<Message> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const found = this.heard.find((one) => one.xid === xid)
      if (found !== undefined) return found.message
      if (Date.now() > deadline) throw new Error(`no answer to ${xid}`)
      await new Promise((resolve) => { setImmediate(resolve) })
    }
  }
  barrier(): Promise<Message> { return this.answer(this.send({ type: 'barrier_request' })) }
  /** The name of the error that answered a request, if one did. */
  errorOf(xid: number): string | null {
    const found = this.heard.find((one) => one.xid === xid && one.message.type === 'error')
    return found?.message.type === 'error' ? found.message.name : null
  }
  async stop(): Promise<void> {
    this.loop.stop()
    await this.session.close()
  }
  text(fake: FakeP4Runtime): TargetText {
    return targetText(contents(fake, this.index), this.compiler.contract)
  }
}

const parts = readFileSync(join(process.cwd(), 'p4/ofswitchd.p4info.txtpb'), 'utf8').split(/^(?=[a-z_]+ \{$)/m)

/** The pipeline's P4Info with fewer flow tables, and with other sizes, by the end of the object's name or by the key of an annotation. */
export function smallP4Info(tables: number, sizes: Readonly<Record<string, number>> = {}): string {
  return parts.flatMap((part) => {
    const name = /^ *name: "(.*)"$/m.exec(part)?.[1] ?? ''
    const table = /\.t(\d+)\./.exec(name)
    if (part.startsWith('tables {') && table !== null && Number(table[1]) >= tables) return []
    const size = Object.entries(sizes).find(([end]) => name.endsWith(end))?.[1]
    const sized = size === undefined ? part : part.replace(/^( *size:) \d+$/m, `$1 ${size}`)
    return [Object.entries(sizes).reduce((text, [key, value]) => text.replace(new RegExp(`(key: "${key}"\\s+value \\{\\s+int64_value:) \\d+`), `$1 ${value}`), sized)]
  }).join('')
}

export const contents = (fake: FakeP4Runtime, index: P4InfoIndex): NamedEntity[] => {
  const entities = [
    ...[...fake.entries.values()].map((tableEntry) => ({ tableEntry })),
    ...[...fake.groups.values()].map((multicastGroupEntry) => ({ packetReplicationEngineEntry: { multicastGroupEntry } })),
    ...[...fake.meters.values()].map((meterEntry) => ({ meterEntry })),
  ]
  const named: NamedEntity[] = []
  new Decoder(index, { entry: () => {}, group: () => {} }).add(p4.v1.ReadResponse.encode({ entities }).finish(), named)
  return named
}
