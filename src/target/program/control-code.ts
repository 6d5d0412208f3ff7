/**
 * Generates ingress and egress. A pipeline is a graph of tables, conditionals and calls; every node that several others
 * lead to becomes a function of its own, and the rest is written into its predecessor, so that a pass through the
 * pipeline is a short chain of functions small enough for the optimiser. A function returns the next one, or null.
 */
import { ActionCode } from './action-code.js'
import type { Node, Program, TableDef } from './ir.js'
import type { Layout } from './layout.js'
import { wordsFor } from './layout.js'
import type { Ranges } from './range.js'
import { successorsOf } from './read-pipeline.js'

/** Nodes written into one function at most. */
const inlineLimit = 12

export class ControlCode {
  private readonly program: Program
  private readonly layout: Layout
  private readonly conditions: ActionCode
  private readonly shared = new Set<number>()
  private readonly exits: ReadonlySet<number>
  private readonly functions: string[] = []
  private readonly done = new Set<number>()
  private queue: number[] = []
  private inlined = 0

  constructor(program: Program, layout: Layout, ranges: Ranges, dropPort: number) {
    this.program = program
    this.layout = layout
    this.conditions = new ActionCode(program, layout, ranges, dropPort)
    this.exits = new Set(program.actions.flatMap((action, index) => action.primitives.some(primitive => primitive.op === 'exit') ? [index] : []))
    const degree = new Map<number, number>()
    for (const node of program.nodes) {
      for (const target of new Set(successorsOf(node, program.tables))) degree.set(target, (degree.get(target) ?? 0) + 1)
    }
    for (const [target, count] of degree) if (count > 1) this.shared.add(target)
  }

  /** `ingress()` and `egress()`, and `K[i]`, the key builders of the tables. */
  generate(): string {
    const { ingress, egress } = this.program
    const entry = (name: string, first: number): string => `function ${name}() { let f = ${this.reference(first)}; while (f !== null) f = f(); }`
    const entries = [entry('ingress', ingress.first), entry('egress', egress.first)]
    for (let index = this.queue.pop(); index !== undefined; index = this.queue.pop()) {
      this.inlined = 0
      this.functions.push(`function N${index}() {\n${this.node(index)}\n}`)
    }
    return [...this.functions, ...entries, ...this.program.tables.map((table, index) => this.keyBuilder(table, index))].join('\n')
  }

  private reference(index: number): string {
    if (index < 0) return 'null'
    if (!this.done.has(index)) {
      this.done.add(index)
      this.queue.push(index)
    }
    return `N${index}`
  }

  /** Statements that go on at a node: its code, or a return of its function. */
  private goto(index: number): string {
    if (index < 0 || this.shared.has(index) || this.inlined >= inlineLimit) return `return ${this.reference(index)};`
    this.inlined++
    return this.node(index)
  }

  private node(index: number): string {
    const node = this.program.nodes[index] as Node
    if (node.kind === 'call') return `A${node.action}([]);\n${this.exitCheck([node.action])}${this.goto(node.next)}`
    if (node.kind === 'cond') {
      const cond = this.conditions.code.bool(node.cond)
      const lines = this.conditions.code.take()
      return `{ ${lines.join('\n')}\nif (${cond}) {\n${this.goto(node.whenTrue)}\n} else {\n${this.goto(node.whenFalse)}\n} }`
    }
    return this.table(node.table)
  }

  private exitCheck(actions: readonly number[]): string {
    return actions.some(action => this.exits.has(action)) ? 'if (X.exit) return null;\n' : ''
  }

