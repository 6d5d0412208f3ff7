/**
 * npm run bench [-- PART… --short --write --million]: one load generator against ofswitchd, Open vSwitch and BMv2, in turns. Prints
 * tables; a run without --short (or one with --write) puts them into docs/benchmarks.md, each part into its own section.
 */
import { cpus, release, totalmem } from 'node:os'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { whyNoNamespaces } from '../support/netns.js'
import { run } from '../support/netns-process.js'
import { forwarding } from './forwarding.js'
import { table } from './measure.js'
import { dump, echo, flowMods, packets, single } from './parts.js'
import type { Part } from './parts.js'
import { restore } from './restore.js'
import { million, scale } from './scale.js'

const parts: Readonly<Record<string, Part>> = { 'flow-mods': flowMods, 'barrier': single, 'packets': packets, 'echo': echo, 'dump-flows': dump, 'scale': scale, 'restore': restore, 'million': million, 'forwarding': forwarding }
const page = join(process.cwd(), 'docs/benchmarks.md')
/** What people have written about the numbers; new sections go before it. */
const COMMENT = '## Where the time goes'

const args = process.argv.slice(2)
const short = args.includes('--short')
const names = args.filter((arg) => !arg.startsWith('--'))
const unknown = [...names.filter((name) => !Object.hasOwn(parts, name)), ...args.filter((arg) => arg.startsWith('--') && arg !== '--short' && arg !== '--write' && arg !== '--million')]
if (unknown.length > 0) {
  console.error(`bench: ${unknown.join(', ')}? The parts are ${Object.keys(parts).join(', ')}; the options are --short, --write and --million`)
  process.exit(2)
}
const reason = whyNoNamespaces()
if (reason !== undefined) {
  console.error(`bench: ${reason}`)
  process.exit(1)
}

const versions = await machine()
console.log(versions)
for (const [name, part] of Object.entries(parts)) {
  if (names.length > 0 ? !names.includes(name) : name === 'million' && !args.includes('--million')) continue
  const begin = Date.now()
  console.log(`\n${part.title}`)
  const rows = await part.run({ short, log: (text) => console.log(`  ${text}`) })
  console.log(table(rows))
  console.log(`  (${Math.round((Date.now() - begin) / 1000)} s)`)
  if (!short || args.includes('--write')) write(name, part, table(rows))
}
process.exit(0)

/** Replaces the section of a part and leaves the others, and what people wrote around them, as they are. */
function write(name: string, { title, text }: Part, rows: string): void {
  const [first, last] = [`<!-- ${name} -->\n`, `<!-- /${name} -->\n`]
  const before = existsSync(page) ? readFileSync(page, 'utf8') : ''
  const section = `${first}## ${title}\n\n${text}\n\n${rows}\n${versions}${short ? '; short run' : ''}\n${last}`
  const [start, end, comment] = [before.indexOf(first), before.indexOf(last), before.indexOf(COMMENT)]
  if (start >= 0 && end > start) writeFileSync(page, before.slice(0, start) + section + before.slice(end + last.length))
  else if (comment >= 0) writeFileSync(page, `${before.slice(0, comment)}${section}\n${before.slice(comment)}`)
  else writeFileSync(page, `${before}\n${section}`)
}

async function machine(): Promise<string> {
  const said = async (command: string, ...options: string[]): Promise<string> => (await run(command, options)).stdout.split('\n')[0] ?? ''
  const [ovs, bmv2, commit] = await Promise.all([said('ovs-vswitchd', '--version'), said('simple_switch_grpc', '--version'), said('git', 'rev-parse', '--short', 'HEAD')])
  const processors = cpus()
  return `Measured ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC at ${commit}: ${processors.length} × ${processors[0]?.model ?? 'processor'}, ` +
    `${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, Node ${process.version}, ${ovs}, BMv2 ${bmv2}.`
}
