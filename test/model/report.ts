/** What a run has compared and what was refused, as lines of a table. */
import type { Tally } from './compare.js'

export function report(tally: Tally): string[] {
  const names = [...new Set([...tally.compared.keys(), ...tally.refused.keys()])].sort()
  const rows = names.map((name) => {
    const errors = [...tally.refused.get(name) ?? []].map(([error, times]) => `${times} refused with ${error}`)
    return `${name.padEnd(32)}${String(tally.compared.get(name) ?? 0).padStart(8)} compared${errors.map((text) => `, ${text}`).join('')}`
  })
  return [`${tally.cases} cases, ${tally.packets} packets compared, ${tally.skippedPackets} left out, ${tally.byHabit} where the text says otherwise`, ...rows]
}
