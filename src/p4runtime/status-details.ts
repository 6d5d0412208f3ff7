/**
 * The status of each update of a failed Write, as gRPC carries it: a google.rpc.Status in the trailer
 * "grpc-status-details-bin", in which the details are one p4.v1.Error for each update. P4RT 1.4 §12.3.
 */
import { google, p4 } from '../p4proto/generated.js'
import type { RpcError } from '../p4proto/service.js'

export const STATUS_DETAILS_KEY = 'grpc-status-details-bin'
const ERROR_TYPE = 'type.googleapis.com/p4.v1.Error'

export type UpdateStatuses = RpcError['updateStatuses']

/** The statuses in a trailer; [] where there are none or where they are not what P4Runtime says they are. */
export function decodeStatusDetails(bytes: Uint8Array): UpdateStatuses {
  try {
    const details = google.rpc.Status.decode(bytes).details
    if (details.some(({ type_url }) => !type_url?.endsWith('/p4.v1.Error'))) return []
    return details.map(({ value }) => {
      const error = p4.v1.Error.decode(value ?? new Uint8Array(0))
      return { code: error.canonicalCode, message: error.message }
    })
  } catch {
    // A trailer that cannot be read says as much as one that is absent: nothing about single updates.
    return []
  }
}

export function encodeStatusDetails(code: number, message: string, statuses: UpdateStatuses): Uint8Array {
  const details = statuses.map((status) => ({
    type_url: ERROR_TYPE,
    value: p4.v1.Error.encode({ canonicalCode: status.code, message: status.message }).finish(),
  }))
  return google.rpc.Status.encode({ code, message, details }).finish()
}
