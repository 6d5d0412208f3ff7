/** The names of a BMv2 program and what they stand for, while it is being read. */
import type { ActionParam, FieldRef, HeaderInstance, HeaderStack } from './ir.js'
import { asArray, asString, ProgramProblem } from './json.js'

export type ObjectKind = 'header' | 'header stack' | 'action id' | 'meter array' | 'counter array' | 'register array' |
  'calculation' | 'parser state' | 'action profile'

export class Scope {
  headers: readonly HeaderInstance[] = []
  stacks: readonly HeaderStack[] = []
  /** Widths of register cells, by index. */
  registerWidths: readonly number[] = []
  fieldListIds: ReadonlySet<number> = new Set()
  learnListIds: ReadonlySet<number> = new Set()
  private readonly names = new Map<ObjectKind, Map<string, number>>()

  define(kind: ObjectKind, name: string, index: number): void {
    let map = this.names.get(kind)
    if (map === undefined) this.names.set(kind, map = new Map())
    if (map.has(name)) throw new ProgramProblem(`two objects of kind ${kind} are named ${name}`)
    map.set(name, index)
  }

  find(kind: ObjectKind, name: string): number {
    const index = this.names.get(kind)?.get(name)
    if (index === undefined) throw new ProgramProblem(`no ${kind} is named ${name}`)
    return index
  }

  header(index: number): HeaderInstance {
    const header = this.headers[index]
    if (header === undefined) throw new ProgramProblem(`header number ${index} does not exist`)
    return header
  }

  stack(index: number): HeaderStack {
    const stack = this.stacks[index]
    if (stack === undefined) throw new ProgramProblem(`header stack number ${index} does not exist`)
    return stack
  }

  /** [header, field] → indices, or the header whose validity bit is meant. */
  field(value: unknown, where: string): { readonly kind: 'field'; readonly ref: FieldRef } | { readonly kind: 'validBit'; readonly header: number } {
    const pair = asArray(value, where)
    const header = this.find('header', asString(pair[0], where))
    const name = asString(pair[1], where)
    if (name === '$valid$') return { kind: 'validBit', header }
    return { kind: 'field', ref: { header, field: this.fieldIndex(header, name) } }
  }

  plainField(value: unknown, where: string): FieldRef {
    const found = this.field(value, where)
    if (found.kind === 'validBit') throw new ProgramProblem(`${where}: the validity bit cannot stand here`)
    return found.ref
  }

  fieldIndex(header: number, name: string): number {
    const index = this.header(header).type.fields.findIndex(field => field.name === name)
    if (index < 0) throw new ProgramProblem(`header ${this.header(header).name} has no field ${name}`)
    return index
  }

  stackField(value: unknown, where: string): { readonly stack: number; readonly field: number } {
    const pair = asArray(value, where)
    const stack = this.find('header stack', asString(pair[0], where))
    const name = asString(pair[1], where)
    const field = this.stack(stack).type.fields.findIndex(candidate => candidate.name === name)
    if (field < 0) throw new ProgramProblem(`header stack ${this.stack(stack).name} has no field ${name}`)
    return { stack, field }
  }
}

/** The runtime data an expression may refer to: that of the action it stands in. */
export type Params = readonly ActionParam[]
