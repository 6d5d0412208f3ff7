/**
 * The two AF_PACKET sockets of one interface: one that receives (with auxiliary data and virtio_net_hdr) and one that
 * sends plain frames; a socket with PACKET_VNET_HDR would want that header in front of every frame it sends. packet(7).
 */
import { SwitchError } from '../../base/errors.js'
import { Errno, errnoName, type Libc, Msg, Opt, Sock } from './libc.js'

const ETH_P_ALL = 3
const MR_PROMISC = 1
/** A burst of full-size frames while the pipeline is busy. */
const RECEIVE_BUFFER = 4 * 1024 * 1024

export type SendOutcome = 'sent' | 'dropped' | 'down'

export class PacketSocket {
  readonly receiveFd: number
  readonly ifindex: number
  readonly #sendFd: number
  readonly #libc: Libc

  private constructor(libc: Libc, ifindex: number, receiveFd: number, sendFd: number) {
    this.#libc = libc
    this.ifindex = ifindex
    this.receiveFd = receiveFd
    this.#sendFd = sendFd
  }

  /** Throws SwitchError 'target.portsPermission' or 'target.portsSocket'. */
  static open(libc: Libc, name: string, ifindex: number): PacketSocket {
    const receiveFd = openSocket(libc, name)
    let sendFd = -1
    try {
      sendFd = openSocket(libc, name)
      const set = (level: number, option: number, value: Uint8Array): number => libc.setsockopt(receiveFd, level, option, value, value.length)
      const need = (result: number, what: string): void => { if (result < 0) throw failure(libc, name, what) }
      need(set(Opt.SOL_PACKET, Opt.PACKET_AUXDATA, int(1)), 'PACKET_AUXDATA')
      need(set(Opt.SOL_PACKET, Opt.PACKET_VNET_HDR, int(1)), 'PACKET_VNET_HDR')
      // Since Linux 4.20; older kernels deliver our own frames, which the driver then recognises by their packet type.
      set(Opt.SOL_PACKET, Opt.PACKET_IGNORE_OUTGOING, int(1))
      if (set(Opt.SOL_SOCKET, Opt.SO_RCVBUFFORCE, int(RECEIVE_BUFFER)) < 0) set(Opt.SOL_SOCKET, Opt.SO_RCVBUF, int(RECEIVE_BUFFER))
      need(bindTo(libc, receiveFd, ifindex, ETH_P_ALL), 'bind')
      need(bindTo(libc, sendFd, ifindex, 0), 'bind')
      need(set(Opt.SOL_PACKET, Opt.PACKET_ADD_MEMBERSHIP, membership(ifindex)), 'promiscuous mode')
      return new PacketSocket(libc, ifindex, receiveFd, sendFd)
    } catch (error) {
      libc.close(receiveFd)
      if (sendFd >= 0) libc.close(sendFd)
      throw error
    }
  }

  /** Never blocks. A frame that does not fit the MTU or the queue is dropped. */
  send(frame: Uint8Array): SendOutcome {
    if (this.#libc.send(this.#sendFd, frame, frame.length, Msg.DONTWAIT) >= 0) return 'sent'
    const errno = this.#libc.errno()
    return errno === Errno.ENETDOWN || errno === Errno.ENODEV ? 'down' : 'dropped'
  }

  /** Frames that the kernel had no room for since the last call. */
  takeDrops(): number {
    const statistics = new Uint8Array(8)
    if (this.#libc.getsockopt(this.receiveFd, Opt.SOL_PACKET, Opt.PACKET_STATISTICS, statistics, int(8)) < 0) return 0
    return new DataView(statistics.buffer).getUint32(4, true)
  }

  close(): void {
    this.#libc.close(this.receiveFd)
    this.#libc.close(this.#sendFd)
  }
}

function openSocket(libc: Libc, name: string): number {
  // Protocol 0: nothing is received before bind() has chosen the interface.
  const fd = libc.socket(Sock.AF_PACKET, Sock.RAW | Sock.NONBLOCK | Sock.CLOEXEC, 0)
  if (fd >= 0) return fd
  if (libc.errno() === Errno.EPERM) {
    throw new SwitchError('target.portsPermission',
      `interface '${name}': opening a raw socket needs the capability CAP_NET_RAW; run as root, or: setcap cap_net_raw,cap_net_admin+ep ${process.execPath}`)
  }
  throw failure(libc, name, 'socket')
}

const failure = (libc: Libc, name: string, what: string): SwitchError =>
  new SwitchError('target.portsSocket', `interface '${name}': ${what} failed with ${errnoName(libc.errno())}`)

/** struct sockaddr_ll */
function bindTo(libc: Libc, fd: number, ifindex: number, protocol: number): number {
  const address = new Uint8Array(20)
  const view = new DataView(address.buffer)
  view.setUint16(0, Sock.AF_PACKET, true)
  view.setUint16(2, protocol, false)
  view.setInt32(4, ifindex, true)
  return libc.bind(fd, address, address.length)
}

/** struct packet_mreq */
function membership(ifindex: number): Uint8Array {
  const request = new Uint8Array(16)
  const view = new DataView(request.buffer)
  view.setInt32(0, ifindex, true)
  view.setUint16(4, MR_PROMISC, true)
  return request
}

function int(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  return bytes
}
