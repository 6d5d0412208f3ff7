// Compiles p4/*.p4 programs to BMv2 JSON and P4Info with p4c-bm2-ss (on the PATH, or $P4C), and records the hash of the
// sources they came from. Usage: npm run compile-p4
// The JSON is written without source positions: they are four fifths of it and change with every edit.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

const root = new URL('..', import.meta.url).pathname
/** Each program: its main file and what it includes, in one place for this script and for the test that checks the hash. */
const programs = JSON.parse(readFileSync(join(root, 'p4/programs.json'), 'utf8'))

function sourceHash(files) {
  const hash = createHash('sha256')
  for (const file of [...files].sort()) hash.update(`${file}\0`).update(readFileSync(join(root, 'p4', file))).update('\0')
  return hash.digest('hex')
}

const withoutPositions = (key, value) => (key === 'source_info' ? undefined : value)

for (const { name, main, includes } of programs) {
  const out = mkdtempSync(join(tmpdir(), 'compile-p4-'))
  try {
    const json = join(out, 'program.json')
    const p4info = join(out, 'program.txtpb')
    execFileSync(process.env.P4C ?? 'p4c-bm2-ss', [basename(main), '-o', json, '--p4runtime-files', p4info],
      { cwd: join(root, 'p4', dirname(main)), stdio: ['ignore', 'inherit', 'inherit'] })
    const program = JSON.parse(readFileSync(json, 'utf8'))
    program.program = main
    writeFileSync(join(root, 'p4', `${name}.json`), JSON.stringify(program, withoutPositions) + '\n')
    writeFileSync(join(root, 'p4', `${name}.p4info.txtpb`), readFileSync(p4info))
    writeFileSync(join(root, 'p4', `${name}.sha256`), `${sourceHash([main, ...includes])}\n`)
    console.log(`${name}: compiled`)
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}
