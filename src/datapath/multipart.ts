/**
 * Multipart requests that span several messages. OF 1.3.5 §7.3.5
 * Only table-features requests have a body that can be spread; parts belong together by connection and xid.
 */
import type { StatsRequest, StatsRequestBody, TableFeatures } from '../openflow/index.js'
import type { Connection } from './connections.js'
import { DONE, fail } from './state.js'
import type { Outcome } from './state.js'

/** How many requests may be incomplete at a time, and of how many parts each. */
const MAX_OPEN = 8
const MAX_PARTS = 512

/** The whole body with the last part; otherwise what becomes of this message. */
export function assemble(conn: Connection, request: StatsRequest, xid: number): { readonly body: StatsRequestBody } | Outcome {
  const earlier = conn.parts.get(xid)
  if (earlier === undefined && !request.more) return request
  const parts = [...(earlier ?? []), request]
  if (parts.some((part) => part.body.kind !== 'table_features')) {
    conn.parts.delete(xid)
    return fail('OFPBRC_BAD_LEN', `${request.body.kind} requests are not spread over several messages`)
  }
  if (parts.length > MAX_PARTS || (earlier === undefined && conn.parts.size >= MAX_OPEN)) {
    conn.parts.delete(xid)
    return fail('OFPBRC_MULTIPART_BUFFER_OVERFLOW', 'too many parts of multipart requests')
  }
  if (request.more) {
    conn.parts.set(xid, parts)
    return DONE
  }
  conn.parts.delete(xid)
  const tables: TableFeatures[] = []
  for (const { body } of parts) if (body.kind === 'table_features') tables.push(...body.tables)
  return { body: { kind: 'table_features', tables } }
}
