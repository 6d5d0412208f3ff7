/** A load generator in a process of its own inside a namespace. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { atExit } from '../support/netns-process.js'
import type { Namespace, Sandbox } from '../support/netns.js'

const main = fileURLToPath(new URL('./worker.js', import.meta.url))

interface Answer { readonly id: number; readonly value?: unknown; readonly error?: string }
interface Waiting { resolve(value: unknown): void; reject(error: Error): void }

export class WorkerClient {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  readonly #what: string
  #next = 1

  private constructor(namespace: Namespace, args: readonly string[]) {
    this.#what = args.join(' ')
    this.#child = spawn('ip', ['netns', 'exec', namespace.name, process.execPath, main, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' })
    const forget = atExit(() => { this.#child.kill('SIGKILL') })
    this.#child.on('message', ({ id, value, error }: Answer) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(value)
      else waiting?.reject(new Error(`${this.#what}: ${error}`))
    })
    this.#child.on('exit', (code) => {
      forget()
      for (const { reject } of this.#waiting.values()) reject(new Error(`${this.#what} has ended with ${code}`))
      this.#waiting.clear()
    })
  }

  static async start(sandbox: Sandbox, namespace: Namespace, ...args: readonly (string | number)[]): Promise<WorkerClient> {
    const client = new WorkerClient(namespace, args.map(String))
    sandbox.onClose(() => {
      // What is still under way belongs to a run that has failed, which is told elsewhere.
      client.#waiting.clear()
      client.#child.kill('SIGKILL')
      return Promise.resolve()
    })
    await client.#answer(0)
    return client
  }

  /** Calls a method of the load. */
  ask(method: string, argument: unknown = {}): Promise<unknown> {
    const id = this.#next++
    const answer = this.#answer(id)
    this.#child.send({ id, method, argument })
    return answer
  }
  #answer(id: number): Promise<unknown> { return new Promise((resolve, reject) => { this.#waiting.set(id, { resolve, reject }) }) }
}
