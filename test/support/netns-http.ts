/** An HTTP client inside a namespace, for JSON: one helper process that takes a request a line and answers with a line. */
import type { Daemon } from './netns-process.js'
import type { Namespace } from './netns.js'

export interface HttpAnswer {
  /** 0 where nothing answered. */
  readonly status: number
  /** Undefined where the answer has no body, or none in JSON. */
  readonly body: unknown
}

export class NamespaceHttp {
  readonly #helper: Daemon
  readonly #waiting: ((answer: HttpAnswer) => void)[] = []
  readonly #base: string

  /** The addresses of requests are relative to `base`, e.g. `http://127.0.0.1:8080`. */
  constructor(namespace: Namespace, base: string) {
    this.#base = base
    this.#helper = namespace.daemon('http client', 'python3', ['-u', '-c', CLIENT])
    let rest = ''
    this.#helper.child.stdout.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#waiting.shift()?.(JSON.parse(line) as HttpAnswer)
    })
    void this.#helper.ended.then(() => { for (const answer of this.#waiting.splice(0)) answer({ status: 0, body: undefined }) })
  }

  request(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<HttpAnswer> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#helper.child.stdin.write(`${JSON.stringify([method, this.#base + path, body === undefined ? null : JSON.stringify(body)])}\n`)
    })
  }
}

const CLIENT = `
import json, sys, urllib.error, urllib.request
for line in sys.stdin:
    method, url, body = json.loads(line)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body and body.encode(), method=method), timeout=10) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    except OSError:
        status, text = 0, b''
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    print(json.dumps({'status': status, 'body': value}))
`
