/** Runs ovs-ofctl beside a switch, and reads its text form of flows. */
import { type Finished, type RunOptions } from './netns-process.js'
import type { Namespace } from './netns.js'

/** The word TARGET in the arguments stands for the switch. */
export function ofctl(namespace: Namespace, listener: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return namespace.run('ovs-ofctl', args.map((arg) => arg === 'TARGET' ? listener : arg), options)
}

export interface DumpedFlow { readonly table: number; readonly packets: number; readonly text: string }

/** The flows of `ovs-ofctl dump-flows` (with statistics), one each; the text is match and actions without them. */
export function parseDumpedFlows(dump: string): DumpedFlow[] {
  return dump.split('\n').filter((line) => /^\s*cookie=/.test(line)).map((line) => ({
    table: Number(/table=(\d+)/.exec(line)?.[1] ?? 0),
    packets: Number(/n_packets=(\d+)/.exec(line)?.[1] ?? -1),
    text: line.replace(/^\s*cookie=\S+ /, '').replace(/(duration|n_packets|n_bytes|idle_age|hard_age)=[^,]+, ?/g, '').trim(),
  }))
}
