/**
 * Reads and validates a BMv2 program (JSON format 2.0 … 2.x, as p4c-bm2-ss writes it) into the form of ir.ts. A program
 * that needs something the target lacks is refused with all reasons, each naming the object concerned.
 * Not supported: header unions, parser value sets, externs beyond v1model, saturating fields, deparser statements.
 */
import { hashAlgorithms } from './ir.js'
import type {
  ActionProfileDef, Calculation, CalculationInput, Checksum, CounterDef, FieldDef, FieldRef, HashAlgorithm, HeaderInstance,
  HeaderStack, HeaderType, LearnList, MeterDef, Node, ParserState, Program, RegisterDef, TableDef,
} from './ir.js'
import { asArray, asBoolean, asHex, asInt, asObject, asOptionalArray, asString, ProgramProblem, Problems } from './json.js'
import type { JsonObject } from './json.js'
import { maxFieldBits, readAction } from './read-action.js'
import { readBool } from './read-expression.js'
import { readParserState } from './read-parser.js'
import { readPipeline } from './read-pipeline.js'
import { Scope } from './scope.js'

export type ReadResult = { readonly ok: true; readonly program: Program } | { readonly ok: false; readonly reasons: readonly string[] }

/** Cells of an array of registers, counters or meters; as many as BMv2 allows entries in a table. */
const maxCells = 0xffffff

export const readProgram = (json: unknown): ReadResult => {
  const problems = new Problems()
  const program = problems.attempt(null, () => readRoot(asObject(json, 'the program'), problems))
  return program === null || problems.list.length > 0 ? { ok: false, reasons: [...new Set(problems.list)] } : { ok: true, program }
}

const readRoot = (root: JsonObject, problems: Problems): Program => {
  checkVersion(root)
  const scope = new Scope()
  readHeaders(root, scope, problems)
  for (const kind of ['header_unions', 'header_union_stacks', 'parse_vsets', 'extern_instances'] as const) {
    for (const item of asOptionalArray(root[kind], kind)) problems.list.push(`${kind} are not supported (${String(asObject(item, kind)['name'])})`)
  }
  const list = <T>(source: unknown, what: string, read: (item: JsonObject) => T): T[] => asOptionalArray(source, what)
    .flatMap(item => problems.attempt<T[]>([], () => [read(asObject(item, what))]))

  const registers = list(root['register_arrays'], 'register array', (item): RegisterDef => ({
    ...sized(item, 'register array'), width: asInt(item['bitwidth'], 'register width', maxFieldBits), signed: false,
  }))
  registers.forEach((register, index) => scope.define('register array', register.name, index))
  scope.registerWidths = registers.map(register => register.width)
  const meters = list(root['meter_arrays'], 'meter array', item => readMeter(item, scope))
  meters.forEach((meter, index) => scope.define('meter array', meter.name, index))
  const counters = list(root['counter_arrays'], 'counter array', (item): CounterDef => {
    const direct = item['is_direct'] === true
    const name = asString(item['name'], 'counter array')
    if (direct) return { name, size: 0, direct, binding: asString(item['binding'], `counter ${name}: binding`) }
    return { name, size: asInt(item['size'], `counter ${name}: size`, maxCells), direct, binding: null }
  })
  counters.forEach((counter, index) => scope.define('counter array', counter.name, index))
  const calculations = list(root['calculations'], 'calculation', item => readCalculation(item, scope))
  calculations.forEach((calculation, index) => scope.define('calculation', calculation.name, index))

  const fieldLists = new Map<number, readonly FieldRef[]>()
  for (const item of asOptionalArray(root['field_lists'], 'field_lists')) {
    const object = asObject(item, 'field list')
    const id = asInt(object['id'], 'field list id')
    fieldLists.set(id, problems.attempt([], () => readFields(object, scope, `field list ${String(object['name'])}`)))
  }
  const learnLists = new Map<number, LearnList>()
  for (const item of asOptionalArray(root['learn_lists'], 'learn_lists')) {
    const object = asObject(item, 'learn list')
    const name = asString(object['name'], 'learn list name')
    learnLists.set(asInt(object['id'], 'learn list id'), { name, elements: problems.attempt([], () => readFields(object, scope, `digest ${name}`)) })
  }
  scope.fieldListIds = new Set(fieldLists.keys())
  scope.learnListIds = new Set(learnLists.keys())

  const actionSources = asArray(root['actions'], 'actions')
  actionSources.forEach((item, index) => scope.define('action id', String(asInt(asObject(item, 'action')['id'], 'action id')), index))
  const actions = actionSources.map(item => problems.attempt({ name: '', params: [], primitives: [] }, () => readAction(item, scope)))

  const parser = onlyOne(root['parsers'], 'parser')
  const { parserStates, parserStart } = readParser(parser, scope, problems)
  const deparser = onlyOne(root['deparsers'], 'deparser')
  if (asOptionalArray(deparser['primitives'], 'deparser primitives').length > 0) {
    problems.list.push('statements in the deparser other than emit are not supported')
  }
  const deparserOrder = asArray(deparser['order'], 'deparser order').map(name => scope.find('header', asString(name, 'deparser order')))
  const checksums = list(root['checksums'], 'checksum', item => readChecksum(item, scope))

  const pipelines = asArray(root['pipelines'], 'pipelines')
  const actionProfiles: ActionProfileDef[] = []
  for (const pipeline of pipelines) {
    for (const item of asOptionalArray(asObject(pipeline, 'pipeline')['action_profiles'], 'action_profiles')) {
      const profile = problems.attempt(null, () => readActionProfile(asObject(item, 'action profile'), scope, calculations))
      if (profile === null) continue
      scope.define('action profile', profile.name, actionProfiles.length)
      actionProfiles.push(profile)
    }
  }
  const context = { scope, problems, actions, tables: [] as TableDef[], nodes: [] as Node[] }
  const named = new Map(pipelines.map(value => {
    const pipeline = readPipeline(value, context)
    return [pipeline.name, pipeline] as const
  }))
  const pipelineNamed = (name: string): { name: string; first: number } => {
    const pipeline = named.get(name)
    if (pipeline === undefined) throw new ProgramProblem(`the program has no ${name} pipeline`)
    return pipeline
  }
  return {
    headers: scope.headers, stacks: scope.stacks, errors: readErrors(root), fieldLists, learnLists, parserStates, parserStart, deparserOrder, calculations,
    checksums, actions, tables: context.tables, nodes: context.nodes, ingress: pipelineNamed('ingress'), egress: pipelineNamed('egress'), meters, counters,
    registers, actionProfiles, standard: readStandardMetadata(root, scope),
  }
}

