/** A pass through the P4 program as text: a line for each table, with the entry that was hit and the action that ran. */
import { formatFrame } from '../packet/index.js'
import type { TraceStep } from '../target/index.js'

const instances: Readonly<Record<number, string>> = { 0: '', 1: ', a clone', 2: ', a clone of egress', 4: ', recirculated', 5: ', a copy', 6: ', resubmitted' }

export function describeSteps(steps: readonly TraceStep[]): readonly string[] {
  return steps.map((step) => {
    switch (step.kind) {
      case 'ingress': return `ingress, port ${step.port}${instances[step.type] ?? ''}`
      case 'egress': return `egress, port ${step.port}${step.instance === 0 ? '' : `, instance ${step.instance}`}`
      case 'drop': return `  dropped (${step.where})${step.text === undefined ? '' : `: ${step.text}`}`
      case 'clone': return `clone session ${step.id}: ${step.replicas} copies`
      case 'multicast': return `multicast group ${step.id}: ${step.replicas} copies`
      case 'resubmit': return 'resubmitted'
      case 'recirculate': return '  recirculated'
      case 'output': return `  sent on port ${step.port}: ${formatFrame(step.frame)}`
      case 'packet_in': return `  packet-in (${Object.entries(step.fields).map(([name, value]) => `${name}=${value}`).join(', ')}): ${formatFrame(step.frame)}`
      case 'table': {
        const { entry } = step
        const hit = entry === null ? 'default' : `entry of priority ${entry.priority}${entry.controllerMetadata === 0n ? '' : `, flow ${entry.controllerMetadata}`}`
        // What is 0 does nothing.
        const params = step.params.filter(({ value }) => value !== 0n).map(({ name, value }) => `${name}=${value > 9n ? `0x${value.toString(16)}` : value}`).join(', ')
        return `  ${step.table}: ${hit} → ${step.action ?? 'no action'}${params === '' ? '' : `(${params})`}`
      }
    }
  })
}
