/** Public face of the control socket. */
export { openControlPoint, type ControlPoint } from './control-point.js'
export type { ExplainingSwitch } from './explain-command.js'
export type { TracedSwitch } from './trace-command.js'
export type { BucketChoice, TableVisit, TracedOutput, TracedPacket, TraceStart } from './traced-packet.js'