const checkVersion = (root: JsonObject): void => {
  const meta = root['__meta__']
  if (meta === undefined) return
  const version = asArray(asObject(meta, '__meta__')['version'], '__meta__: version')
  if (version[0] !== 2) throw new ProgramProblem(`BMv2 JSON version ${version.join('.')} is not supported, only 2.x is`)
}

const onlyOne = (value: unknown, what: string): JsonObject => {
  const list = asArray(value, `${what}s`)
  if (list.length !== 1) throw new ProgramProblem(`a v1model program has one ${what}, this one has ${list.length}`)
  return asObject(list[0], what)
}

const sized = (item: JsonObject, what: string): { name: string; size: number } => {
  const name = asString(item['name'], what)
  return { name, size: asInt(item['size'], `${what} ${name}: size`, maxCells) }
}

const readHeaders = (root: JsonObject, scope: Scope, problems: Problems): void => {
  const types = new Map<string, HeaderType>()
  for (const item of asArray(root['header_types'], 'header_types')) {
    const type = readHeaderType(asObject(item, 'header type'), problems)
    types.set(type.name, type)
  }
  const typeOf = (name: string): HeaderType => {
    const type = types.get(name)
    if (type === undefined) throw new ProgramProblem(`no header type is named ${name}`)
    return type
  }
  const byId = new Map<number, number>()
  const headers: HeaderInstance[] = []
  for (const item of asArray(root['headers'], 'headers')) {
    const object = asObject(item, 'header')
    const name = asString(object['name'], 'header name')
    const type = typeOf(asString(object['header_type'], `header ${name}`))
    const metadata = asBoolean(object['metadata'], `header ${name}: metadata`)
    if (!metadata && type.fields.reduce((bits, field) => bits + (field.varbit ? 0 : field.width), 0) % 8 !== 0) {
      problems.list.push(`header ${name} is not a whole number of bytes`)
    }
    scope.define('header', name, headers.length)
    byId.set(asInt(object['id'], `header ${name}: id`), headers.length)
    headers.push({ name, type, metadata })
  }
  const taken = new Set<number>()
  const stacks: HeaderStack[] = asOptionalArray(root['header_stacks'], 'header_stacks').map((item, index) => {
    const object = asObject(item, 'header stack')
    const name = asString(object['name'], 'header stack name')
    scope.define('header stack', name, index)
    const type = typeOf(asString(object['header_type'], `header stack ${name}`))
    const members = asArray(object['header_ids'], `header stack ${name}`).map(id => {
      const header = byId.get(asInt(id, `header stack ${name}`))
      if (header === undefined || headers[header]?.type !== type) {
        throw new ProgramProblem(`header stack ${name} names a header that is missing or of another type`)
      }
      if (taken.has(header)) throw new ProgramProblem(`header stack ${name} shares a header with another stack`)
      taken.add(header)
      return header
    })
    if (members.length === 0) throw new ProgramProblem(`header stack ${name} is empty`)
    return { name, type, headers: members }
  })
  scope.headers = headers
  scope.stacks = stacks
}

