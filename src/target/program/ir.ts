/**
 * The validated form of a BMv2 program: what read.ts makes of the JSON that p4c-bm2-ss writes (format 2.x), with every
 * name resolved to an index. The code generators trust it completely, so nothing in here may come unchecked from the
 * input: names are only ever used as map keys and in messages, never in generated code.
 */
export interface FieldDef {
  readonly name: string
  /** Bits; for a varbit field the most it can hold. */
  readonly width: number
  readonly signed: boolean
  readonly varbit: boolean
}
export interface HeaderType { readonly name: string; readonly fields: readonly FieldDef[]; readonly maxBytes: number }
export interface HeaderInstance { readonly name: string; readonly type: HeaderType; readonly metadata: boolean }
export interface HeaderStack { readonly name: string; readonly type: HeaderType; readonly headers: readonly number[] }

export interface FieldRef { readonly header: number; readonly field: number }

export type BinaryOp = '+' | '-' | '*' | '/' | '%' | '<<' | '>>' | '&' | '|' | '^'
export type CompareOp = '==' | '!=' | '<' | '<=' | '>' | '>='
/** A header named in the program, or the element of a stack that an expression picks. */
export type HeaderExpr =
  | { readonly kind: 'header'; readonly header: number }
  | { readonly kind: 'element'; readonly stack: number; readonly index: DataExpr }
export type DataExpr =
  | { readonly kind: 'const'; readonly value: bigint }
  | { readonly kind: 'field'; readonly ref: FieldRef }
  | { readonly kind: 'validBit'; readonly header: number }
  | { readonly kind: 'param'; readonly index: number; readonly width: number }
  | { readonly kind: 'lastField'; readonly stack: number; readonly field: number }
  | { readonly kind: 'access'; readonly header: HeaderExpr; readonly field: number }
  | { readonly kind: 'register'; readonly array: number; readonly index: DataExpr }
  | { readonly kind: 'binary'; readonly op: BinaryOp; readonly left: DataExpr; readonly right: DataExpr }
  | { readonly kind: 'negate'; readonly operand: DataExpr }
  | { readonly kind: 'choose'; readonly cond: BoolExpr; readonly left: DataExpr; readonly right: DataExpr }
  | { readonly kind: 'cast'; readonly op: 'two_comp_mod' | 'usat_cast' | 'sat_cast'; readonly operand: DataExpr; readonly width: number }
  | { readonly kind: 'boolToData'; readonly operand: BoolExpr }
  | { readonly kind: 'lastIndex'; readonly stack: number }
  | { readonly kind: 'stackSize'; readonly stack: number }
export type BoolExpr =
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'compare'; readonly op: CompareOp; readonly left: DataExpr; readonly right: DataExpr }
  | { readonly kind: 'sameBool'; readonly negated: boolean; readonly left: BoolExpr; readonly right: BoolExpr }
  | { readonly kind: 'sameHeader'; readonly negated: boolean; readonly left: HeaderExpr; readonly right: HeaderExpr }
  | { readonly kind: 'sameVarbit'; readonly negated: boolean; readonly left: FieldRef; readonly right: FieldRef }
  | { readonly kind: 'and' | 'or'; readonly left: BoolExpr; readonly right: BoolExpr }
  | { readonly kind: 'not'; readonly operand: BoolExpr }
  | { readonly kind: 'isValid'; readonly header: HeaderExpr }
  | { readonly kind: 'dataToBool'; readonly operand: DataExpr }
  | { readonly kind: 'chooseBool'; readonly cond: BoolExpr; readonly left: BoolExpr; readonly right: BoolExpr }

/** Where a value can be stored. */
export type Place =
  | { readonly kind: 'field'; readonly ref: FieldRef }
  | { readonly kind: 'lastField'; readonly stack: number; readonly field: number }
  | { readonly kind: 'access'; readonly header: HeaderExpr; readonly field: number }
  | { readonly kind: 'register'; readonly array: number; readonly index: DataExpr }

