/**
 * Numbers of flows and hosts where several switches share a target: each gives others, so that a number that comes back from the
 * target (with a counter, an idle timeout) tells whose it is.
 *
 *   switch i of n:  i, i + n, i + 2n … (not 0) up to 0xffffffef, and 0xffffffff − i for the flow that standalone-flow.ts makes
 */
import type { FlowId } from './pipeline.js'

/** Which of how many switches; the first is 0, and there are 16 at most. */
export interface IdShare { readonly index: number; readonly count: number }

const LAST = 0xffffffef
const TOP = 0xffffffff

export const ALL_IDS: IdShare = { index: 0, count: 1 }
export const standaloneId = ({ index }: IdShare): FlowId => TOP - index
/** The number after this one, which may be 0; after the last comes the first. */
export function idAfter({ index, count }: IdShare, id: FlowId): FlowId {
  const first = index === 0 ? count : index
  return id === 0 || id + count > LAST ? first : id + count
}
/** The index of the switch that has given a number. */
export const ownerOf = (id: FlowId, count: number): number => (id > LAST ? TOP - id : id % count)
