// Runs the compiled tests (dist/test/**/*.test.js) with node:test; words given to it select files by their path.
//
// Test files run two at a time: those with namespaces use private ones, so they do not meet, but a small machine must
// still answer in time. Everything that was skipped is listed, with its reason, right before node:test's summary.
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

const stream = run({ files: files.map((file) => join(tests, file)), concurrency: 2, timeout: 15 * 60_000 })
stream.on('test:pass', noteSkip)
stream.on('test:fail', ({ todo }) => { if (todo === undefined || todo === false) process.exitCode = 1 })
stream.pipe(skipsBeforeSummary).compose(new spec()).pipe(process.stdout)
