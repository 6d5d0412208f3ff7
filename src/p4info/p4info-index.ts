/**
 * A P4Info made accessible by name and checked as a whole: P4InfoError lists every gap at once. Built from the text that
 * p4c writes (parse) or, where the session pushes it too, from the message.
 */
import { SwitchError } from '../base/errors.js'
import type { p4 } from '../p4proto/generated.js'
import { TextFormatError } from '../p4proto/text-format.js'
import { buildIndex } from './build.js'
import { parseP4InfoMessage } from './message.js'
import type {
  ActionInfo, ActionProfileInfo, ControllerHeaderInfo, CounterInfo, DigestInfo, MeterInfo, P4InfoParts, PackageInfo, TableInfo,
} from './model.js'

export class P4InfoError extends SwitchError {
  override readonly name = 'P4InfoError'
  readonly reasons: readonly string[]
  constructor(reasons: readonly string[], options: { readonly cause?: unknown } = {}) {
    super('config.p4info', `the P4Info cannot be used: ${reasons.join('; ')}`, options)
    this.reasons = reasons
  }
}

export class P4InfoIndex implements P4InfoParts {
  readonly packageInfo: PackageInfo
  readonly tables: ReadonlyMap<string, TableInfo>
  readonly actions: ReadonlyMap<string, ActionInfo>
  readonly counters: ReadonlyMap<string, CounterInfo>
  readonly meters: ReadonlyMap<string, MeterInfo>
  readonly actionProfiles: ReadonlyMap<string, ActionProfileInfo>
  readonly digests: ReadonlyMap<string, DigestInfo>
  readonly controllerHeaders: ReadonlyMap<string, ControllerHeaderInfo>
  readonly tableById: ReadonlyMap<number, TableInfo>
  readonly actionById: ReadonlyMap<number, ActionInfo>

  private constructor(parts: P4InfoParts) {
    this.packageInfo = parts.packageInfo
    this.tables = parts.tables
    this.actions = parts.actions
    this.counters = parts.counters
    this.meters = parts.meters
    this.actionProfiles = parts.actionProfiles
    this.digests = parts.digests
    this.controllerHeaders = parts.controllerHeaders
    this.tableById = new Map([...parts.tables.values()].map((table) => [table.id, table]))
    this.actionById = new Map([...parts.actions.values()].map((action) => [action.id, action]))
  }

  /** Reads *.p4info.txtpb. Throws P4InfoError. */
  static parse(text: string): P4InfoIndex {
    return P4InfoIndex.of(parseMessage(text))
  }

  /** For the layers that know the generated types. Throws P4InfoError. */
  static of(message: p4.config.v1.P4Info): P4InfoIndex {
    const reasons: string[] = []
    const parts = buildIndex(message, (reason) => reasons.push(reason))
    if (reasons.length > 0) throw new P4InfoError(reasons)
    return new P4InfoIndex(parts)
  }
}

/** A P4Info in all its forms: parsing the text takes as long as reading some ten thousand entries. */
export interface ParsedP4Info { readonly text: string; readonly message: p4.config.v1.P4Info; readonly index: P4InfoIndex }

/** Throws P4InfoError. */
export function parseP4Info(text: string): ParsedP4Info {
  const message = parseMessage(text)
  return { text, message, index: P4InfoIndex.of(message) }
}

/** The P4Info message of a *.p4info.txtpb. Throws P4InfoError. For the layers that know the generated types. */
export function parseMessage(text: string): p4.config.v1.P4Info {
  try {
    return parseP4InfoMessage(text)
  } catch (error) {
    if (error instanceof TextFormatError) throw new P4InfoError([error.message], { cause: error })
    throw error
  }
}
