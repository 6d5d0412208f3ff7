/**
 * Packets that wait for an ingress pass: those that arrived, and those that come again (resubmitted, recirculated). Both
 * are first in, first out, and bounded. Those that come again go first, but only so many in a row.
 */

/** Of BMv2's queue for resubmitted and recirculated packets. */
const againCapacity = 1024
const arrivedCapacity = 8192
const againInARow = 64

/** Removes from the front without moving the rest at each removal. */
class Fifo<T> {
  private items: (T | undefined)[] = []
  private at = 0
  get length(): number { return this.items.length - this.at }
  push(item: T): void { this.items.push(item) }
  shift(): T | undefined {
    const item = this.items[this.at]
    this.items[this.at++] = undefined
    if (this.at >= this.items.length) this.clear()
    return item
  }
  clear(): void {
    this.items.length = 0
    this.at = 0
  }
}

export class WorkQueue<T> {
  private readonly arrived = new Fifo<T>()
  private readonly again = new Fifo<T>()
  private row = 0

  get isEmpty(): boolean { return this.arrived.length === 0 && this.again.length === 0 }

  /** False: full. */
  pushArrived(item: T): boolean { return push(this.arrived, item, arrivedCapacity) }
  pushAgain(item: T): boolean { return push(this.again, item, againCapacity) }

  next(): T | undefined {
    if (this.again.length > 0 && (this.row < againInARow || this.arrived.length === 0)) {
      this.row++
      return this.again.shift()
    }
    this.row = 0
    return this.arrived.length > 0 ? this.arrived.shift() : undefined
  }
}

const push = <T>(queue: Fifo<T>, item: T, capacity: number): boolean => {
  if (queue.length >= capacity) return false
  queue.push(item)
  return true
}
