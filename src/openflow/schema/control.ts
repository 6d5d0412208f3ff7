/**
 * Roles, the status of controllers, and what a switch says of bundles (bundles themselves are in bundles.ts).
 * OF 1.3.5 §7.3.9; OF 1.4.1 §7.4.4; OF 1.5.1 §7.3.8, §7.3.5.18, §7.3.5.19, §7.4.8.
 */
import type { Codec } from '../buffer.js'
import { codecOf } from '../compile.js'
import type { Layout } from '../layout.js'
import { choice, f, layout, n64, nested, pad, size, spread, u16, u32 } from '../layout.js'
import type {
  BundleTimeFeatures, Controller, ControllerStatus, Role, RoleReply, RoleRequest, RoleStatus, SwitchTime,
} from '../model.js'
import { noProperties, propertyList, single } from './properties.js'
import { readText, writeText } from '../utf8.js'

const ROLES = ['nochange', 'equal', 'master', 'slave'] as const satisfies readonly Role[]
const role = choice(4, ROLES, 'OFPRRFC_BAD_ROLE')
const ranges = {
  '1.2-1.4': [f('role', role), pad(4), f('generationId', n64)],
  '1.5+': [f('role', role), f('shortId', u16), pad(2), f('generationId', n64)],
} as const
export const roleRequest: Layout<RoleRequest> = layout('OFPT_ROLE_REQUEST', ranges, { constants: { type: 'role_request' } })
export const roleReply: Layout<RoleReply> = layout('OFPT_ROLE_REPLY', ranges, { constants: { type: 'role_reply' }, drop: ['shortId'] })
export const roleStatus: Layout<RoleStatus> = layout('OFPT_ROLE_STATUS', {
  '1.3+': [
    f('role', role), f('reason', choice(1, ['master_request', 'config', 'experimenter'], 'OFPBRC_BAD_TYPE')), pad(3), f('generationId', n64),
    spread(noProperties),
  ],
}, { constants: { type: 'role_status' } })

const time: Layout<SwitchTime> = layout('ofp_time', { '1.5+': [f('seconds', n64), f('nanoseconds', u32), pad(4)] }, { lengthError: 'OFPBPC_BAD_LEN' })
const NO_TIME: SwitchTime = { seconds: 0n, nanoseconds: 0 }

const times = layout('ofp_bundle_features_prop_time', {
  '1.5+': [
    pad(4), nested('schedAccuracy', codecOf(time, NO_TIME)), nested('schedMaxFuture', codecOf(time, NO_TIME)),
    nested('schedMaxPast', codecOf(time, NO_TIME)), nested('timestamp', codecOf(time, NO_TIME)),
  ],
}, { lengthError: 'OFPBPC_BAD_LEN' })
const NO_TIMES: BundleTimeFeatures = { schedAccuracy: NO_TIME, schedMaxFuture: NO_TIME, schedMaxPast: NO_TIME, timestamp: NO_TIME }
type Scheduled = { readonly time: BundleTimeFeatures | null }
const featureProperties = propertyList<Scheduled>({ time: null }, [single(1, 'time', codecOf(times, NO_TIMES))])
/** OFPMP_BUNDLE_FEATURES: 32 bits of flags in the request, 16 bits of capabilities in the reply. OF 1.5.1 §7.3.5.19 */
export const bundleFeaturesRequest = layout('ofp_bundle_features_request', { '1.5+': [f('flags', u32), pad(4), spread(featureProperties)] })
export const bundleFeatures = layout('ofp_bundle_features', { '1.5+': [f('capabilities', u16), pad(6), spread(featureProperties)] })

const uri: Codec<string> = {
  empty: '',
  decode(r, at, end) {
    r.at = end
    return readText(r.bytes, at, end - at)
  },
  encode(w, value) {
    const room = new Uint8Array(4 * value.length + 1)
    writeText(room, 0, room.length, value)
    w.append(room.subarray(0, room.indexOf(0)))
  },
}
const STATUS = choice(1, ['request', 'channel_status', 'role', 'controller_added', 'controller_removed', 'short_id', 'experimenter'], 'OFPBRC_BAD_TYPE')
type Located = Pick<Controller, 'uri'>
/** In the multipart reply and, the same, in the message. */
export const controllerStatus: Layout<Controller> = layout('ofp_controller_status', {
  '1.5+': [
    size, f('shortId', u16), f('role', role), f('reason', STATUS), f('channel', choice(1, ['up', 'down'], 'OFPBRC_BAD_TYPE')), pad(6),
    spread(propertyList<Located>({ uri: null }, [single(0, 'uri', uri)])),
  ],
})
const NO_CONTROLLER: Controller = { shortId: 0, role: 'nochange', reason: 'request', channel: 'up', uri: null }
export const controllerStatusMessage: Layout<ControllerStatus> = layout('OFPT_CONTROLLER_STATUS', {
  '1.5+': [nested('controller', codecOf(controllerStatus, NO_CONTROLLER))],
}, { constants: { type: 'controller_status' } })
