/** The options of `ofswitchd` itself, in the order of the usage text. */
import { readNumber, readPort, readText } from './arguments.js'
import type { ConfigOption, OptionSpec } from './arguments.js'

const config = (option: ConfigOption): ConfigOption => option

export const switchOptions = {
  'target': config({ value: 'embedded|HOST:PORT', key: 'target', read: readText }),
  'device-id': config({ value: 'NUMBER', key: 'deviceId', read: readNumber }),
  'datapath-id': config({ value: 'ID', key: 'datapathId', read: readText }),
  'port': config({ value: 'NUMBER@INTERFACE', key: 'ports', read: readPort, list: 'element', repeatable: true }),
  'controller': config({ value: 'CONNECTION', key: 'controllers', read: readText, list: 'element', repeatable: true }),
  'listen': config({ value: 'CONNECTION', key: 'listen', read: readText, list: 'element', repeatable: true }),
  'private-key': config({ value: 'FILE', key: 'privateKey', read: readText }),
  'certificate': config({ value: 'FILE', key: 'certificate', read: readText }),
  'ca-cert': config({ value: 'FILE', key: 'caCert', read: readText }),
  'bootstrap-ca-cert': config({ value: 'FILE', key: 'bootstrapCaCert', read: readText }),
  'bridge': config({ value: 'NAME', key: 'bridge', read: readText }),
  'rundir': config({ value: 'DIR', key: 'rundir', read: readText }),
  'control-name': config({ value: 'NAME', key: 'controlName', read: readText }),
  'protocols': config({ value: 'OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15', key: 'protocols', read: readText, list: 'split' }),
  'fail-mode': config({ value: 'secure|standalone', key: 'failMode', read: readText }),
  'log-level': config({ value: 'LEVEL', key: 'logLevel', read: readText }),
  'config': { value: 'FILE' },
  'check-config': {},
  'pidfile': { value: 'FILE' },
  'version': {},
  'help': {},
} satisfies Record<string, OptionSpec | ConfigOption>

export const quickStartOptions = {
  'controller': switchOptions.controller,
  'listen': switchOptions.listen,
  'log-level': switchOptions['log-level'],
  'help': {},
} satisfies Record<string, OptionSpec | ConfigOption>

export const reloadOptions = {
  'pidfile': { value: 'FILE' },
  'help': {},
} satisfies Record<string, OptionSpec>

export const targetOptions = {
  'listen': { value: 'HOST:PORT' },
  'device-id': switchOptions['device-id'],
  'port': switchOptions.port,
  'log-level': switchOptions['log-level'],
  'pidfile': { value: 'FILE' },
  'help': {},
} satisfies Record<string, OptionSpec | ConfigOption>
