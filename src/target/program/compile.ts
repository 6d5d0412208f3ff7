/**
 * Makes an executable of a validated program: one generated source text, turned into functions once when the program is
 * loaded. The text is built from indices and numbers of the validated form only; names of the program appear in it as
 * JSON string literals at most.
 */
import { ActionCode } from './action-code.js'
import { ActionProfile } from './action-profile.js'
import { PacketAborted, PacketContext } from './context.js'
import { ControlCode } from './control-code.js'
import { makeHash } from './hashes.js'
import type { Program } from './ir.js'
import { Layout, wordsFor } from './layout.js'
import { CounterArray, MeterArray } from './meter.js'
import { OutputCode } from './output-code.js'
import { ParserCode } from './parser-code.js'
import { Ranges } from './range.js'
import { helpers } from './support.js'
import { Table } from './table.js'

/** A program ready to run on the one packet whose state stands in `state` and `context`. */
export interface Executable {
  readonly program: Program
  readonly layout: Layout
  readonly state: Int32Array
  readonly context: PacketContext
  readonly tables: readonly Table[]
  readonly actionProfiles: readonly ActionProfile[]
  readonly counters: readonly CounterArray[]
  readonly meters: readonly MeterArray[]
  readonly registers: readonly Int32Array[]
  readonly source: string
  /** Parses bytes [from, to) and returns where the payload starts. */
  parse(bytes: Uint8Array, from: number, to: number): number
  verifyChecksums(): void
  ingress(): void
  egress(): void
  updateChecksums(): void
  headersSize(): number
  emitHeaders(target: Uint8Array): number
}

type Generated = Pick<Executable, 'parse' | 'verifyChecksums' | 'ingress' | 'egress' | 'updateChecksums' | 'headersSize' | 'emitHeaders'>

export const generateSource = (program: Program, layout: Layout, dropPort: number): string => {
  const ranges = new Ranges(layout, program.registers)
  const actions = program.actions.map((action, index) => {
    const code = new ActionCode(program, layout, ranges, dropPort, action.params.map(param => param.width))
    return `function A${index}(D) {\n${code.body(action)}\n}`
  })
  const output = new OutputCode(program, layout, ranges)
  const named = [...program.calculations.map((_, index) => `hash${index}`), ...Object.keys(helpers)].join(', ')
  return [
    "'use strict';", `const { P, PB, X, T, K, R, C, M, H, ${named} } = env;`,
    ...actions, output.calculations(), output.checksums(), output.deparser(),
    new ParserCode(program, layout, ranges, dropPort).generate(), new ControlCode(program, layout, ranges, dropPort).generate(),
    'return { parse, verifyChecksums, ingress, egress, updateChecksums, headersSize, emitHeaders };',
  ].join('\n')
}

export const compileProgram = (program: Program, dropPort: number): Executable => {
  const layout = new Layout(program)
  const source = generateSource(program, layout, dropPort)
  const state = new Int32Array(layout.size)
  const context = new PacketContext()
  const tables: Table[] = []
  const keyBuilders: ((key: Int32Array) => void)[] = []
  const hashes: (() => number | bigint)[] = []
  const counters = program.counters.map(counter => new CounterArray(counter.size))
  const meters = program.meters.map(meter => new MeterArray(meter.size, meter.unit === 'bytes'))
  const registers = program.registers.map(register => new Int32Array((register.size + 1) * wordsFor(register.width)))
  const env = {
    P: state, PB: new Uint8Array(state.buffer), X: context, T: tables, K: keyBuilders, H: hashes, C: counters, M: meters,
    R: registers,
    ...Object.fromEntries(program.calculations.map((calculation, index) => [`hash${index}`, makeHash(calculation.algorithm)])),
    ...helpers,
    fail: (text: string): never => { throw new PacketAborted(text) },
  }
  const generated = (new Function('env', source) as (env: unknown) => Generated)(env)
  const actionProfiles = program.actionProfiles.map(def => {
    const { selector } = def
    return new ActionProfile(def, selector === null ? () => 0 : () => hashes[selector]?.() ?? 0)
  })
  program.tables.forEach((def, index) => tables.push(new Table(
    def, action => program.actions[action]?.params ?? [], def.actionProfile === null ? null : actionProfiles[def.actionProfile] ?? null,
    keyBuilders[index] ?? (() => undefined),
  )))
  return { program, layout, state, context, tables, actionProfiles, counters, meters, registers, source, ...generated }
}
