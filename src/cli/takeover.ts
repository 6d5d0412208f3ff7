/**
 * Who controls the switch of the quick start: the example controller, until a controller of the user's is there; then
 * the example one takes its flows back and closes, and it returns when the last other controller has gone.
 *
 *   example ──a controller opens──▶ stepping back ──▶ user's ──the last one closes──▶ example …
 */
import type { OpenConnection } from '../channel/index.js'

export interface ExampleController {
  start(): Promise<void>
  /** Takes its flows back first. */
  stop(): Promise<void>
}

export class Takeover {
  readonly #example: ExampleController
  readonly #isExample: (peer: string) => boolean
  readonly #say: (line: string) => void
  readonly #others = new Map<number, string>()
  /** What the example controller is doing, or will have done once `#work` has ended. */
  #exampleRuns = true
  #work: Promise<void> = Promise.resolve()
  #ended = false

  /** `example` runs already. `isExample` tells its connection by the peer's name. */
  constructor(example: ExampleController, isExample: (peer: string) => boolean, say: (line: string) => void) {
    this.#example = example
    this.#isExample = isExample
    this.#say = say
  }

  onOpen({ id, peer, kind }: OpenConnection): void {
    if (kind !== 'controller' || this.#isExample(peer)) return
    this.#others.set(id, peer)
    if (this.#exampleRuns) this.#say(`controller ${peer} is there: the example controller steps back`)
    else this.#say(`controller ${peer} is there`)
    this.#settle()
  }

  onClose(id: number, reason: string): void {
    const peer = this.#others.get(id)
    if (peer === undefined) return
    this.#others.delete(id)
    if (!this.#ended) this.#say(`controller ${peer} is gone (${reason})${this.#others.size === 0 ? ': the example controller takes over again' : ''}`)
    this.#settle()
  }

  /** After this the example controller is stopped and stays so. */
  async end(): Promise<void> {
    this.#ended = true
    await this.#work
    if (this.#exampleRuns) await this.#example.stop()
  }

  /** One change at a time, and always towards what is right by then. */
  #settle(): void {
    this.#work = this.#work.then(async () => {
      const wanted = this.#others.size === 0
      if (this.#ended || wanted === this.#exampleRuns) return
      this.#exampleRuns = wanted
      await (wanted ? this.#example.start() : this.#example.stop())
    }).catch((error: unknown) => this.#say(`example controller: ${error instanceof Error ? error.message : String(error)}`))
  }
}
