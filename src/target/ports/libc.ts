/**
 * The system calls of the Linux port driver, through koffi. Structures are laid out by hand in one ArrayBuffer each
 * (koffi's own conversion costs more than the call), for 64-bit little-endian Linux: x64, arm64, riscv64, loong64.
 * Every call returns what C returns; after −1, errno() says why.
 */
import { endianness } from 'node:os'
import { SwitchError, messageOf } from '../../base/errors.js'

export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, size: number): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, size: number): number
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, size: Uint8Array): number
  close(fd: number): number
  ioctl(fd: number, request: number, argument: Uint8Array): number
  /** `vector` is an address, see addressOf. */
  recvmmsg(fd: number, vector: bigint, count: number, flags: number, timeout: null): number
  send(fd: number, data: Uint8Array, size: number, flags: number): number
  eventfd(initial: number, flags: number): number
  read(fd: number, data: Uint8Array, size: number): number
  write(fd: number, data: Uint8Array, size: number): number
  epollCreate(flags: number): number
  epollControl(epoll: number, operation: number, fd: number, event: Uint8Array): number
  epollWait(epoll: number, events: Uint8Array, count: number, timeout: number): number
  /** The same in a thread of its own; `done` gets the number of events, or −1. The bytes must not be touched meanwhile. */
  epollWaitAsync(epoll: number, events: Uint8Array, count: number, timeout: number, done: (count: number) => void): void
  /** Where the bytes are; valid as long as the array lives. */
  addressOf(bytes: Uint8Array): bigint
  errno(): number
}

export const Errno = { EPERM: 1, EINTR: 4, EAGAIN: 11, ENODEV: 19, EINVAL: 22, EMSGSIZE: 90, ENETDOWN: 100, ENOBUFS: 105 } as const
export const Sock = { AF_INET: 2, AF_PACKET: 17, DGRAM: 2, RAW: 3, NONBLOCK: 0x800, CLOEXEC: 0x80000 } as const
export const Opt = {
  SOL_SOCKET: 1, SO_RCVBUF: 8, SO_RCVBUFFORCE: 33,
  SOL_PACKET: 263, PACKET_ADD_MEMBERSHIP: 1, PACKET_STATISTICS: 6, PACKET_AUXDATA: 8, PACKET_VNET_HDR: 15, PACKET_IGNORE_OUTGOING: 23,
} as const
export const Msg = { TRUNC: 0x20, DONTWAIT: 0x40 } as const
export const Ioctl = { SIOCGIFFLAGS: 0x8913, SIOCGIFMTU: 0x8921, SIOCGIFINDEX: 0x8933 } as const
export const Epoll = { CTL_ADD: 1, CTL_DEL: 2, IN: 1 } as const
export const Iff = { UP: 1, RUNNING: 0x40 } as const

/** struct epoll_event is packed on x86 only. */
export const EPOLL_EVENT_SIZE = process.arch === 'x64' ? 12 : 16
export const EPOLL_DATA_AT = process.arch === 'x64' ? 4 : 8

/** Rejects with SwitchError 'target.portsUnsupported' or 'target.portsKoffi'. */
export async function loadLibc(): Promise<Libc> {
  if (process.platform !== 'linux' || endianness() !== 'LE' || !['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch)) {
    throw new SwitchError('target.portsUnsupported',
      `ports on network interfaces need 64-bit little-endian Linux, this is ${process.platform} ${process.arch}; use simulated ports or a target of its own`)
  }
  const { default: koffi } = await import('koffi').catch((error: unknown) => {
    throw new SwitchError('target.portsKoffi',
      `ports on network interfaces need the optional package koffi, which cannot be loaded (${messageOf(error)}); run: npm install koffi`, { cause: error })
  })
  const lib = koffi.load(null) // the process itself: its C library, whichever that is
  const epollWait = lib.func('int epoll_wait(int epoll, void *events, int count, int timeout)')
  return {
    socket: lib.func('int socket(int domain, int type, int protocol)'),
    bind: lib.func('int bind(int fd, void *address, uint size)'),
    setsockopt: lib.func('int setsockopt(int fd, int level, int option, void *value, uint size)'),
    getsockopt: lib.func('int getsockopt(int fd, int level, int option, void *value, void *size)'),
    close: lib.func('int close(int fd)'),
    ioctl: lib.func('int ioctl(int fd, ulong request, void *argument)'),
    recvmmsg: lib.func('int recvmmsg(int fd, void *vector, uint count, int flags, void *timeout)'),
    send: lib.func('long send(int fd, void *data, ulong size, int flags)'),
    eventfd: lib.func('int eventfd(uint initial, int flags)'),
    read: lib.func('long read(int fd, void *data, ulong size)'),
    write: lib.func('long write(int fd, void *data, ulong size)'),
    epollCreate: lib.func('int epoll_create1(int flags)'),
    epollControl: lib.func('int epoll_ctl(int epoll, int operation, int fd, void *event)'),
    epollWait,
    epollWaitAsync: (epoll, events, count, timeout, done) =>
      epollWait.async(epoll, events, count, timeout, (error: unknown, result: number) => done(error === null ? result : -1)),
    addressOf: (bytes) => koffi.address(bytes),
    errno: () => koffi.errno(),
  }
}

/** 'EPERM (1)', for messages. */
export function errnoName(errno: number): string {
  const name = Object.entries(Errno).find(([, value]) => value === errno)?.[0]
  return name === undefined ? `errno ${errno}` : name
}
