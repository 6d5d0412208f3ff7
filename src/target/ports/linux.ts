/**
 * Ports on Linux network interfaces.
 *
 *   idle: epoll_wait in koffi's thread ──wakes──▶ turn: one batch (≤ 32 frames) from each ready socket
 *     ▲                                             │ ready sockets left: setImmediate, so that timers, messages
 *     └──────────────── none left ──────────────────┘ and sends of others get their turn in between
 *
 * Receiving and sending are synchronous system calls on non-blocking sockets (a call through koffi costs 0.2 µs, one in a
 * thread 27 µs); only waiting is not. What a sender left to hardware is finished first (offload.ts), and the outer VLAN tag
 * that the kernel takes off is put back.
 *
 * An interface that goes away takes its link down, and comes back when an interface of that name does. It is watched
 * ten times a second.
 */
import type { Logger } from '../../base/logger.js'
import { SwitchError, messageOf } from '../../base/errors.js'
import { put16 } from '../../packet/bytes.js'
import { PortTally } from './counters.js'
import {
  EPOLL_DATA_AT, EPOLL_EVENT_SIZE, Epoll, Errno, Iff, Ioctl, type Libc, Sock, errnoName, loadLibc,
} from './libc.js'
import { type Offload, completeChecksum, isSegmented, readOffload, segment } from './offload.js'
import { PacketSocket } from './packet-socket.js'
import type { PortCounters, PortDriver } from './port-driver.js'
import { ReceiveArena, BATCH, type ReceivedFrame } from './receive-arena.js'
import type { LinuxPortsSpec } from './spec.js'

const WATCH_INTERVAL_MS = 100
/** A thread that waits is not held longer than this by a worker that was terminated. */
const WAIT_MS = 500
const MAX_EVENTS = 64

interface Port { readonly port: number; readonly name: string; readonly tally: PortTally; socket: PacketSocket | null; up: boolean; toldUncut: boolean }

/** Rejects with a SwitchError that names the interface: 'target.portsInterface', '…Permission', '…Socket', '…Koffi'. */
export async function openLinuxPorts(spec: LinuxPortsSpec, log: Logger): Promise<PortDriver> {
  return new LinuxPortDriver(await loadLibc(), spec, log)
}

class LinuxPortDriver implements PortDriver {
  readonly #libc: Libc
  readonly #log: Logger
  readonly #ports = new Map<number, Port>()
  readonly #byFd = new Map<number, Port>()
  readonly #arena: ReceiveArena
  readonly #epoll: number
  readonly #wake: number
  readonly #control: number
  readonly #events = new Uint8Array(MAX_EVENTS * EPOLL_EVENT_SIZE)
  readonly #eventView = new DataView(this.#events.buffer)
  #onFrame: ((port: number, frame: Uint8Array) => void) | null = null
  #watch: NodeJS.Timeout | null = null
  #waiting = false
  #closed = false
  #stopped: (() => void) | null = null