const readHeaderType = (object: JsonObject, problems: Problems): HeaderType => {
  const name = asString(object['name'], 'header type name')
  const most = object['max_length'] ?? 0
  const maxBytes = asInt(most, `header type ${name}: max_length`, 1 << 16)
  let fixedBits = 0
  const tuples = asArray(object['fields'], `header type ${name}: fields`).map(field => asArray(field, `header type ${name}: field`))
  for (const tuple of tuples) fixedBits += typeof tuple[1] === 'number' ? tuple[1] : 0
  let varbits = 0
  const fields = tuples.map((tuple): FieldDef => {
    const fieldName = asString(tuple[0], `header type ${name}: field name`)
    if (tuple[3] === true) problems.list.push(`header type ${name}: saturating field ${fieldName} is not supported`)
    if (tuple[1] === '*') {
      if (++varbits > 1) problems.list.push(`header type ${name} has two varbit fields`)
      return { name: fieldName, width: Math.max(0, maxBytes * 8 - fixedBits), signed: false, varbit: true }
    }
    return { name: fieldName, width: asInt(tuple[1], `header type ${name}: width of ${fieldName}`, maxFieldBits), signed: tuple[2] === true, varbit: false }
  })
  if (object['length_exp'] !== undefined && object['length_exp'] !== null) {
    problems.list.push(`header type ${name}: length expressions (P4_14) are not supported`)
  }
  return { name, fields, maxBytes }
}

const readFields = (object: JsonObject, scope: Scope, where: string): FieldRef[] => asArray(object['elements'], where).map(item => {
  const element = asObject(item, where)
  if (element['type'] !== 'field') throw new ProgramProblem(`${where}: elements of type ${String(element['type'])} are not supported`)
  const ref = scope.plainField(element['value'], where)
  if (scope.header(ref.header).type.fields[ref.field]?.varbit === true) throw new ProgramProblem(`${where}: varbit elements are not supported`)
  return ref
})

const readMeter = (object: JsonObject, scope: Scope): MeterDef => {
  const name = asString(object['name'], 'meter array')
  const unit = asString(object['type'], `meter ${name}: type`)
  if (unit !== 'packets' && unit !== 'bytes') throw new ProgramProblem(`meter ${name}: unit ${unit} is not supported`)
  if (object['rate_count'] !== 2) throw new ProgramProblem(`meter ${name} has ${String(object['rate_count'])} rates, only 2 are supported`)
  const direct = object['is_direct'] === true
  return {
    name, unit, direct, size: direct ? 0 : asInt(object['size'], `meter ${name}: size`, maxCells),
    result: direct ? scope.plainField(object['result_target'], `meter ${name}: result_target`) : null,
  }
}

const algorithmOf = (value: unknown, where: string): HashAlgorithm => {
  const name = asString(value, `${where}: algorithm`)
  const known = hashAlgorithms.find(algorithm => algorithm === name)
  if (known === undefined) throw new ProgramProblem(`${where}: hash algorithm ${name} is not supported`)
  return known
}