export type Primitive =
  | { readonly op: 'assign'; readonly to: Place; readonly value: DataExpr }
  | { readonly op: 'assignVarbit'; readonly to: FieldRef; readonly from: FieldRef }
  | { readonly op: 'assignHeader'; readonly to: HeaderExpr; readonly from: HeaderExpr }
  | { readonly op: 'assignStack'; readonly to: number; readonly from: number }
  | { readonly op: 'setValid' | 'setInvalid'; readonly header: HeaderExpr }
  | { readonly op: 'push' | 'pop'; readonly stack: number; readonly count: DataExpr }
  | { readonly op: 'markToDrop' }
  | { readonly op: 'jump'; readonly target: number }
  | { readonly op: 'jumpIfZero'; readonly cond: DataExpr; readonly target: number }
  | { readonly op: 'exit' }
  | { readonly op: 'noop' }
  | { readonly op: 'check'; readonly what: 'assert' | 'assume'; readonly cond: DataExpr; readonly text: string }
  | { readonly op: 'log'; readonly format: string; readonly args: readonly DataExpr[] }
  | { readonly op: 'clone'; readonly session: DataExpr; readonly fieldList: number }
  | { readonly op: 'resubmit' | 'recirculate' | 'digest'; readonly list: number }
  | { readonly op: 'truncate'; readonly length: DataExpr }
  | { readonly op: 'count'; readonly counter: number; readonly index: DataExpr }
  | { readonly op: 'executeMeter'; readonly meter: number; readonly index: DataExpr; readonly to: Place }
  | { readonly op: 'registerRead'; readonly to: Place; readonly array: number; readonly index: DataExpr }
  | { readonly op: 'registerWrite'; readonly array: number; readonly index: DataExpr; readonly value: DataExpr }
  | { readonly op: 'hash'; readonly to: Place; readonly base: DataExpr; readonly calculation: number; readonly size: DataExpr }
  | { readonly op: 'random'; readonly to: Place; readonly low: DataExpr; readonly high: DataExpr }

export interface ActionParam { readonly name: string; readonly width: number }
export interface Action { readonly name: string; readonly params: readonly ActionParam[]; readonly primitives: readonly Primitive[] }

export type ParserOp =
  | { readonly op: 'extract'; readonly header: number }
  | { readonly op: 'extractNext'; readonly stack: number }
  | { readonly op: 'extractVarbit'; readonly header: number; readonly bits: DataExpr }
  | { readonly op: 'extractNextVarbit'; readonly stack: number; readonly bits: DataExpr }
  | { readonly op: 'setVarbit'; readonly to: FieldRef; readonly from: FieldRef }
  | { readonly op: 'setLookahead'; readonly to: FieldRef; readonly offset: number; readonly width: number }
  | { readonly op: 'verify'; readonly cond: BoolExpr; readonly error: DataExpr }
  | { readonly op: 'advance'; readonly bits: DataExpr }
  | { readonly op: 'primitive'; readonly primitive: Primitive }
export type TransitionKey =
  | { readonly kind: 'data'; readonly value: DataExpr; readonly width: number }
  | { readonly kind: 'lookahead'; readonly offset: number; readonly width: number }
export interface Transition {
  /** One value and mask for each field of the key; [] matches always. */
  readonly match: readonly { readonly value: bigint; readonly mask: bigint }[]
  /** Index of the next state; -1 accepts. */
  readonly next: number
}
export interface ParserState {
  readonly name: string
  readonly ops: readonly ParserOp[]
  readonly key: readonly TransitionKey[]
  readonly transitions: readonly Transition[]
}

export type CalculationInput =
  | { readonly kind: 'field'; readonly ref: FieldRef }
  | { readonly kind: 'const'; readonly value: bigint; readonly width: number }
  | { readonly kind: 'header'; readonly header: number }
  | { readonly kind: 'payload' }
export const hashAlgorithms = ['crc16', 'crc32', 'crcCCITT', 'csum16', 'cksum16', 'xor16', 'xor32', 'identity',
  'crc16_custom', 'crc32_custom', 'round_robin', 'round_robin_consistent'] as const
