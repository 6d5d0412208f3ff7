/** Refusals of the P4Runtime server: canonical gRPC codes and the one way to raise them. P4RT 1.4 §11 */
import { codes } from '../../p4proto/codes.js'
import { RpcError } from '../../p4proto/service.js'

export { codes }
export type Code = keyof typeof codes

export const refuse = (code: Code, message: string): never => { throw new RpcError(codes[code], message) }
