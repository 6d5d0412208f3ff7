/** Ports as people name them: by number, by the name of the interface, or a reserved one. */
import { Port, type PortDesc } from '../openflow/model.js'

const reserved: Readonly<Record<string, number>> = {
  IN_PORT: Port.IN_PORT, TABLE: Port.TABLE, NORMAL: Port.NORMAL, FLOOD: Port.FLOOD, ALL: Port.ALL, CONTROLLER: Port.CONTROLLER, LOCAL: Port.LOCAL,
  ANY: Port.ANY, NONE: Port.ANY,
}
/** Reserved ports of OpenFlow 1.0 have 16 bits: 0xfffe is LOCAL. OF 1.0 §5.2.1 */
const FIRST_RESERVED_16 = 0xff00
const WIDEN = 0xffff0000

/** Null for what is no port. */
export function parsePortName(text: string, ports: readonly PortDesc[]): number | null {
  if (/^(0x[0-9a-f]+|[0-9]+)$/i.test(text)) {
    const number = Number(text)
    if (number >= FIRST_RESERVED_16 && number <= 0xffff) return number + WIDEN
    return number <= Port.ANY ? number : null
  }
  const upper = text.toUpperCase()
  if (Object.hasOwn(reserved, upper)) return reserved[upper] ?? null
  const name = /^"(.*)"$/.exec(text)?.[1] ?? text
  return ports.find((port) => port.name === name)?.portNo ?? null
}
