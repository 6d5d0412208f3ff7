/**
 * Typed access to parsed JSON for the readers of a BMv2 program. A value of the wrong kind raises a ProgramProblem that
 * says where it stands; `Problems` gathers them, so that a refused program comes back with all reasons at once.
 */
export type JsonObject = Readonly<Record<string, unknown>>

/** One reason why a program cannot be loaded. Never leaves loadProgram(). */
export class ProgramProblem extends Error {}

export const asObject = (value: unknown, where: string): JsonObject => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProgramProblem(`${where} is not an object`)
  return value as JsonObject
}
export const asArray = (value: unknown, where: string): readonly unknown[] => {
  if (!Array.isArray(value)) throw new ProgramProblem(`${where} is not an array`)
  return value
}
/** A list that older writers leave out when it is empty. */
export const asOptionalArray = (value: unknown, where: string): readonly unknown[] => value === undefined ? [] : asArray(value, where)
export const asString = (value: unknown, where: string): string => {
  if (typeof value !== 'string') throw new ProgramProblem(`${where} is not a string`)
  return value
}
export const asInt = (value: unknown, where: string, max = 0x7fffffff): number => {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw new ProgramProblem(`${where} is not an integer in 0…${max}`)
  }
  return value
}
export const asBoolean = (value: unknown, where: string): boolean => {
  if (typeof value !== 'boolean') throw new ProgramProblem(`${where} is not a boolean`)
  return value
}

/** BMv2's hexadecimal strings: an optional sign, an optional 0x. */
export const asHex = (value: unknown, where: string): bigint => {
  const match = /^(-?)(?:0x)?([0-9a-fA-F]+)$/.exec(asString(value, where))
  if (match === null) throw new ProgramProblem(`${where} is not a hexadecimal string`)
  const magnitude = BigInt(`0x${match[2]}`)
  return match[1] === '-' ? -magnitude : magnitude
}

export class Problems {
  readonly list: string[] = []

  /** Runs `read`; a problem in it is noted and `fallback` stands in, so that reading goes on. */
  attempt<T>(fallback: T, read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof ProgramProblem)) throw error
      this.list.push(error.message)
      return fallback
    }
  }
}
