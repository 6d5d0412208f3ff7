/** What a script of this folder printed, command by command, and what of it can be compared between two switches. */

export interface Step { readonly command: string; readonly output: string }

export function steps(transcript: string): readonly Step[] {
  return transcript.split(/^\$ /m).slice(1).map((part) => {
    const at = part.indexOf('\n')
    return { command: part.slice(0, at), output: part.slice(at + 1) }
  })
}

/** Ports of a datapath (from dpif/show) → OpenFlow numbers. */
export function portNumbers(dpifShow: string): ReadonlyMap<string, string> {
  return new Map([...dpifShow.matchAll(/^ +p\d+ (\d+)\/(\d+):/gm)].map(([, portNo = '', number = '']) => [number, portNo]))
}

/**
 * Without what is each switch's own: the bits of Open vSwitch's cache, the continuations of its controller action, the order in which
 * a switch lists flows and floods. Ports of the datapath become OpenFlow's.
 */
export function comparable({ command, output }: Step, ports: ReadonlyMap<string, string>): string {
  const text = output.replace(/^Megaflow: .*\n/m, '').replace(/^This flow is handled by the userspace slow path because it:\n(?: {2}- .*\n)+/m, '')
    .replace(/userspace\(pid=\d+,controller\(reason=(\d+),.*?rule_cookie=(\w+),controller_id=0,max_len=(\d+)\)\)/g, 'userspace(controller(reason=$1,rule_cookie=$2,max_len=$3))')
    // Faucet spreads its timeouts; Open vSwitch answers 1.0 with an extension of its own.
    .replace(/(hard|idle)_timeout=\d+/g, '$1_timeout=N').replace(/^NXST_FLOW reply/m, 'OFPST_FLOW reply')
    .replace(/(duration|idle_age)=[^,]+, /g, '').replace(/ \(xid=0x[0-9a-f]+\)/g, '')
    .replace(/^Datapath actions: .*$/m, (line) => line.replace(/(?<=[ ,])\d+(?=,|$)/g, (number) => ports.get(number) ?? number))
  // What Open vSwitch learns from a packet of -generate it says in its trace; here the packet itself teaches.
  if (text.includes('learned that')) return comparable({ command, output: output.replace(/^ +-> learned that .*\n/m, '') }, ports)
  // Open vSwitch floods to its LOCAL port too; how old a host is depends on the moment.
  if (text.includes('flooding')) return text.replace(/^Datapath actions: .*$/m, '')
  if (command.includes('fdb/show')) return text.replace(/ +\d+$/gm, ' N')
  return command.includes('-flows') ? text.split('\n').sort().join('\n') : text
}
