/** The process in a contender's namespace that makes load; it is told what to do by messages. See worker-client.ts. */
import { OpenFlowLoad } from './openflow-load.js'
import { P4RuntimeLoad } from './p4runtime-load.js'
import { Traffic } from './traffic.js'

interface Question { readonly id: number; readonly method: string; readonly argument: unknown }

const [kind = '', ...rest] = process.argv.slice(2)
const numbers = rest.map(Number)
const open = (): Promise<object> => {
  switch (kind) {
    case 'openflow': return OpenFlowLoad.open(numbers[0] ?? 0)
    case 'p4runtime': return P4RuntimeLoad.open(numbers[0] ?? 0, numbers.slice(1))
    case 'traffic': return Traffic.open(numbers.map((port) => ({ port, name: `w${port}` })))
    default: throw new Error(`no load of kind '${kind}'`)
  }
}

const answer = (id: number, run: () => unknown): void => {
  Promise.resolve().then(run).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.stack ?? error.message : String(error) }))
}
const opened = open()
answer(0, async () => { await opened })
process.on('message', ({ id, method, argument }: Question) => answer(id, async () => {
  const load = await opened as Record<string, (argument: unknown) => unknown>
  return load[method]?.(argument)
}))
process.on('disconnect', () => process.exit(0))
