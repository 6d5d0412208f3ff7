/** Time as data: nothing below `agent` reads a clock, it is told the time. */

/** Milliseconds on a monotonic clock with an arbitrary origin. */
export type Millis = number

export const monotonicNow = (): Millis => performance.now()
