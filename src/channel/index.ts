/** Public face of the controller connections. */
export { ChannelSet } from './channel-set.js'
export type {
  ChannelSetEvents, ChannelSetOptions, ChannelSetStatus, ConnectionKind, ConnectionStatus, ControllerOptions, EndpointStatus, OpenConnection,
  ReconfigurableOptions,
} from './channel-options.js'
export { defaultLimits } from './limits.js'
export type { ChannelLimits } from './limits.js'
export type { ConnectionCounters } from './connection-types.js'
export { listen } from './listener.js'
export type { Listener } from './listener.js'
