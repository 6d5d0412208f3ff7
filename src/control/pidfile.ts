/**
 * The pidfile by which ovs-appctl finds the control socket of a target that is named: `<rundir>/<name>.pid` holds the process
 * id and a POSIX write lock of that process, or the tools take it for a stale one. The lock needs koffi, as Node has none; without
 * koffi the file is written all the same, and ovs-appctl has to be given the path of the socket.
 */
import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { SwitchError, messageOf } from '../base/errors.js'

const F_SETLK = 6
const F_WRLCK = 1

/** Returns the function that removes the file. Rejects with SwitchError: another process has it, it cannot be written. */
export async function lockPidfile(path: string): Promise<{ readonly locked: boolean; readonly remove: () => void }> {
  let fd: number
  try {
    fd = openSync(path, 'a+', 0o644)
  } catch (error) {
    throw new SwitchError('config.pidfile', `${path}: cannot be written: ${messageOf(error)}`, { cause: error })
  }
  const lock = await locker()
  if (lock !== null && !lock(fd)) {
    closeSync(fd)
    throw new SwitchError('process.running', `${path}: another process is running with this pidfile`)
  }
  // Truncated and written by the descriptor that holds the lock: closing another one of the same file would lose it.
  ftruncateSync(fd, 0)
  writeSync(fd, `${process.pid}\n`)
  return {
    locked: lock !== null,
    remove: () => {
      rmSync(path, { force: true })
      closeSync(fd)
    },
  }
}

/** struct flock of 64-bit Linux: type and whence of 2 bytes each, start and length of 8 at 8 and 16, pid. */
async function locker(): Promise<((fd: number) => boolean) | null> {
  try {
    const { default: koffi } = await import('koffi')
    const fcntl = koffi.load(null).func('int fcntl(int fd, int command, void *lock)') as (fd: number, command: number, lock: Uint8Array) => number
    return (fd) => {
      const lock = new Uint8Array(32)
      new DataView(lock.buffer).setInt16(0, F_WRLCK, true)
      return fcntl(fd, F_SETLK, lock) === 0
    }
  } catch {
    return null
  }
}
