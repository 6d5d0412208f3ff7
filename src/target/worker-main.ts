/**
 * The target's thread: the embedded target, the port driver and the timer. Started by spawnTarget(). Packets are worked on
 * here and nowhere else, so that no load of packets delays the agent.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { messageOf, SwitchError } from '../base/errors.js'
import type { LogFields, Logger } from '../base/logger.js'
import { MessageWriter, readMessages } from '../p4proto/delimited.js'
import { p4 } from '../p4proto/generated.js'
import { RpcError } from '../p4proto/service.js'
import type { P4RuntimeStream } from '../p4proto/service.js'
import { EmbeddedTarget } from './embedded-target.js'
import { createPortDriver } from './ports/index.js'
import type { PortDriver } from './ports/port-driver.js'
import { codes } from './service/refuse.js'
import { own } from './worker-messages.js'
import type { Failure, FromWorker, Question, ToWorker, WorkerSettings } from './worker-messages.js'

const tickMs = 250
/** Of a table whose counters are read: about a millisecond of packets waiting. */
const entriesInATurn = 8192

const port = parentPort
if (port === null) throw new Error('worker-main.js runs in a worker thread only')
const settings = workerData as WorkerSettings

const post = (message: FromWorker, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(message, transfer)

const loggerWith = (fixed: LogFields): Logger => {
  const method = (level: Extract<FromWorker, { kind: 'log' }>['level']) => (first: string | LogFields, second?: string): void => {
    if (typeof first === 'string') post({ kind: 'log', level, fields: fixed, message: first })
    else post({ kind: 'log', level, fields: { ...fixed, ...first }, message: second ?? '' })
  }
  return {
    trace: method('trace'), debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error'), fatal: method('fatal'),
    child: fields => loggerWith({ ...fixed, ...fields }),
  }
}

const toFailure = (error: unknown): Failure =>
  error instanceof RpcError ? { code: error.code, message: error.message, updateStatuses: error.updateStatuses }
    : { code: codes.internal, message: messageOf(error), updateStatuses: [] }

/** Packets that the other thread has not dealt with yet; beyond that they are dropped, as a full queue would. */
const maxOutstanding = 4096

/** Collects what one turn produces and hands it over in one message. */
class Batch<T> {
  dropped = 0
  private items: T[] = []
  private outstanding = 0
  private readonly hand: (items: T[]) => void
  constructor(hand: (items: T[]) => void) { this.hand = hand }

  add(item: T, mayBeDropped: boolean): void {
    if (mayBeDropped && this.outstanding >= maxOutstanding) {
      this.dropped++
      return
    }
    this.outstanding++
    this.items.push(item)
    if (this.items.length > 1) return
    setImmediate(() => {
      const { items } = this
      this.items = []
      this.hand(items)
    })
  }

  taken(count: number): void { this.outstanding -= count }
}

type Frame = { readonly port: number; readonly frame: Uint8Array<ArrayBuffer> }
const relayed = new Batch<Frame>(frames => post({ kind: 'frames', frames }, frames.map(item => item.frame.buffer)))
/** Ports that the other thread has: frames go there and come from there. */
const relayDriver: PortDriver = {
  start: () => Promise.resolve(),
  send: (to, frame) => relayed.add({ port: to, frame: own(frame) }, true),
  counters: () => null,
  links: () => new Map(),
  stop: () => Promise.resolve(),
}

const start = async (): Promise<void> => {
  const driver = settings.ports === null ? relayDriver : await createPortDriver(settings.ports, { log: loggerWith({}) })
  const target = new EmbeddedTarget({
    deviceId: settings.deviceId, cpuPort: settings.cpuPort, now: () => performance.now(),
    transmit: (to, frame) => driver.send(to, frame), defer: work => { setImmediate(work) },
  })
  const streams = new Map<number, { readonly stream: P4RuntimeStream; readonly messages: Batch<p4.v1.IStreamMessageResponse> }>()
  let droppedBefore = 0
  const timer = setInterval(() => target.tick(), tickMs)

  /** Null: the answer says no more than that it worked. */
  const call = async ({ method, bytes }: Extract<ToWorker, { kind: 'call' }>): Promise<Uint8Array | null> => {
    switch (method) {
      case 'write':
        await target.write(p4.v1.WriteRequest.decode(bytes))
        return null
      // One message after another is one that has the entities of all.
      case 'read': return Buffer.concat(await target.readEncoded(p4.v1.ReadRequest.decode(bytes)))
      case 'setForwardingPipelineConfig':
        await target.setForwardingPipelineConfig(p4.v1.SetForwardingPipelineConfigRequest.decode(bytes))
        return null
      case 'getForwardingPipelineConfig': {
        const response = await target.getForwardingPipelineConfig(p4.v1.GetForwardingPipelineConfigRequest.decode(bytes))
        return p4.v1.GetForwardingPipelineConfigResponse.encode(response).finish()
      }
    }
  }

  const ask = async (question: Question): Promise<unknown> => {
    switch (question.what) {
      case 'links': return driver.links()
      case 'counters': return driver.counters(question.port)
      case 'setInterfaces':
        if (driver.setInterfaces === undefined) throw new Error('these ports cannot change')
        driver.setInterfaces(question.interfaces)
        return null
      case 'entryCounters': {
        const reading = target.entryCounters(question.tableId)
        if (reading === null) return null
        while (reading.advance(entriesInATurn)) await new Promise<void>(resolve => setImmediate(resolve))
        return reading.words()
      }
      case 'statistics': {
        const statistics = target.statistics()
        const dropped = [...streams.values()].reduce((sum, { messages }) => sum + messages.dropped, droppedBefore)
        return { ...statistics, packetsInDropped: statistics.packetsInDropped + dropped }
      }
      case 'trace': return target.trace(question.port, question.frame, question.packetOut)
      case 'stop': {
        clearInterval(timer)
        await driver.stop()
        await target.close()
        return null
      }
    }
  }

  const open = (id: number): void => {
    const encoder = new MessageWriter<p4.v1.IStreamMessageResponse>(p4.v1.StreamMessageResponse)
    const messages = new Batch<p4.v1.IStreamMessageResponse>(list => {
      for (const message of list) encoder.add(message)
      const bytes = own(encoder.take())
      post({ kind: 'messages', stream: id, bytes }, [bytes.buffer])
    })
    const stream = target.streamChannel({
      onMessage: message => messages.add(message, Boolean(message.packet)),
      onEnd: error => {
        droppedBefore += messages.dropped
        streams.delete(id)
        // Behind the batch that is still to be handed over.
        setImmediate(() => post({ kind: 'ended', stream: id, failure: error === null ? null : toFailure(error) }))
      },
    })
    streams.set(id, { stream, messages })
  }

  port.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'call':
        call(message).then(
          bytes => {
            const value = bytes === null ? null : own(bytes)
            post({ kind: 'answer', id: message.id, value }, value === null ? [] : [value.buffer])
          },
          (error: unknown) => post({ kind: 'failure', id: message.id, failure: toFailure(error) }))
        break
      case 'ask':
        ask(message.question).then(
          value => {
            post({ kind: 'answer', id: message.id, value }, value instanceof Uint32Array && value.buffer instanceof ArrayBuffer ? [value.buffer] : [])
            if (message.question.what === 'stop') port.close()
          },
          (error: unknown) => post({ kind: 'failure', id: message.id, failure: toFailure(error) }))
        break
      case 'open': open(message.stream); break
      case 'send': readMessages(p4.v1.StreamMessageRequest, message.bytes, each => streams.get(message.stream)?.stream.send(each)); break
      case 'end': streams.get(message.stream)?.stream.end(); break
      case 'taken': (message.stream === null ? relayed : streams.get(message.stream)?.messages)?.taken(message.count); break
      case 'frames': for (const { port: from, frame } of message.frames) target.receive(from, frame)
    }
  })
  await driver.start((from, frame) => target.receive(from, frame))
  post({ kind: 'ready' })
}

start().catch((error: unknown) => {
  post({ kind: 'notReady', code: error instanceof SwitchError ? error.code : 'target.start', message: messageOf(error) })
  port.close()
})
