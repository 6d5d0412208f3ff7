/**
 * Instructions that many flows have in common are kept once: controllers send few different ones, a switch keeps millions
 * of flows, and what is worked out for one object (in the pipeline, or for statistics) need not be worked out again.
 */
import type { Action, Instructions } from '../openflow/index.js'

/** Enough for what is in use at a time; beyond it sharing starts anew, and what is shared stays so. */
const MOST = 4096

export class SharedInstructions {
  #byKey = new Map<string, Instructions>()

  /** Equal instructions, always the same object while it is remembered. */
  share(instructions: Instructions): Instructions {
    const key = keyOf(instructions)
    if (key === null) return instructions
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    if (this.#byKey.size >= MOST) this.#byKey.clear()
    this.#byKey.set(key, instructions)
    return instructions
  }
}

/** null: they hold bytes of their message, or what is rare, or more than is worth comparing. */
function keyOf({ meter, apply, clear, write, writeMetadata, gotoTable, statTrigger }: Instructions): string | null {
  if (statTrigger !== null) return null
  const metadata = writeMetadata === null ? '' : `${writeMetadata.value}/${writeMetadata.mask}`
  const first = listKey(apply)
  const second = listKey(write)
  return first === null || second === null ? null : `${meter}|${gotoTable}|${clear}|${metadata}|${first}|${second}`
}

const MOST_ACTIONS = 16

function listKey(actions: readonly Action[] | null): string | null {
  if (actions === null) return '-'
  if (actions.length > MOST_ACTIONS) return null
  let key = ''
  for (const action of actions) {
    switch (action.type) {
      case 'output': key += `o${action.port}.${action.maxLen};`; break
      case 'group': key += `g${action.groupId};`; break
      case 'set_field': key += `f${action.field}=${action.value}/${action.mask}${action.load === true ? 'l' : ''};`; break
      case 'experimenter': return null
      default:
        key += action.type
        for (const [name, value] of Object.entries(action)) {
          if (name === 'type') continue
          if (typeof value === 'object') return null
          key += `,${name}=${String(value)}`
        }
        key += ';'
    }
  }
  return key
}
