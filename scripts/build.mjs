// Generates the protobuf code from proto/ where it is stale, then compiles TypeScript into dist/.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = new URL('..', import.meta.url).pathname
const bin = (name) => join(root, 'node_modules', '.bin', name)
const run = (cmd, args) => execFileSync(cmd, args, { cwd: root, stdio: 'inherit' })

if (existsSync(join(root, 'scripts/generate-proto.mjs'))) run(process.execPath, ['scripts/generate-proto.mjs'])
run(bin('tsc'), ['-p', '.'])