  private table(index: number): string {
    const table = this.program.tables[index] as TableDef
    const fixed = table.defaultCall
    // p4c wraps the statements of a control in tables without a key that can only run one action.
    if (table.key.length === 0 && table.actionProfile === null && fixed !== null && table.defaultConst.entry && table.next.kind === 'byAction') {
      const args = fixed.args.length === 0 ? '[]' : `T[${index}].fallback.data`
      return `A${fixed.action}(${args});\n${this.exitCheck([fixed.action])}${this.goto(table.next.nodes.get(fixed.action) ?? -1)}`
    }
    const actions = [...new Set([...table.actions, ...(fixed === null ? [] : [fixed.action])])]
    // A traced packet leaves no marks: counters, times and meters stay as they are.
    const counting = table.withCounters ? 'e.packets++; e.bytes += X.ingressLength; ' : ''
    const timing = table.withTimeouts ? 'e.lastHit = X.now; ' : ''
    const marks = counting === '' && timing === '' ? '' : `if (X.trace === null) { ${counting}${timing}} `
    const hit = table.actionProfile === null ? 'const c = e;' : 'const c = t.pick(e);'
    return [
      `{ const t = T[${index}], e = t.lookup();`, `if (e !== null) { ${marks}${this.directMeter(table)}${hit}`,
      'if (X.trace !== null) X.trace.onTable(t, e, c);', this.dispatch(table, actions, 'hit'), '} else { const c = t.fallback;',
      'if (X.trace !== null) X.trace.onTable(t, null, c);', this.dispatch(table, actions, 'miss'), '} }',
    ].join('\n')
  }

  private directMeter(table: TableDef): string {
    const meter = table.directMeter === null ? undefined : this.program.meters[table.directMeter]
    if (meter === undefined || meter.result === null) return ''
    const { slot, words } = this.layout.field(meter.result)
    const clear = Array.from({ length: words - 1 }, (_, index) => ` P[${slot + 1 + index}] = 0;`).join('')
    return `P[${slot}] = e.meter === null || X.trace !== null ? 0 : e.meter.execute(${meter.unit === 'bytes' ? 'X.ingressLength' : '1'}, X.now);${clear} `
  }

  /** Runs action `c` and goes on where the table says. */
  private dispatch(table: TableDef, actions: readonly number[], side: 'hit' | 'miss'): string {
    const { next } = table
    const call = (action: number): string => `A${action}(c.data);`
    const nodeFor = (action: number): number => next.kind === 'byAction' ? next.nodes.get(action) ?? -1 : next[side]
    const none = next.kind === 'byAction' ? (side === 'miss' ? next.missDefault : -1) : next[side]
    const nodes = new Set([...actions.map(nodeFor), none])
    if (nodes.size === 1) {
      const arms = actions.map(action => `case ${action}: ${call(action)} break;`)
      return `if (c !== null) switch (c.action) { ${arms.join(' ')} }\n${this.exitCheck(actions)}${this.goto(none)}`
    }
    const arms = actions.map(action => `case ${action}: { ${call(action)}\n${this.exitCheck([action])}${this.goto(nodeFor(action))} }`)
    return `if (c !== null) switch (c.action) { ${arms.join('\n')} }\n${this.goto(none)}`
  }

  /** Fields of headers that are not valid match as 0. */
  private keyBuilder(table: TableDef, index: number): string {
    let at = 0
    const lines = table.key.map(field => {
      const words = wordsFor(field.width)
      const from = at
      at += words
      if (field.source.kind === 'validBit') {
        return this.layout.isMetadata(field.source.header) ? `k[${from}] = 1;` : `k[${from}] = P[${this.layout.base(field.source.header)}];`
      }
      const { slot } = this.layout.field(field.source.ref)
      const word = (at: number): string => {
        const mask = field.mask === null ? -1n : BigInt.asIntN(32, field.mask >> BigInt(32 * at))
        return mask === -1n ? `P[${slot + at}]` : `P[${slot + at}] & ${mask}`
      }
      const stores = Array.from({ length: words }, (_, at) => `k[${from + at}] = ${word(at)};`).join(' ')
      if (this.layout.isMetadata(field.source.ref.header)) return stores
      const zeros = Array.from({ length: words }, (_, at) => `k[${from + at}] = 0;`).join(' ')
      return `if (P[${this.layout.base(field.source.ref.header)}] !== 0) { ${stores} } else { ${zeros} }`
    })
    return `K[${index}] = function (k) { ${lines.join('\n')} };`
  }
}