export type HashAlgorithm = (typeof hashAlgorithms)[number]
export interface Calculation { readonly name: string; readonly algorithm: HashAlgorithm; readonly inputs: readonly CalculationInput[] }
export interface Checksum {
  readonly name: string; readonly target: FieldRef; readonly calculation: number
  readonly verify: boolean; readonly update: boolean; readonly cond: BoolExpr | null
}

export type MatchKind = 'exact' | 'lpm' | 'ternary' | 'range'
export interface KeyField {
  readonly name: string
  readonly match: MatchKind
  /** A field of a header, or its validity bit. */
  readonly source: { readonly kind: 'field'; readonly ref: FieldRef } | { readonly kind: 'validBit'; readonly header: number }
  readonly width: number
  readonly mask: bigint | null
}
export interface ActionCall { readonly action: number; readonly args: readonly bigint[] }
export type KeyMatch =
  | { readonly kind: 'exact'; readonly value: bigint }
  | { readonly kind: 'lpm'; readonly value: bigint; readonly length: number }
  | { readonly kind: 'ternary'; readonly value: bigint; readonly mask: bigint }
  | { readonly kind: 'range'; readonly low: bigint; readonly high: bigint }
export interface ConstEntry { readonly match: readonly KeyMatch[]; readonly call: ActionCall; /** BMv2's: lower wins. */ readonly priority: number }
/** Where the pipeline goes after a table: by hit or miss, or by the action that ran. -1 ends the pipeline. */
export type NextNodes =
  | { readonly kind: 'hitMiss'; readonly hit: number; readonly miss: number }
  | { readonly kind: 'byAction'; readonly nodes: ReadonlyMap<number, number>; readonly missDefault: number }
export interface TableDef {
  readonly name: string
  readonly match: MatchKind
  readonly key: readonly KeyField[]
  readonly size: number
  readonly actions: readonly number[]
  readonly next: NextNodes
  readonly withCounters: boolean
  readonly withTimeouts: boolean
  readonly directMeter: number | null
  readonly actionProfile: number | null
  readonly defaultCall: ActionCall | null
  readonly defaultConst: { readonly action: boolean; readonly entry: boolean }
  readonly constEntries: readonly ConstEntry[] | null
}
export type Node =
  | { readonly kind: 'table'; readonly table: number }
  | { readonly kind: 'cond'; readonly cond: BoolExpr; readonly whenTrue: number; readonly whenFalse: number }
  | { readonly kind: 'call'; readonly action: number; readonly next: number }
export interface Pipeline { readonly name: string; readonly first: number }

export interface MeterDef {
  readonly name: string; readonly unit: 'packets' | 'bytes'; readonly size: number; readonly direct: boolean
  readonly result: FieldRef | null
}
export interface CounterDef { readonly name: string; readonly size: number; readonly direct: boolean; readonly binding: string | null }
export interface RegisterDef { readonly name: string; readonly size: number; readonly width: number; readonly signed: boolean }
export interface ActionProfileDef { readonly name: string; readonly size: number; readonly selector: number | null }
export interface LearnList { readonly name: string; readonly elements: readonly FieldRef[] }

export interface Program {
  readonly headers: readonly HeaderInstance[]
  readonly stacks: readonly HeaderStack[]
  readonly errors: ReadonlyMap<string, number>
  readonly fieldLists: ReadonlyMap<number, readonly FieldRef[]>
  readonly learnLists: ReadonlyMap<number, LearnList>
  readonly parserStates: readonly ParserState[]
  readonly parserStart: number
  readonly deparserOrder: readonly number[]
  readonly calculations: readonly Calculation[]
  readonly checksums: readonly Checksum[]
  readonly actions: readonly Action[]
  readonly tables: readonly TableDef[]
  readonly nodes: readonly Node[]
  readonly ingress: Pipeline
  readonly egress: Pipeline
  readonly meters: readonly MeterDef[]
  readonly counters: readonly CounterDef[]
  readonly registers: readonly RegisterDef[]
  readonly actionProfiles: readonly ActionProfileDef[]
  /** Standard metadata by the names simple_switch uses, after field aliases. Absent fields are absent in the program. */
  readonly standard: ReadonlyMap<string, FieldRef>
}
