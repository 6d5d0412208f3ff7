/**
 * Every difference between the switches that a comparison of ovs-ofctl's output does not count, each with its reason.
 * Whatever is not listed here is a difference, and a failed test.
 */
export interface AllowedDifference {
  readonly what: string
  readonly reason: string
  /** Steps it applies to; all where absent. */
  readonly steps?: RegExp
  readonly hide: (output: string) => string
}

const replace = (pattern: RegExp, by: string) => (output: string): string => output.replace(pattern, by)

export const allowedDifferences: readonly AllowedDifference[] = [
  {
    what: 'duration, idle_age, hard_age', reason: 'time passes between the runs',
    hide: (output) => output.replace(/(duration[=:]?)[\d.]+s/g, '$1*').replace(/(idle|hard)_age=\d+, /g, ''),
  },
  {
    what: 'when ovs-ofctl logged something', reason: 'time',
    hide: replace(/^\d{4}-\d\d-\d\dT[\d:]+Z\|/gm, ''),
  },
  {
    what: 'transaction ids', reason: 'ovs-ofctl numbers its requests; how many it needs depends on what it has found out of the switch',
    hide: replace(/xid=0x[0-9a-f]+/g, 'xid=*'),
  },
  {
    what: 'a complaint of ovs-ofctl about Open vSwitch', reason: 'it tells tables that nobody has configured as 3, which 1.1 does not have (OF 1.1 §A.3.3)', steps: /mod-table/,
    hide: replace(/^\d+\|ofp_table\|WARN\|bad table miss config 3\n?/gm, ''),
  },
  {
    what: 'echo requests', reason: 'when a switch probes a silent connection is its own affair (OF 1.3.5 §6.3.3)', steps: /monitor/,
    hide: replace(/^OFPT_ECHO_REQUEST .*\n?/gm, ''),
  },
  {
    what: 'times of a ping', reason: 'time', steps: / ping /,
    hide: replace(/time=[\d.]+ ms/g, 'time=*'),
  },
  {
    what: 'the LOCAL port', reason: 'the switch has no interface into its host, which Open vSwitch has for every bridge (OF 1.3.5 §4.5: optional)',
    steps: /show|dump-ports/,
    hide: (output) => output
      .replace(/^ (LOCAL|65534)\([\s\S]*?(?=^ \S|^\S|(?![\s\S]))/m, '')
      .replace(/^ {2}port (LOCAL|65534):[\s\S]*?(?=^ {2}port|^\S|(?![\s\S]))/m, '')
      .replace(/\d+ ports$/m, '* ports'),
  },
  {
    what: 'order of ports in port statistics', reason: 'unspecified (OF 1.3.5 §7.3.5.6); Open vSwitch answers in hash order', steps: /dump-ports/,
    hide: (output) => {
      const [head = '', ...ports] = output.trimEnd().split(/^(?= {2}port)/m)
      return [head, ...ports.map((port) => `${port.trimEnd()}\n`).sort()].join('')
    },
  },
  {
    what: 'order of flows of equal priority', reason: 'unspecified (OF 1.3.5 §7.3.5.2); ovs-ofctl --sort leaves it as received', steps: /dump-flows/,
    hide: (output) => {
      const lines = output.split('\n')
      const flows = lines.filter((line) => line.includes('actions='))
      return [...lines.filter((line) => !line.includes('actions=')), ...flows.sort()].join('\n')
    },
  },
  {
    what: 'medium of a port', reason: 'the kernel tells it by ethtool only, and for a virtual link it means nothing', steps: /show|dump-ports-desc|monitor/,
    hide: replace(/ (COPPER|FIBER)$/gm, ''),
  },
  {
    what: 'number of tables', reason: 'a property of the pipeline; Open vSwitch has 254', steps: /show/,
    hide: replace(/n_tables:\d+/, 'n_tables:*'),
  },
  {
    what: 'capabilities and the actions of OpenFlow 1.0', reason: 'each switch says what it can do (OF 1.3.5 §7.3.1); other tests hold them to it', steps: /show/,
    hide: (output) => output.replace(/^capabilities: .*$/m, 'capabilities: *').replace(/^actions: .*$/m, 'actions: *'),
  },
  {
    what: 'description', reason: 'names the product', steps: /dump-desc/,
    hide: replace(/^(Manufacturer|Hardware|Software|Serial Num|DP Description): .*$/gm, '$1: *'),
  },
  {
    what: 'table statistics', reason: 'tables differ in number and size; active, lookup and matched of table 0 are compared', steps: /dump-tables/,
    hide: (output) => {
      const counts = /active=\d+, lookup=\d+, matched=\d+/.exec(output)?.[0] ?? 'no table 0'
      return output.split('\n').slice(0, 2).concat(counts).join('\n')
    },
  },
  {
    what: 'limits of groups and meters', reason: 'properties of the pipeline', steps: /features/,
    hide: (output) => output.replace(/max_groups=\w+/g, 'max_groups=*').replace(/max_meter:\d+ max_bands:\d+ max_color:\d+/, 'max_*:*')
      .replace(/^( +actions: ).*$/gm, '$1*').replace(/^(capabilities:|band_types:).*$/gm, '$1 *').replace(/Capabilities: .*/, 'Capabilities: *'),
  },
  {
    what: 'the part of a request that an error carries', reason: 'at least 64 bytes (OF 1.3.5 §7.5.4); Open vSwitch sends 64, more is allowed',
    hide: (output) => !output.includes('_ERROR') ? output
      : output.split('\n').filter((line) => /_ERROR |^ovs-ofctl:|^\[/.test(line)).join('\n'),
  },
  {
    what: 'order of groups', reason: 'unspecified (OF 1.3.5 §7.3.5.9); Open vSwitch answers in hash order', steps: /dump-group/,
    hide: (output) => {
      const [code = '', head = '', ...groups] = output.split('\n')
      return [code, head, ...groups.sort()].join('\n')
    },
  },
]

export function hideDifferences(step: string, output: string): string {
  return allowedDifferences.filter(({ steps }) => steps === undefined || steps.test(step))
    .reduce((text, { hide }) => hide(text), output).trimEnd()
}
