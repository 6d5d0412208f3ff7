#!/usr/bin/env node
/**
 * The command line. Exit status: 0 clean, 1 failure at run time, 2 a mistake in the options or the configuration.
 * Commands are loaded when they are used, so that --help and --check-config are quick.
 */
import { SwitchError, messageOf } from '../base/errors.js'
import { ConfigError, formatProblem, productVersion } from '../config/index.js'
import { quickStartUsage, reloadUsage, targetUsage, usage } from './usage.js'

const commands: Readonly<Record<string, { readonly usage: string; readonly run: (args: readonly string[]) => Promise<number> }>> = {
  'quick-start': { usage: quickStartUsage, run: async (args) => (await import('./quick-start.js')).quickStart(args) },
  'reload': { usage: reloadUsage, run: async (args) => (await import('./reload.js')).reload(args) },
  'target': { usage: targetUsage, run: async (args) => (await import('./target.js')).target(args) },
}

async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args
  if (first === undefined) {
    process.stderr.write(usage)
    return 2
  }
  const command = Object.hasOwn(commands, first) ? commands[first] : undefined
  if (command === undefined && !first.startsWith('-')) {
    process.stderr.write(`ofswitchd: '${first}' is not a command; the commands are ${Object.keys(commands).join(', ')}, or none\n`)
    return 2
  }
  if (args.includes('--help')) {
    process.stdout.write(command?.usage ?? usage)
    return 0
  }
  if (args.includes('--version')) {
    process.stdout.write(`ofswitchd ${productVersion()}\n`)
    return 0
  }
  if (command !== undefined) return command.run(rest)
  return (await import('./run.js')).run(args)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (error instanceof ConfigError) {
    for (const problem of error.problems) process.stderr.write(`ofswitchd: ${formatProblem(problem)}\n`)
    process.stderr.write("ofswitchd: 'ofswitchd --help' lists the options\n")
    process.exitCode = 2
  } else {
    process.stderr.write(`ofswitchd: ${messageOf(error)}\n`)
    process.exitCode = error instanceof SwitchError && error.code.startsWith('config.') ? 2 : 1
  }
}
// What could not be closed must not keep the process: this fires only if something still does.
setTimeout(() => process.exit(), 100).unref()
