/**
 * The fewest prefixes that give every number its value, where the longest prefix counts: for tables with a key field of kind lpm.
 * Draves and others, "Constructing optimal IP routing tables" (INFOCOM 1999): from the leaves up, the values that a subtree could
 * have as its default; from the root down, one of them where the default from above is none.
 */

export interface Prefix<V> { readonly value: number; readonly length: number; readonly content: V }

const NONE = -1

/** `bits` of the numbers. `inherited`: what is so without any prefix; undefined: nothing, so that there is a prefix of length 0. Values are compared by ===. */
export function coverByPrefixes<V>(bits: number, valueOf: (number: number) => V, inherited: V | undefined): readonly Prefix<V>[] {
  // A heap: the children of n are 2n and 2n + 1, the leaves the last 2^bits. Values are compared by their place in a list.
  const leaves = 1 << bits
  const places = new Map<V, number>()
  const values: V[] = []
  const placeOf = (value: V): number => {
    const known = places.get(value) ?? values.push(value) - 1
    places.set(value, known)
    return known
  }
  const candidates: number[][] = new Array<number[]>(2 * leaves)
  for (let leaf = 0; leaf < leaves; leaf += 1) candidates[leaves + leaf] = [placeOf(valueOf(leaf))]
  for (let node = leaves - 1; node > 0; node -= 1) {
    const [left, right] = [candidates[2 * node]!, candidates[2 * node + 1]!]
    const common = left.filter((place) => right.includes(place))
    candidates[node] = common.length > 0 ? common : [...left, ...right]
  }
  const prefixes: Prefix<V>[] = []
  const descend = (node: number, length: number, above: number): void => {
    const possible = candidates[node]!
    let content = above
    if (!possible.includes(above)) {
      content = possible[0]!
      prefixes.push({ value: (node << (bits - length)) & (leaves - 1), length, content: values[content]! })
    }
    if (node >= leaves) return
    descend(2 * node, length + 1, content)
    descend(2 * node + 1, length + 1, content)
  }
  descend(1, 0, inherited === undefined ? NONE : placeOf(inherited))
  return prefixes
}