  constructor(libc: Libc, spec: LinuxPortsSpec, log: Logger) {
    this.#libc = libc
    this.#log = log
    this.#arena = new ReceiveArena(libc)
    this.#epoll = libc.epollCreate(Sock.CLOEXEC)
    this.#wake = libc.eventfd(0, Sock.NONBLOCK | Sock.CLOEXEC)
    this.#control = libc.socket(Sock.AF_INET, Sock.DGRAM | Sock.CLOEXEC, 0)
    try {
      if (this.#epoll < 0 || this.#wake < 0 || this.#control < 0) throw new SwitchError('target.portsSocket', `epoll: ${errnoName(libc.errno())}`)
      this.#poll(this.#wake, Epoll.CTL_ADD)
      for (const each of spec.interfaces) this.#ports.set(each.port, this.#open(each))
    } catch (error) {
      this.#closeAll()
      throw error
    }
  }

  async start(onFrame: (port: number, frame: Uint8Array) => void): Promise<void> {
    this.#onFrame = onFrame
    this.#watch = setInterval(() => this.#watchInterfaces(), WATCH_INTERVAL_MS)
    this.#turn()
  }

  send(port: number, frame: Uint8Array): void {
    const entry = this.#ports.get(port)
    if (entry === undefined) return
    const outcome = entry.socket === null || !entry.up ? 'dropped' : entry.socket.send(frame)
    if (outcome === 'sent') entry.tally.sent(frame.length)
    else entry.tally.txDropped++
    if (outcome === 'down') this.#setLink(entry, false)
  }

  counters(port: number): PortCounters | null {
    const entry = this.#ports.get(port)
    if (entry === undefined) return null
    if (entry.socket !== null) entry.tally.rxDropped += entry.socket.takeDrops()
    return entry.tally.toCounters()
  }

  links(): ReadonlyMap<number, boolean> { return new Map([...this.#ports.values()].map(({ port, up }) => [port, up])) }

  setInterfaces(interfaces: LinuxPortsSpec['interfaces']): void {
    const coming = interfaces.filter(({ port, name }) => this.#ports.get(port)?.name !== name)
    const leaving = [...this.#ports.values()].filter(({ port, name }) => !interfaces.some((wanted) => wanted.port === port && wanted.name === name))
    const opened: Port[] = []
    try {
      for (const each of coming) opened.push(this.#open(each))
    } catch (error) {
      for (const entry of opened) this.#detach(entry)
      throw error
    }
    for (const entry of leaving) {
      this.#detach(entry)
      this.#ports.delete(entry.port)
    }
    for (const entry of opened) this.#ports.set(entry.port, entry)
  }

  async stop(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#watch !== null) clearInterval(this.#watch)
    this.#watch = null
    this.#onFrame = null
    if (this.#waiting) {
      const stopped = new Promise<void>((resolve) => { this.#stopped = resolve })
      this.#libc.write(this.#wake, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), 8)
      await stopped
    }
    this.#closeAll()
  }

  // ---- receiving ----

  /** Serves what is ready now, then comes back at once, or waits if nothing was. */
  #turn(): void {
    if (this.#onFrame === null) return
    const count = this.#libc.epollWait(this.#epoll, this.#events, MAX_EVENTS, 0)
    if (count <= 0) {
      this.#wait()
      return
    }
    for (let i = 0; i < count; i++) {
      const entry = this.#byFd.get(this.#eventView.getUint32(i * EPOLL_EVENT_SIZE + EPOLL_DATA_AT, true))
      if (entry?.socket) this.#receive(entry, entry.socket.receiveFd)
    }
    setImmediate(() => this.#turn())
  }

  #wait(): void {
    this.#waiting = true
    this.#libc.epollWaitAsync(this.#epoll, this.#events, MAX_EVENTS, WAIT_MS, () => {
      this.#waiting = false
      this.#stopped?.()
      this.#turn()
    })
  }

  #receive(entry: Port, fd: number): void {
    const count = this.#arena.receive(fd)
    // ENETDOWN and the like are told once and leave the socket usable; the watch finds out what has become of the interface.
    for (let i = 0; i < count && i < BATCH; i++) {
      const received = this.#arena.read(i)
      if (received.outgoing) continue
      if (received.truncated || received.frameSize < 14) entry.tally.rxDropped++
      else this.#deliver(entry, received)
    }
  }

  #deliver(entry: Port, received: ReceivedFrame): void {
    const { bytes } = this.#arena
    const offload = readOffload(bytes, received.headerAt)
    const raw = bytes.subarray(received.frameAt, received.frameAt + received.frameSize)
    if (isSegmented(offload)) {
      this.#deliverSegments(entry, raw, offload, received.tci, received.tpid)
      return
    }
    if (!completeChecksum(raw, offload)) entry.tally.rxDropped++
    else this.#pass(entry, received.tci < 0 ? raw.slice() : withTag(raw, received.tpid, received.tci))
  }

  #deliverSegments(entry: Port, raw: Uint8Array, offload: Offload, tci: number, tpid: number): void {
    const pieces = segment(raw, offload)
    if (pieces === null) {
      entry.tally.rxDropped++
      if (!entry.toldUncut) {
        this.#log.warn({ port: entry.port, interface: entry.name, gsoType: offload.gsoType, bytes: raw.length },
          'dropping segments that only hardware can cut; switch off segmentation offload of tunnels at the sender (ethtool -K)')
      }
      entry.toldUncut = true
      return
    }
    for (const piece of pieces) this.#pass(entry, tci < 0 ? piece : withTag(piece, tpid, tci))
  }

  #pass(entry: Port, frame: Uint8Array): void {
    entry.tally.received(frame.length)
    this.#onFrame?.(entry.port, frame)
  }

  // ---- interfaces coming and going ----

  #watchInterfaces(): void {
    for (const entry of this.#ports.values()) {
      const ifindex = this.#ifindex(entry.name)
      if (entry.socket !== null && entry.socket.ifindex !== ifindex) {
        this.#log.warn({ port: entry.port, interface: entry.name }, 'network interface has gone')
        this.#detach(entry)
      }
      if (entry.socket === null && ifindex !== null) {
        try {
          this.#attach(entry, ifindex)
          this.#log.info({ port: entry.port, interface: entry.name }, 'network interface has come back')
        } catch (error) {
          // It may have gone again meanwhile; the next round looks anew.
          this.#log.debug({ port: entry.port, interface: entry.name, reason: messageOf(error) }, 'cannot open the interface')
        }
      }
      this.#setLink(entry, entry.socket !== null && this.#isUp(entry.name))
    }
  }

  #setLink(entry: Port, up: boolean): void {
    if (entry.up === up) return
    entry.up = up
    this.#log.info({ port: entry.port, interface: entry.name, up }, up ? 'link is up' : 'link is down')
  }

