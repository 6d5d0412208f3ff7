/** Action profiles: members, and groups of members with weights among which a hash of the packet chooses. P4RT 1.4 §9.2. */
import type { ActionProfileDef } from './ir.js'

/** An action and its arguments, packed into words. */
export interface ActionHolder { readonly action: number; readonly data: readonly number[] }

export class Member implements ActionHolder {
  readonly id: number
  /** Members are chosen in the order in which they were made. */
  readonly order: number
  action: number
  data: readonly number[]
  references = 0
  constructor(id: number, order: number, call: ActionHolder) {
    this.id = id
    this.order = order
    this.action = call.action
    this.data = call.data
  }
}

export interface WeightedMember { readonly member: Member; readonly weight: number }

export class Group {
  readonly id: number
  readonly maxSize: number
  references = 0
  members: readonly WeightedMember[] = []
  /** One element per unit of weight. */
  private wheel: readonly Member[] = []
  constructor(id: number, maxSize: number) {
    this.id = id
    this.maxSize = maxSize
  }

  setMembers(members: readonly WeightedMember[]): void {
    for (const { member } of this.members) member.references--
    this.members = members
    for (const { member } of members) member.references++
    this.wheel = [...members].sort((a, b) => a.member.order - b.member.order).flatMap(({ member, weight }) => new Array<Member>(weight).fill(member))
  }

  at(hash: number): Member | null { return this.wheel.length === 0 ? null : this.wheel[hash % this.wheel.length] ?? null }
}

export class ActionProfile {
  readonly def: ActionProfileDef
  readonly members = new Map<number, Member>()
  readonly groups = new Map<number, Group>()
  /** Members and groups that one-shot entries made: they have no id and belong to their entry. */
  oneShots = 0
  private readonly hash: () => number | bigint
  private made = 0

  /** `hash` is the selector over the packet being processed. */
  constructor(def: ActionProfileDef, hash: () => number | bigint) {
    this.def = def
    this.hash = hash
  }

  makeMember(id: number, call: ActionHolder): Member { return new Member(id, this.made++, call) }

  select(group: Group): Member | null {
    const hash = this.hash()
    return group.at(typeof hash === 'bigint' ? Number(hash & 0x1fffffffffffffn) : hash)
  }
}
