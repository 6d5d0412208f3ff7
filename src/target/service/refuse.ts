/** Refusals of the P4Runtime server: canonical gRPC codes and the one way to raise them. P4RT 1.4 §11 */
import { RpcError } from '../../p4proto/service.js'

export const codes = {
  ok: 0, cancelled: 1, unknown: 2, invalidArgument: 3, notFound: 5, alreadyExists: 6, permissionDenied: 7, resourceExhausted: 8,
  failedPrecondition: 9, outOfRange: 11, unimplemented: 12, internal: 13, unavailable: 14,
} as const
export type Code = keyof typeof codes

export const refuse = (code: Code, message: string): never => { throw new RpcError(codes[code], message) }
