/**
 * The fewest prefixes that give every number its value, where the longest prefix counts: for tables with a key field of kind lpm.
 * Draves and others, "Constructing optimal IP routing tables" (INFOCOM 1999): from the leaves up, the values that a subtree could
 * have as its default; from the root down, one of them where the default from above is none.
 */

export interface Prefix<V> { readonly value: number; readonly length: number; readonly content: V }

/** `bits` of the numbers. `inherited`: what is so without any prefix; undefined: nothing, so that there is a prefix of length 0. Values are compared by ===. */
export function coverByPrefixes<V>(bits: number, valueOf: (number: number) => V, inherited: V | undefined): readonly Prefix<V>[] {
  // A heap: the children of n are 2n and 2n + 1, the leaves the last 2^bits.
  const leaves = 1 << bits
  const candidates: V[][] = new Array<V[]>(2 * leaves)
  for (let leaf = 0; leaf < leaves; leaf += 1) candidates[leaves + leaf] = [valueOf(leaf)]
  for (let node = leaves - 1; node > 0; node -= 1) {
    const [left, right] = [candidates[2 * node]!, candidates[2 * node + 1]!]
    const common = left.filter((value) => right.includes(value))
    candidates[node] = common.length > 0 ? common : [...left, ...right]
  }
  const prefixes: Prefix<V>[] = []
  const descend = (node: number, length: number, above: V | undefined): void => {
    const possible = candidates[node]!
    let content = above
    if (above === undefined || !possible.includes(above)) {
      content = possible[0]!
      prefixes.push({ value: (node << (bits - length)) & (leaves - 1), length, content })
    }
    if (node >= leaves) return
    descend(2 * node, length + 1, content)
    descend(2 * node + 1, length + 1, content)
  }
  descend(1, 0, inherited)
  return prefixes
}
