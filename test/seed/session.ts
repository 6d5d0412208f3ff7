/** docs/seed-session.md: the sessions on both switches, with the lines marked that are not the same. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Step } from './transcript.js'

const file = join(process.cwd(), 'docs/seed-session.md')
const MARK = '<!-- recorded -->\n'

export interface Scene { readonly name: string; readonly expected: readonly Step[]; readonly actual: readonly Step[] }

/** Keeps what is above the mark. */
export function writeSession(scenes: readonly Scene[]): void {
  const [head = ''] = readFileSync(file, 'utf8').split(MARK)
  writeFileSync(file, `${head}${MARK}${scenes.map(section).join('')}`)
}

function section({ name, expected, actual }: Scene): string {
  const blocks = actual.map((step, at) => {
    const theirs = plain(expected[at]?.output ?? '')
    const ours = plain(step.output)
    const command = `$ ${step.command}\n`
    if (theirs === ours) return fence(command + ours)
    const [left, right] = [theirs.split('\n'), ours.split('\n')]
    if (left.length === right.length) {
      return fence(` ${command}${right.map((line, row) => (line === left[row] ? ` ${line}` : `-${left[row] ?? ''}\n+${line}`)).join('\n')}`, 'diff')
    }
    return `Open vSwitch:\n\n${fence(command + theirs)}\nofswitchd:\n\n${fence(command + ours)}`
  })
  return `\n## ${name}.sh\n\n${blocks.join('\n')}`
}

/** What changes from run to run is left out. */
const plain = (text: string): string => text.replace(/duration=[^,]+, /g, '').replace(/ \(xid=0x[0-9a-f]+\)/g, '').replace(/recirc_id=(?!0)\w+/g, 'recirc_id=N').trimEnd()
const fence = (text: string, kind = ''): string => `\`\`\`${kind}\n${text}\n\`\`\`\n`
