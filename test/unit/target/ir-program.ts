/** Programs in the validated form, for tests of the code generators without a compiler. */
import { compileProgram } from '../../../src/target/program/compile.js'
import type { Executable } from '../../../src/target/program/compile.js'
import type { Action, FieldDef, HeaderInstance, Program } from '../../../src/target/program/ir.js'

export const field = (name: string, width: number, signed = false): FieldDef => ({ name, width, signed, varbit: false })

const standardFields = ['ingress_port', 'egress_spec', 'egress_port', 'instance_type', 'packet_length']

/** Header 0 is standard metadata. Headers given are 1, 2 …; the parser extracts those that are no metadata, in order. */
export const programOf = (headers: readonly HeaderInstance[], actions: readonly Action[] = [], more: Partial<Program> = {}): Program => {
  const standard: HeaderInstance = { name: 'standard_metadata', metadata: true, type: { name: 'standard', maxBytes: 0, fields: standardFields.map(name => field(name, 32)) } }
  const real = headers.flatMap((header, index) => header.metadata ? [] : [index + 1])
  return {
    headers: [standard, ...headers], stacks: [], errors: new Map([['NoError', 0], ['PacketTooShort', 1]]), fieldLists: new Map(), learnLists: new Map(),
    parserStates: [{ name: 'start', ops: real.map(header => ({ op: 'extract', header })), key: [], transitions: [] }], parserStart: 0,
    deparserOrder: real, calculations: [], checksums: [], actions, tables: [], nodes: actions.map((_, action) => ({ kind: 'call', action, next: action + 1 < actions.length ? action + 1 : -1 })),
    ingress: { name: 'ingress', first: actions.length > 0 ? 0 : -1 }, egress: { name: 'egress', first: -1 }, meters: [], counters: [], registers: [], actionProfiles: [],
    standard: new Map(standardFields.map((name, index) => [name, { header: 0, field: index }])), ...more,
  }
}

export const compile = (program: Program): Executable => compileProgram(program, 511)
