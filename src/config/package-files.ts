/** Files that come with the package: found from where this module lies, whether it was built into dist/ or elsewhere. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SwitchError } from '../base/errors.js'

let root: string | null = null

/** The folder with our package.json. */
export function packageRoot(): string {
  if (root !== null) return root
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return (root = folder)
    if (dirname(folder) === folder) throw new SwitchError('config.package', 'the package.json of ofswitchd is missing')
  }
}

export const productVersion = (): string => {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  return version
}

export const defaultPipelineFiles = (): { readonly p4info: string; readonly json: string } => ({
  p4info: join(packageRoot(), 'p4', 'ofswitchd.p4info.txtpb'),
  json: join(packageRoot(), 'p4', 'ofswitchd.json'),
})
