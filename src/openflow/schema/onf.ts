/** What the ONF published as extensions of OpenFlow 1.3 and later versions took over. ONF EXT-230 (bundles) */
import type { Codec } from '../buffer.js'
import type { Message } from '../model.js'
import { monitorCancel, monitorPaused, monitorResumed } from './nicira.js'
import type { ExtensionRow } from './extensions.js'
import { declared } from './extensions.js'
import { bundleControl } from './bundles.js'
import { roleStatus } from './control.js'
import { ONF } from './errors.js'

export const onfMessages = (bundleAdd: Codec<Message>): readonly ExtensionRow[] => [
  { type: 'bundle_add', experimenter: ONF, expType: 2301, versions: '1.3', body: bundleAdd },
  { type: 'nx_flow_monitor_cancel', experimenter: ONF, expType: 1870, versions: '1.3', body: monitorCancel },
  { type: 'nx_flow_monitor_paused', experimenter: ONF, expType: 1871, versions: '1.3', body: monitorPaused },
  { type: 'nx_flow_monitor_resumed', experimenter: ONF, expType: 1872, versions: '1.3', body: monitorResumed },
  { type: 'role_status', experimenter: ONF, expType: 1911, versions: '1.3', body: declared(roleStatus) },
  { type: 'bundle_control', experimenter: ONF, expType: 2300, versions: '1.3', body: declared(bundleControl) },
]
