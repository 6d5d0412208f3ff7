/**
 * Scripts for ovs-ofctl: what a person types at a switch, run against any subject, giving one transcript.
 *
 * A step is one line. `ofctl words…` runs ovs-ofctl with the script's options, `send port hex` puts a frame on the wire,
 * `expect n` waits for n frames and records them. In the words, TARGET is the switch and @name a file of the script.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Wire, WireFrame } from '../../support/netns-frames.js'
import { until } from '../../support/netns-process.js'
import type { RunningSwitch } from '../../support/subject.js'

export interface Script {
  readonly name: string
  /** Versions the script is run with, as `ovs-ofctl -O` names them. */
  readonly versions: readonly string[]
  /** An optional feature it is about; a switch that does not claim it is not asked. */
  readonly needs?: 'meters'
  readonly files?: Readonly<Record<string, string>>
  readonly steps: readonly string[]
}

export interface Entry { readonly step: string; readonly output: string }

export async function runScript(script: Script, version: string, sw: RunningSwitch, wire: Wire): Promise<Entry[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ofs-script-'))
  try {
    for (const [name, content] of Object.entries(script.files ?? {})) writeFileSync(join(folder, name), content)
    await reset(sw)
    wire.take()
    const transcript: Entry[] = []
    for (const step of script.steps) transcript.push({ step, output: await runStep(step, version, folder, sw, wire) })
    return transcript
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Whether the switch claims the optional feature a script is about. */
export async function claims(sw: RunningSwitch, needs: Script['needs']): Promise<boolean> {
  if (needs === undefined) return true
  const features = await sw.ofctl(['-O', 'OpenFlow13', 'meter-features', 'TARGET'])
  return Number(/max_meter:(\d+)/.exec(features.stdout)?.[1] ?? 0) > 0
}

async function runStep(step: string, version: string, folder: string, sw: RunningSwitch, wire: Wire): Promise<string> {
  const [verb = '', ...words] = step.split(' ')
  switch (verb) {
    case 'ofctl': {
      // OpenFlow 1.0 without Open vSwitch's extended match and its other extensions of 1.0.
      const plain = version === 'OpenFlow10' ? ['-F', 'OpenFlow10'] : []
      const args = words.map((word) => word.startsWith('@') ? join(folder, word.slice(1)) : word)
      const done = await sw.ofctl(['-O', version, ...plain, ...args])
      return `[${done.code}]\n${done.stdout}${done.stderr}`.replaceAll(`${folder}/`, '@').trimEnd()
    }
    case 'send':
      await sw.settle()
      wire.send(Number(words[0]), Buffer.from(words[1] ?? '', 'hex'))
      return ''
    case 'expect': {
      const frames: WireFrame[] = []
      const count = Number(words[0])
      await until(`${count} frames to arrive`, () => { frames.push(...wire.take()); return frames.length >= count }, 10_000, 10)
        .catch(() => { /* the comparison shows what is missing */ })
      await sw.settle()
      return frames.map(({ port, frame }) => `port ${port}: ${frame.toString('hex')}`).sort().join('\n')
    }
    default: throw new Error(`unknown step: ${step}`)
  }
}

/** Ports have their default configuration, and there are no flows, groups or meters. */
async function reset(sw: RunningSwitch): Promise<void> {
  for (const command of ['del-flows', 'del-groups', 'del-meters']) {
    const done = await sw.ofctl(['-O', 'OpenFlow13', command, 'TARGET'])
    if (done.code !== 0) throw new Error(`${sw.subject.name}: ${command} failed: ${done.stderr}`)
  }
}
