/** Cases in which the switch once differed from the model, or might: each is played again. The name says what it is about. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { whyNoBmv2 } from '../unit/target/bmv2.js'
import { startBmv2Rig } from './bmv2-rig.js'
import { caseFromText, caseToText } from './case.js'
import { compare } from './compare.js'
import { startModelRig, type ModelRig } from './rig.js'

const folder = join(process.cwd(), 'test/model/vectors')

const subjects = [{ name: 'the embedded target', skip: false as const, start: () => startModelRig({ buffers: 8 }) }, { name: 'BMv2 with twins', skip: whyNoBmv2(), start: () => startBmv2Rig({ twinsFrom: 1, buffers: 8 }) }]

for (const { name, skip, start } of subjects) describe(`kept cases: the model = the switch on ${name}`, { skip }, () => {
  let rig: ModelRig
  before(async () => { rig = await start() })
  after(async () => { await rig.close() })

  for (const file of readdirSync(folder).sort())
    it(file.replace(/\.json$/, '').replaceAll('-', ' '), async () => {
      const text = readFileSync(join(folder, file), 'utf8')
      const kept = caseFromText(text)
      assert.equal(caseToText(kept), text, 'the file is not in the form that failures are printed in')
      assert.equal((await compare(rig, kept))?.text, undefined)
    })
})
