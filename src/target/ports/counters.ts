/** Counters of one port, seen from the switch: rx is what came in. */
import type { PortCounters } from './port-driver.js'

export const zeroCounters = (): PortCounters =>
  ({ rxPackets: 0n, rxBytes: 0n, txPackets: 0n, txBytes: 0n, rxDropped: 0n, txDropped: 0n })

/** Counts in doubles, exact up to 2^53; bigint only when somebody asks. */
export class PortTally {
  rxPackets = 0
  rxBytes = 0
  txPackets = 0
  txBytes = 0
  rxDropped = 0
  txDropped = 0

  received(size: number): void {
    this.rxPackets++
    this.rxBytes += size
  }

  sent(size: number): void {
    this.txPackets++
    this.txBytes += size
  }

  toCounters(): PortCounters {
    return {
      rxPackets: BigInt(this.rxPackets), rxBytes: BigInt(this.rxBytes), txPackets: BigInt(this.txPackets),
      txBytes: BigInt(this.txBytes), rxDropped: BigInt(this.rxDropped), txDropped: BigInt(this.txDropped),
    }
  }
}
