/** Public face of the management client. */
export { commands, portNumbers, type Context, type CtlCommand } from './commands.js'
export { askControl, controlSocket } from './control-client.js'
export { OpenFlowClient } from './openflow-client.js'