  #open({ port, name }: LinuxPortsSpec['interfaces'][number]): Port {
    const entry: Port = { port, name, tally: new PortTally(), socket: null, up: false, toldUncut: false }
    const ifindex = this.#ifindex(name)
    if (ifindex === null) throw new SwitchError('target.portsInterface', `port ${port}: there is no network interface '${name}'`)
    this.#attach(entry, ifindex)
    entry.up = this.#isUp(name)
    return entry
  }

  #attach(entry: Port, ifindex: number): void {
    entry.socket = PacketSocket.open(this.#libc, entry.name, ifindex)
    this.#byFd.set(entry.socket.receiveFd, entry)
    this.#poll(entry.socket.receiveFd, Epoll.CTL_ADD)
  }

  #detach(entry: Port): void {
    if (entry.socket === null) return
    entry.tally.rxDropped += entry.socket.takeDrops()
    this.#byFd.delete(entry.socket.receiveFd)
    this.#poll(entry.socket.receiveFd, Epoll.CTL_DEL)
    entry.socket.close()
    entry.socket = null
  }

  #poll(fd: number, operation: number): void {
    const event = new Uint8Array(EPOLL_EVENT_SIZE)
    const view = new DataView(event.buffer)
    view.setUint32(0, Epoll.IN, true)
    view.setUint32(EPOLL_DATA_AT, fd, true)
    if (this.#libc.epollControl(this.#epoll, operation, fd, event) < 0 && operation === Epoll.CTL_ADD) {
      throw new SwitchError('target.portsSocket', `epoll_ctl: ${errnoName(this.#libc.errno())}`)
    }
  }

  #isUp(name: string): boolean {
    const request = this.#interfaceRequest(name, Ioctl.SIOCGIFFLAGS)
    const flags = request === null ? 0 : request.getUint16(16, true)
    return (flags & Iff.UP) !== 0 && (flags & Iff.RUNNING) !== 0
  }

  #ifindex(name: string): number | null {
    return this.#interfaceRequest(name, Ioctl.SIOCGIFINDEX)?.getInt32(16, true) ?? null
  }

  /** struct ifreq: 16 bytes of name, then what the request is about. */
  #interfaceRequest(name: string, request: number): DataView | null {
    const argument = new Uint8Array(40)
    const encoded = new TextEncoder().encode(name)
    if (encoded.length > 15) return null
    argument.set(encoded)
    if (this.#libc.ioctl(this.#control, request, argument) >= 0) return new DataView(argument.buffer)
    const errno = this.#libc.errno()
    if (errno !== Errno.ENODEV) this.#log.debug({ interface: name, errno: errnoName(errno) }, 'ioctl failed')
    return null
  }

  #closeAll(): void {
    for (const entry of this.#ports.values()) this.#detach(entry)
    for (const fd of [this.#epoll, this.#wake, this.#control]) if (fd >= 0) this.#libc.close(fd)
  }
}

function withTag(frame: Uint8Array, tpid: number, tci: number): Uint8Array {
  const tagged = new Uint8Array(frame.length + 4)
  tagged.set(frame.subarray(0, 12))
  put16(tagged, 12, tpid)
  put16(tagged, 14, tci)
  tagged.set(frame.subarray(12), 16)
  return tagged
}
