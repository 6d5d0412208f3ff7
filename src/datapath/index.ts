/** Public face of the datapath: the state machine, what goes in and out, and what it needs of a pipeline. */
export { Datapath } from './datapath.js'
export type { ConnectionView, FlowView } from './datapath.js'
export * from './events.js'
export type { FailModeConfig } from './fail-mode.js'
export { whyNotStandalone } from './standalone-flow.js'
export type { Explanation } from './explain.js'
export * from './pipeline.js'
export type { HostView } from './hosts.js'
