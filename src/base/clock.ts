/** Time as data: nothing below `agent` reads a clock, it is told the time. */

/** Milliseconds on a monotonic clock with an arbitrary origin. */
export type Millis = number

/** null: never. */
export const earliest = (a: Millis | null, b: Millis | null): Millis | null => a === null ? b : b === null ? a : Math.min(a, b)

export const monotonicNow = (): Millis => performance.now()
