/** The switches there are to test, and why one of them cannot be tested here. */
import { onPath } from './netns-process.js'
import { whyNoNamespaces } from './netns.js'
import { openVSwitchSubject } from './ovs-subject.js'
import { bmv2Subject, embeddedSubject, remoteEmbeddedSubject } from './subject-ofswitchd.js'
import type { Subject } from './subject.js'

/** Open vSwitch first: where it fails, the test is wrong. */
export const subjects: readonly Subject[] = [openVSwitchSubject, embeddedSubject, remoteEmbeddedSubject, bmv2Subject]
export const oracle: Subject = openVSwitchSubject
/** The subjects that are compared with the oracle. */
export const ownSubjects: readonly Subject[] = [embeddedSubject, bmv2Subject]
/** With a real controller; Open vSwitch shows that the scenario itself works. */
export const controllerSubjects: readonly Subject[] = [openVSwitchSubject, embeddedSubject, bmv2Subject]
export const targetSubjects: readonly Subject[] = [remoteEmbeddedSubject, bmv2Subject]

/** The reason to skip a test with these subjects here, in the form node:test takes. */
export function skipReason(...needed: readonly (Subject | string | undefined)[]): string | false {
  const reasons = [whyNoNamespaces(), ...needed.map((each) => typeof each === 'object' ? each.whyNot() : each)]
  return reasons.find((reason) => reason !== undefined) ?? false
}

export const whyNoOfctl = (): string | undefined =>
  onPath('ovs-ofctl') === undefined ? 'ovs-ofctl (openvswitch-common) is not installed' : undefined
