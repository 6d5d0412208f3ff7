/**
 * Child processes for black-box tests: commands that finish, daemons that have to be stopped, and polling.
 *
 * Everything started here is stopped by its own process id, also when the test file dies early: `atExit` runs its
 * callbacks synchronously from the process' exit handler, last registered first.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export interface Finished { readonly code: number; readonly stdout: string; readonly stderr: string }
export interface RunOptions {
  readonly input?: string
  readonly timeoutMs?: number
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

/** Runs a command to its end. A command that cannot be started or that overruns its time has exit code -1. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: options.env ?? process.env, cwd: options.cwd })
    let stdout = ''
    let stderr = ''
    const timer = setTimeout(() => {
      stderr += `\n[${command} was stopped after ${options.timeoutMs ?? 20_000} ms]`
      child.kill('SIGKILL')
    }, options.timeoutMs ?? 20_000)
    const finish = (code: number): void => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    }
    child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
    child.stdin.on('error', () => { /* the command did not read its input; its exit code tells */ })
    child.on('error', (error) => { stderr += String(error); finish(-1) })
    child.on('close', (code) => finish(code ?? -1))
    child.stdin.end(options.input ?? '')
  })
}

/** Runs a command that must succeed; the text of a failure carries what the command printed. */
export async function must(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const done = await run(command, args, options)
  if (done.code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${done.code}:\n${done.stderr}${done.stdout}`)
  return done.stdout
}

/** A process that runs until it is stopped; its output is kept for failure reports and for polling. */
export class Daemon {
  readonly name: string
  readonly child: ChildProcessWithoutNullStreams
  /** Resolves with the exit code (or the signal's name) once the process and its pipes are gone. */
  readonly ended: Promise<number | string>
  #log = ''
  #running = true
  readonly #forget: () => void

  constructor(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.name = name
    this.child = spawn(command, args, { env })
    this.child.stdin.on('error', () => { /* the process has gone; `ended` tells */ })
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => { this.#log = (this.#log + text).slice(-1_000_000) })
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => { this.#log += String(error); this.#running = false; resolve(-1) })
      this.child.on('close', (code, signal) => { this.#running = false; this.#forget(); resolve(code ?? signal ?? -1) })
    })
    this.#forget = atExit(() => { this.child.kill('SIGKILL') })
  }

  get log(): string { return this.#log }
  get running(): boolean { return this.#running }

  kill(signal: NodeJS.Signals): void { this.child.kill(signal) }

  /** Asks the process to end, and insists after `graceMs`. Returns how it ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 5000): Promise<number | string> {
    if (!this.#running) return this.ended
    this.child.kill(signal)
    const insist = setTimeout(() => this.child.kill('SIGKILL'), graceMs)
    const end = await this.ended
    clearTimeout(insist)
    return end
  }
}

/** Polls until `probe` gives something other than undefined or false; fails with `what` (and its last words) in time. */
export async function until<T>(
  what: string | (() => string), probe: () => Promise<T | undefined | false> | T | undefined | false, timeoutMs = 10_000, everyMs = 50,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await probe()
    if (value !== undefined && value !== false) return value
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for: ${typeof what === 'string' ? what : what()}`)
    await delay(everyMs)
  }
}

/** The full path of a command, or undefined where it is not installed. sbin folders count, as they do for root. */
export function onPath(command: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, command)).find(isExecutable)
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const exitCallbacks: (() => void)[] = []
let hooked = false

/** Registers a synchronous last resort; the returned function takes it back. */
export function atExit(callback: () => void): () => void {
  if (!hooked) {
    hooked = true
    process.on('exit', () => { for (const each of exitCallbacks.splice(0).reverse()) each() })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
  }
  exitCallbacks.push(callback)
  return () => {
    const at = exitCallbacks.indexOf(callback)
    if (at >= 0) exitCallbacks.splice(at, 1)
  }
}
