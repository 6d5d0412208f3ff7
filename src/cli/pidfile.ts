/** A file with our process id while we run. A stale one is replaced, that of a running switch is not. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { SwitchError, messageOf } from '../base/errors.js'

/** Returns the function that removes it. Throws SwitchError. */
export function writePidfile(path: string): () => void {
  const other = runningProcess(path)
  if (other !== null) throw new SwitchError('process.running', `--pidfile ${path}: already running as process ${other}`)
  try {
    // Renamed into place: a reader sees the whole number or the old file.
    const temporary = `${path}.${process.pid}`
    writeFileSync(temporary, `${process.pid}\n`)
    renameSync(temporary, path)
  } catch (error) {
    throw new SwitchError('config.pidfile', `--pidfile ${path}: cannot be written: ${messageOf(error)}`, { cause: error })
  }
  return () => {
    if (read(path) === String(process.pid)) rmSync(path, { force: true })
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}

/** Another program may have got the number of a switch that is gone, hence the look at its command. Null where there is none. */
export function runningProcess(path: string): number | null {
  const text = read(path)
  if (text === null || !/^[0-9]{1,9}$/.test(text) || Number(text) === process.pid) return null
  try {
    const command = readFileSync(`/proc/${text}/cmdline`, 'utf8')
    return command.includes('ofswitchd') || command.includes('cli/main.js') ? Number(text) : null
  } catch {
    return null
  }
}
