/** The few commands of the quick start that can be typed where it runs on a terminal. */
import { createInterface } from 'node:readline'
import { messageOf } from '../base/errors.js'

export interface PromptActions {
  /** Host names as typed; resolves with the line to print. */
  ping(from: string, to: string): Promise<string>
  quit(): void
}
type Input = NodeJS.ReadableStream & { readonly isTTY?: boolean }

const help = 'commands: ping FROM TO (ping h1 h3), quit'

/** Returns the function that ends it. Does nothing where the input is no terminal: a pipe's end is not the user's wish. */
export function readCommands(input: Input, output: NodeJS.WritableStream, actions: PromptActions): () => void {
  if (input.isTTY !== true) return () => {}
  const lines = createInterface({ input, output, terminal: false })
  lines.on('line', (line) => {
    answer(line, actions)
      .catch((error: unknown) => messageOf(error))
      .then((text) => { if (text !== '') output.write(`${text}\n`) }, () => {})
  })
  return () => lines.close()
}

export async function answer(line: string, actions: PromptActions): Promise<string> {
  const [command = '', ...words] = line.trim().split(/\s+/)
  switch (command) {
    case '': return ''
    case 'ping': return words.length === 2 ? actions.ping(words[0] ?? '', words[1] ?? '') : help
    case 'quit':
    case 'exit':
      actions.quit()
      return ''
    default: return help
  }
}
