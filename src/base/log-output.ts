/**
 * Where log lines go. A pipe whose reader has stopped must neither stop the switch nor keep it from ending, and what was
 * logged before a crash should be there: on pipes and sockets a line is written at once where there is room, otherwise
 * it waits in a bounded buffer; on files it is simply written.
 */
import { fstatSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'

export interface LogOutput {
  write(line: string): void
  /** Resolves when everything is written, or after half a second with a reader that does not read. */
  close(): Promise<void>
}

/** Lines are dropped, and counted, while this much waits for the reader. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024
const CLOSE_MS = 500

export function openLogOutput(fd: number, maxWaitingBytes = MAX_WAITING_BYTES): LogOutput {
  try {
    const stat = fstatSync(fd)
    return stat.isFIFO() || stat.isSocket() ? pipeOutput(fd, maxWaitingBytes) : fileOutput(fd)
  } catch {
    // The descriptor is closed: somebody wants no log.
    return { write: () => {}, close: () => Promise.resolve() }
  }
}

function fileOutput(fd: number): LogOutput {
  return {
    write: (line) => {
      try {
        writeSync(fd, line)
      } catch {
        // A full disk costs log lines, not the switch.
      }
    },
    close: () => Promise.resolve(),
  }
}

function pipeOutput(fd: number, maxWaitingBytes: number): LogOutput {
  const socket = new Socket({ fd, readable: false, writable: true })
  let dropped = 0
  let isBroken = false
  socket.on('error', () => { isBroken = true })
  return {
    write: (line) => {
      if (isBroken) return
      if (socket.writableLength > maxWaitingBytes) {
        dropped++
        return
      }
      if (dropped > 0) {
        const notice = { level: 40, time: Date.now(), dropped, msg: 'log lines were dropped: their reader was too slow' }
        dropped = 0
        socket.write(`${JSON.stringify(notice)}\n`)
      }
      socket.write(line)
    },
    close: () => new Promise((resolve) => {
      if (isBroken || socket.writableLength === 0) return resolve()
      // A write that waits would keep the process.
      const timer = setTimeout(() => {
        socket.destroy()
        resolve()
      }, CLOSE_MS)
      const done = (): void => {
        clearTimeout(timer)
        resolve()
      }
      socket.once('drain', done)
      socket.once('error', done)
    }),
  }
}
