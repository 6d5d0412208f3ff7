/** The canonical codes of gRPC, as far as P4Runtime uses them. P4RT 1.4 §11 */
export const codes = {
  ok: 0, cancelled: 1, unknown: 2, invalidArgument: 3, deadlineExceeded: 4, notFound: 5, alreadyExists: 6, permissionDenied: 7,
  resourceExhausted: 8, failedPrecondition: 9, aborted: 10, outOfRange: 11, unimplemented: 12, internal: 13, unavailable: 14,
} as const

const names = new Map<number, string>(Object.entries(codes).map(([name, code]) => [code, name.replace(/[A-Z]/g, '_$&').toUpperCase()]))
/** "ALREADY_EXISTS" for 6. */
export const codeName = (code: number): string => names.get(code) ?? `code ${code}`
