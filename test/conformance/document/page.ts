/** docs/conformance.md as text. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { negotiate } from '../../../src/channel/negotiation.js'
import { wireVersions } from '../../../src/config/fields.js'
import { errorName, errorNames, errorNumbers } from '../../../src/openflow/index.js'
import type { ErrorName } from '../../../src/openflow/index.js'
import { features, VERSIONS, versionNames } from './ask.js'
import type { Section } from './sections.js'

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')

const link = (path: string): string => `[${path.replace('test/', '')}](../${path})`

function sectionText({ title, about, head, rows, shownBy }: Section): string {
  const shown = rows.map(([name = '', ...cells]) => [name, ...cells.map((cell) => cell.replace(/^(OFP\w+|error .*)$/, '`$1`'))])
  return `## ${title}\n\n${about}\n\n${table(head, shown)}\nShown by ${shownBy.map(link).join(', ')}.\n`
}

/** A controller that speaks only this version and has no bitmap, and one that says so in a bitmap. */
function versionTable(): string {
  const rows = [1, 2, 3, 4, 5, 6].map((version) => {
    const outcome = (hasBitmap: boolean): string => {
      const versions = hasBitmap ? [version] : Array.from({ length: version }, (_, index) => index + 1)
      const result = negotiate(Object.values(wireVersions), { type: 'hello', versions, hasBitmap }, version)
      return result.ok ? `1.${result.version - 1}` : '`OFPHFC_INCOMPATIBLE`'
    }
    return [`1.${version - 1}`, outcome(false), outcome(true)]
  })
  return table(['controller\'s hello', 'without a bitmap', 'with only this version in its bitmap'], rows)
}

/** Which folders of src say this error; those of the codec are often raised by length checks that carry the name as data. */
function saidBy(): ReadonlyMap<string, readonly string[]> {
  const said = new Map<string, Set<string>>()
  const root = join(process.cwd(), 'src')
  for (const name of readdirSync(root, { recursive: true }).map(String).filter((path) => path.endsWith('.ts') && !path.endsWith('schema/errors.ts'))) {
    for (const [, error = ''] of readFileSync(join(root, name), 'utf8').matchAll(/'(OFP[A-Z]+_[A-Z_]+)'/g)) {
      said.set(error, (said.get(error) ?? new Set<string>()).add(name.split('/')[0] ?? ''))
    }
  }
  return new Map([...said].map(([name, folders]) => [name, [...folders].sort()]))
}

const ONF = 0x4f4e4600

function errorTable(): string {
  const said = saidBy()
  const numbers = (name: ErrorName, version: number): string => {
    const numbers = errorNumbers(name, version)
    const there = errorName(numbers, version)
    const { type, code, experimenter, vendor } = numbers
    if (there !== name) return `as \`${there}\``
    if (experimenter === undefined) return `${type}, ${code}`
    return experimenter === ONF ? `ONF ${code}` : `NX ${vendor?.join(', ') ?? code}`
  }
  const rows = errorNames().filter((name) => said.has(name))
    .map((name) => [`\`${name}\``, ...VERSIONS.map((version) => numbers(name, version)), (said.get(name) ?? []).join(', ')])
  return table(['error', ...versionNames, 'comes from'], rows)
}

export function conformancePage(all: readonly Section[]): string {
  const { nTables, nIngressTables, tables, groups } = features
  return `# Conformance

<!-- Made by test/conformance/document; UPDATE_GOLDEN=1 npm test -- conformance/document rewrites it. -->

What the switch answers with the pipeline that comes with it. Every cell was asked of the codec, the datapath and the
compiler when this page was made, and a test asks again: **yes** means that the request is carried out, **answered** that a
reply comes, a name that it is refused with this error, — that the version has no way to say it. The tests named below each
table show the rest: that the messages are right to the byte, and that packets fare as the text says.

The pipeline has ${nIngressTables} tables of ${tables[0]?.maxEntries ?? 0} flows, ${nTables - nIngressTables} of egress processing of ${tables.at(-1)?.maxEntries ?? 0} flows (1.5), and up to ${groups.maxGroups.all} groups. Another pipeline (p4/README.md) gives other answers.

## Versions

OF 1.3.5 §6.3.1. Which version is spoken with a controller whose highest is this one:

${versionTable()}
Shown by ${link('test/unit/channel/negotiation.test.ts')}.

${all.map(sectionText).join('\n')}
## Errors

OF 1.0 §5.4.4, OF 1.3.5 §7.4.4. Every error the sources name, with type and code; where a version lacks it, the nearest it has. "ONF" is
an experimenter error of the ONF (OF 1.3 extensions 230 and others), "NX" one of Open vSwitch: in 1.0 and 1.1 NXET_VENDOR.

${errorTable()}
Shown by ${link('test/unit/openflow/errors.test.ts')}, ${link('test/unit/openflow/refusals.test.ts')}.
`
}
