// Runs the compiled tests (dist/test/**/*.test.js) with node:test; words given to it select files by their path.
//
// Test files run two at a time: those with namespaces use private ones, so they do not meet, but a small machine must
// still answer in time. Everything that was skipped is listed, with its reason, right before node:test's summary.
// Files in which something failed run once more, alone: what fails twice fails the run, what does not is named.
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Transform } from 'node:stream'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tests = join(root, 'dist/test')
const words = process.argv.slice(2)
process.chdir(root)

/** More failures than this are no accident. */
const AGAIN_AT_MOST = 5

/** The long ones first, so that the last minutes are not spent on one of two lanes. */
const longFirst = ['e2e/faucet', 'e2e/differential', 'conformance/', 'e2e/']
const rank = (file) => { const at = longFirst.findIndex((part) => file.startsWith(part)); return at < 0 ? longFirst.length : at }

const files = readdirSync(tests, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.test.js') && (words.length === 0 || words.some((word) => file.includes(word))))
  .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
if (files.length === 0) {
  console.error(`no test file matches ${words.join(' ')}`)
  process.exit(2)
}

/** Reason → names of what was skipped for it. */
const skipped = new Map()
const noteSkip = ({ skip, name, file }) => {
  if (skip === undefined || skip === false) return
  const reason = typeof skip === 'string' && skip !== '' ? skip : 'no reason given'
  const where = file === undefined ? name : `${relative(tests, file)}: ${name}`
  skipped.set(reason, [...skipped.get(reason) ?? [], where])
}

/** The summary begins with the diagnostic `tests N` of no nesting; the list of what was skipped goes before it. */
const skipsBeforeSummary = new Transform({
  objectMode: true,
  transform(event, _encoding, done) {
    if (event.type === 'test:diagnostic' && event.data.nesting === 0 && /^tests \d+$/.test(event.data.message)) {
      const lines = [...skipped].flatMap(([reason, names]) => [`skipped ${names.length} because ${reason}`, ...names.map((name) => `    ${name}`)])
      for (const message of lines.length > 0 ? lines : ['nothing was skipped'])
        this.push({ type: 'test:diagnostic', data: { nesting: 0, message } })
    }
    done(null, event)
  },
})

/** Runs the files, `concurrency` at a time; resolves with those in which something failed. */
const runFiles = (chosen, concurrency, ...filters) => new Promise((resolve) => {
  const failed = new Set()
  const stream = run({ files: chosen.map((file) => join(tests, file)), concurrency, timeout: 15 * 60_000 })
  stream.on('test:pass', noteSkip)
  // What fails outside any file of ours (a process that dies) is laid to all of them.
  stream.on('test:fail', ({ todo, file }) => { if (todo === undefined || todo === false) for (const name of file === undefined ? chosen : [relative(tests, file)]) failed.add(name) })
  const report = filters.reduce((from, filter) => from.pipe(filter), stream).compose(new spec())
  report.on('end', () => { resolve([...failed]) })
  report.pipe(process.stdout, { end: false })
})

let failed = await runFiles(files, 2, skipsBeforeSummary)
// A machine with more to do than it can makes real switches and controllers late. What fails twice, the second time alone, is broken;
// what passes then is named, since it may be a race.
if (failed.length > 0 && failed.length <= AGAIN_AT_MOST) {
  console.log(`\nagain, each alone: ${failed.join(', ')}`)
  const twice = await runFiles(failed, 1)
  for (const file of failed) console.log(twice.includes(file) ? `failed twice: ${file}` : `failed once, passed alone: ${file}`)
  failed = twice
}
process.exitCode = failed.length > 0 ? 1 : 0
