/**
 * Copies of a few bytes that do not live long. An array of more than 64 bytes of its own is allocated, accounted for and freed
 * outside of V8's heap, which takes ten times as long as copying; here many share one piece of memory, which goes with the
 * last of them. What is to be kept for long must not come from here: it would keep all the rest.
 */

const SLAB_BYTES = 64 * 1024
/** Above this a copy has an array of its own. */
const MOST = 4096

let slab = new Uint8Array(SLAB_BYTES)
let used = 0

/** The bytes from `start` to `end`, which the caller may change; not in a buffer of their own. */
export function shortLived(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const size = end - start
  if (size > MOST) return bytes.slice(start, end)
  if (SLAB_BYTES - used < size) {
    slab = new Uint8Array(SLAB_BYTES)
    used = 0
  }
  const copy = slab.subarray(used, used + size)
  used += size
  copy.set(size === bytes.length ? bytes : bytes.subarray(start, end))
  return copy
}
