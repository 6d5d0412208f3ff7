// Generates the protobuf code from proto/ where it is stale, then compiles TypeScript into dist/.
import { execFileSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = (script, ...args) => execFileSync(process.execPath, [join(root, script), ...args], { cwd: root, stdio: 'inherit' })

run('scripts/generate-proto.mjs')
run('node_modules/typescript/bin/tsc', '-p', '.')
// npx runs it as a program.
for (const program of ['main.js', 'ofswitchctl.js']) chmodSync(join(root, 'dist/src/cli', program), 0o755)
