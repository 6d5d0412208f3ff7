/** Public face of the control socket. */
export { openControlPoint, type ControlPoint } from './control-point.js'
export type { ControlledSwitch } from './controlled-switch.js'
