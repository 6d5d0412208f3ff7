/** Asks a control socket, as ovs-appctl does. */
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { SwitchError, messageOf } from '../base/errors.js'

/** The socket of a target that is named, or the path itself. Throws SwitchError. */
export function controlSocket(target: string, rundir: string): string {
  if (target.startsWith('/')) return target
  try {
    const pid = readFileSync(join(rundir, `${target}.pid`), 'utf8').trim()
    const name = `${target}.${pid}.ctl`
    if (readdirSync(rundir).includes(name)) return join(rundir, name)
  } catch {
    // Told below.
  }
  throw new SwitchError('process.missing', `no ${target} is running with the run directory ${rundir}`)
}

export async function askControl(path: string, method: string, params: readonly string[]): Promise<{ readonly result: string } | { readonly error: string }> {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(path)
    let text = ''
    socket.setEncoding('utf8')
    socket.once('connect', () => socket.write(JSON.stringify({ id: 0, method, params })))
    socket.on('data', (chunk: string) => {
      text += chunk
      if (isWhole(text)) socket.destroy()
    })
    socket.once('error', (error) => reject(new SwitchError('process.control', `${path}: ${messageOf(error)}`)))
    socket.once('close', () => resolve(text))
  })
  if (!isWhole(answer)) throw new SwitchError('process.control', `${path}: the switch has closed the connection`)
  const { result, error } = JSON.parse(answer) as { readonly result: string | null; readonly error: string | null }
  return error === null ? { result: result ?? '' } : { error }
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