const readInputs = (value: unknown, scope: Scope, where: string): CalculationInput[] => asArray(value, `${where}: input`).map(item => {
  const object = asObject(item, `${where}: input`)
  switch (object['type']) {
    case 'field': return { kind: 'field', ref: scope.plainField(object['value'], where) }
    case 'hexstr': {
      const width = asInt(object['bitwidth'], `${where}: width of a constant`, maxFieldBits)
      return { kind: 'const', value: BigInt.asUintN(width, asHex(object['value'], where)), width }
    }
    case 'header': return { kind: 'header', header: scope.find('header', asString(object['value'], where)) }
    case 'payload': return { kind: 'payload' }
    default: throw new ProgramProblem(`${where}: inputs of type ${String(object['type'])} are not supported`)
  }
})

const readCalculation = (object: JsonObject, scope: Scope): Calculation => {
  const name = asString(object['name'], 'calculation')
  return { name, algorithm: algorithmOf(object['algo'], `calculation ${name}`), inputs: readInputs(object['input'], scope, `calculation ${name}`) }
}

const readChecksum = (object: JsonObject, scope: Scope): Checksum => {
  const name = asString(object['name'], 'checksum')
  const where = `checksum ${name}`
  if (object['type'] !== 'generic') throw new ProgramProblem(`${where}: type ${String(object['type'])} is not supported`)
  const flag = (field: string): boolean => object[field] === undefined ? true : asBoolean(object[field], `${where}: ${field}`)
  return {
    name, target: scope.plainField(object['target'], where), calculation: scope.find('calculation', asString(object['calculation'], where)),
    verify: flag('verify'), update: flag('update'),
    cond: object['if_cond'] === null || object['if_cond'] === undefined ? null : readBool(object['if_cond'], scope, [], where),
  }
}

/** The selector of an action profile is one more calculation, over the key fields of match kind "selector". */
const readActionProfile = (object: JsonObject, scope: Scope, calculations: Calculation[]): ActionProfileDef => {
  const name = asString(object['name'], 'action profile')
  const size = asInt(object['max_size'], `action profile ${name}: max_size`)
  if (object['selector'] === undefined || object['selector'] === null) return { name, size, selector: null }
  const source = asObject(object['selector'], `action profile ${name}`)
  const where = `action profile ${name}`
  calculations.push({ name: `selector of ${name}`, algorithm: algorithmOf(source['algo'], where), inputs: readInputs(source['input'], scope, where) })
  return { name, size, selector: calculations.length - 1 }
}

const readParser = (parser: JsonObject, scope: Scope, problems: Problems): { parserStates: ParserState[]; parserStart: number } => {
  const sources = asArray(parser['parse_states'], 'parse_states')
  sources.forEach((item, index) => scope.define('parser state', asString(asObject(item, 'parser state')['name'], 'parser state name'), index))
  const nothing: ParserState = { name: '', ops: [], key: [], transitions: [] }
  const parserStates = sources.map(item => problems.attempt(nothing, () => readParserState(item, scope)))
  const init = parser['init_state']
  return { parserStates, parserStart: init === null || init === undefined ? -1 : scope.find('parser state', asString(init, 'parser: init_state')) }
}

const readErrors = (root: JsonObject): Map<string, number> => new Map(asOptionalArray(root['errors'], 'errors').map(item => {
  const pair = asArray(item, 'error')
  return [asString(pair[0], 'error name'), asInt(pair[1], 'error value')] as const
}))

/** simple_switch finds standard metadata by name, and by the aliases p4c writes for the intrinsic part of it. */
const readStandardMetadata = (root: JsonObject, scope: Scope): Map<string, FieldRef> => {
  const found = new Map<string, FieldRef>()
  scope.headers.forEach((header, index) => {
    if (header.name !== 'standard_metadata') return
    header.type.fields.forEach((field, fieldIndex) => found.set(field.name, { header: index, field: fieldIndex }))
  })
  for (const item of asOptionalArray(root['field_aliases'], 'field_aliases')) {
    const pair = asArray(item, 'field alias')
    const alias = asString(pair[0], 'field alias')
    found.set(alias.slice(alias.indexOf('.') + 1), scope.plainField(pair[1], `field alias ${alias}`))
  }
  for (const name of ['ingress_port', 'egress_spec', 'egress_port', 'instance_type', 'packet_length']) {
    if (!found.has(name)) throw new ProgramProblem(`the program has no standard_metadata.${name}`)
  }
  return found
}
