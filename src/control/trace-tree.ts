/**
 * A trace as a tree, and its text as Open vSwitch indents it: actions and remarks stand below their table; the table that follows with
 * nothing behind it begins at the margin again, so that a long way through the tables does not walk to the right.
 */

type Kind = 'bridge' | 'table' | 'action' | 'bucket' | 'detail' | 'warn' | 'error'
export interface TraceNode { readonly kind: Kind; readonly text: string; readonly below: TraceNode[] }

export function add(list: TraceNode[], kind: Kind, text: string): TraceNode[] {
  const node: TraceNode = { kind, text, below: [] }
  list.push(node)
  return node.below
}

const marks: Readonly<Partial<Record<Kind, string>>> = { detail: ' -> ', warn: ' >> ', error: ' >>>> ' }

export function formatTree(nodes: readonly TraceNode[], level = 0): string {
  return nodes.map((node, at) => {
    const isIndented = at < nodes.length - 1 || (node.kind !== 'bridge' && node.kind !== 'table')
    const inner = level + (isIndented ? 2 : 0)
    const underline = node.kind === 'bridge' ? `${'-'.repeat(node.text.length)}\n` : ''
    return `${' '.repeat((level + (isIndented ? 1 : 0)) * 4)}${marks[node.kind] ?? ''}${node.text}${node.kind === 'error' ? ' <<<<' : ''}\n${underline}${formatTree(node.below, inner)}`
  }).join('')
}
