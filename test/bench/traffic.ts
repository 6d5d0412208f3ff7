/**
 * Packets through a switch from outside: frames go in at port 1 and come out at others, with so many under way that the
 * switch is always busy and no queue overflows. What comes back makes room for the next.
 */
import { createPortDriver } from '../../src/target/ports/index.js'
import type { PortDriver } from '../../src/target/ports/index.js'
import { frameTo } from './flows.js'

export interface TrafficTask {
  /** How many destination addresses, in a fixed irregular order. */
  readonly addresses: number
  readonly ms: number
  readonly window: number
  /** The port whose frames are counted; others are thrown away. */
  readonly outPort: number
}
/** A packet that is not back in this time is lost, and replaced. */
const LOST_MS = 500

export class Traffic {
  readonly #driver: PortDriver
  #onFrame: (port: number) => void = () => undefined
  readonly #frames = new Map<number, readonly Uint8Array[]>()

  private constructor(driver: PortDriver) { this.#driver = driver }

  static async open(interfaces: readonly { readonly port: number; readonly name: string }[]): Promise<Traffic> {
    const driver = await createPortDriver({ kind: 'linux', interfaces })
    const traffic = new Traffic(driver)
    await driver.start((port) => traffic.#onFrame(port))
    return traffic
  }

  /** Packets a second that have come out, and how many were lost. */
  run({ addresses, ms, window, outPort }: TrafficTask): Promise<{ pps: number; lost: number }> {
    const frames = this.#framesTo(addresses)
    return new Promise((resolve) => {
      let at = 0
      let underWay = 0
      let received = 0
      let lost = 0
      const fill = (): void => {
        for (; underWay < window; underWay++) this.#driver.send(1, frames[at++ % frames.length] as Uint8Array)
      }
      const begin = performance.now()
      let lastSeen = begin
      this.#onFrame = (port) => {
        if (port !== outPort) return
        received++
        if (underWay > 0) underWay--
        if (underWay <= window / 2) fill()
      }
      let before = 0
      const timer = setInterval(() => {
        const now = performance.now()
        if (received !== before) lastSeen = now
        before = received
        if (now - lastSeen > LOST_MS) {
          lost += underWay
          underWay = 0
          lastSeen = now
          fill()
        }
        if (now - begin < ms) return
        clearInterval(timer)
        this.#onFrame = () => undefined
        resolve({ pps: received / (now - begin) * 1000, lost })
      }, 20)
      fill()
    })
  }

  close(): void { void this.#driver.stop() }

  #framesTo(addresses: number): readonly Uint8Array[] {
    const known = this.#frames.get(addresses)
    if (known !== undefined) return known
    // A stride without a common divisor visits every address, and no two neighbours in a row.
    const frames = Array.from({ length: addresses }, (_, n) => frameTo((n * 7919) % addresses))
    this.#frames.set(addresses, frames)
    return frames
  }
}
