/** Flow monitors: who is told of which changes, in which words, and when. OF 1.4.1 §7.3.5.17 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FlowMonitorFlag, Group, Port, Table } from '../../../src/openflow/index.js'
import type { FlowMonitorRequest } from '../../../src/openflow/index.js'
import type { Effect } from '../../../src/datapath/index.js'
import { Rig, apply, bucket, commits, errors, flowMod, groupMod, kindsSent, match, output, sent, toGroup } from '../../support/datapath-rig.js'

const { INITIAL, ADD, REMOVED, MODIFY, INSTRUCTIONS, NO_ABBREV, ONLY_OWN } = FlowMonitorFlag
const ALL = ADD | REMOVED | MODIFY
const monitor = (given: Partial<FlowMonitorRequest> = {}): FlowMonitorRequest =>
  ({ monitorId: 1, command: 'add', flags: ALL | INITIAL, tableId: Table.ALL, outPort: Port.ANY, outGroup: Group.ANY, match: [], ...given })
const ask = (r: Rig, conn: number, ...monitors: FlowMonitorRequest[]): Effect[] => r.stats(conn, { kind: 'flow_monitor', monitors })
/** What a connection is told, in short. */
const told = (effects: readonly Effect[], conn: number): string[] => sent(effects, conn).flatMap((message) =>
  message.type !== 'stats_reply' || message.body.kind !== 'flow_monitor' ? [] : message.body.updates.map((update) =>
    'priority' in update ? `${update.event} ${update.priority}${update.reason === null ? '' : ` ${update.reason}`}${update.instructions.apply === null ? '' : ' with actions'}`
      : update.event === 'abbrev' ? 'abbrev' : update.event))
const watching = (given: Partial<FlowMonitorRequest> = {}): Rig => {
  const r = new Rig().connect(1, '1.4').connect(2, '1.4')
  ask(r, 1, monitor(given))
  return r
}

describe('a flow monitor', () => {
  it('begins with the flows that are there, each once', () => {
    const r = new Rig().connect(1, '1.4')
    r.send(1, flowMod({ priority: 5 }))
    r.send(1, flowMod({ priority: 6, tableId: 1 }))
    assert.deepEqual(told(ask(r, 1, monitor({ tableId: 0 }), monitor({ monitorId: 2, flags: ALL | INITIAL | INSTRUCTIONS, tableId: 0 })), 1), ['initial 5 with actions'])
    const effects = ask(r, 1, monitor({ monitorId: 3, flags: ADD }))
    assert.deepEqual(kindsSent(effects), ['stats_reply'], 'an empty answer is one, too')
    assert.deepEqual(told(effects, 1), [])
  })

  it('tells of what others do', () => {
    const r = watching({ flags: ALL | INSTRUCTIONS })
    assert.deepEqual(told(r.send(2, flowMod({ priority: 5 })), 1), ['added 5 with actions'])
    assert.deepEqual(told(r.send(2, flowMod({ priority: 5 })), 1), ['added 5 with actions'], 'an addition in its place is one')
    assert.deepEqual(told(r.send(2, flowMod({ command: 'modify', instructions: apply(output(2)) })), 1), ['modified 5 with actions'])
    assert.deepEqual(told(r.send(2, flowMod({ command: 'modify', instructions: apply(output(2)) })), 1), [], 'nothing has changed')
    assert.deepEqual(told(r.send(2, flowMod({ command: 'delete' })), 1), ['removed 5 delete'])
    r.send(2, flowMod({ priority: 7, hardTimeout: 1 }))
    assert.deepEqual(told(r.at(r.now + 1000), 1), ['removed 7 hard_timeout'])
    r.send(2, groupMod({ groupId: 1, buckets: [bucket({ actions: [output(1)] })] }))
    r.send(2, flowMod({ priority: 8, instructions: apply(toGroup(1)) }))
    assert.deepEqual(told(r.send(2, groupMod({ groupId: 1, command: 'delete' })), 1), ['removed 8 group_delete'])
  })

  it('abbreviates what its own connection does, unless it is asked not to', () => {
    const r = watching()
    assert.deepEqual(told(r.send(1, flowMod({ priority: 5 })), 1), ['abbrev'])
    r.send(1, flowMod({ priority: 6 }))
    assert.deepEqual(told(r.send(1, flowMod({ command: 'delete' })), 1), ['abbrev'], 'once for a request')
    assert.deepEqual(told(watching({ flags: ALL | NO_ABBREV }).send(1, flowMod({ priority: 5 })), 1), ['added 5'])
  })

  it('of its own changes tells of no others', () => {
    const r = watching({ flags: ALL | ONLY_OWN })
    assert.deepEqual([told(r.send(2, flowMod({ priority: 5 })), 1), told(r.send(1, flowMod({ priority: 6 })), 1)], [[], ['abbrev']])
  })

  it('tells what it is asked to: events, table, match, output', () => {
    const cases: readonly (readonly [Partial<FlowMonitorRequest>, string[]])[] = [
      [{ flags: ADD }, ['added 5']], [{ flags: REMOVED }, ['removed 5 delete']], [{ flags: MODIFY }, ['modified 5']],
      [{ flags: ALL, tableId: 1 }, []], [{ flags: ALL, match: match({ in_port: 1 }) }, ['added 5', 'modified 5', 'removed 5 delete']], [{ flags: ALL, match: match({ in_port: 2 }) }, []],
      // A modification counts with what it was before as well.
      [{ flags: ALL, outPort: 1 }, ['added 5', 'modified 5']], [{ flags: ALL, outPort: 2 }, ['modified 5', 'removed 5 delete']],
    ]
    for (const [given, expected] of cases) {
      const r = watching(given)
      const effects = [
        flowMod({ priority: 5, match: match({ in_port: 1 }) }), flowMod({ command: 'modify', instructions: apply(output(2)) }), flowMod({ command: 'delete' }),
      ].flatMap((message) => r.send(2, message))
      assert.deepEqual(told(effects, 1), expected, JSON.stringify(given, (_, value) => typeof value === 'bigint' ? String(value) : value))
    }
  })

  it('tells when the target has it, before the barrier is answered, and nothing of what was refused', () => {
    const r = watching({ flags: ALL | NO_ABBREV })
    r.auto = false
    const [first] = commits(r.send(1, flowMod({ priority: 5 })))
    const [second] = commits(r.send(1, flowMod({ priority: 6 })))
    r.send(1, { type: 'barrier_request' })
    assert.ok(first && second)
    assert.deepEqual(told(r.step({ kind: 'rejected', token: first.token, failures: [] }), 1), [])
    const effects = r.step({ kind: 'committed', token: second.token })
    assert.deepEqual(kindsSent(effects), ['stats_reply', 'barrier_reply'])
    assert.deepEqual(told(effects, 1), ['added 6'])
  })

  it('is changed and forgotten', () => {
    const r = watching()
    assert.deepEqual(kindsSent(ask(r, 1, monitor({ command: 'modify', flags: REMOVED }))), ['stats_reply'])
    assert.deepEqual(told(r.send(2, flowMod()), 1), [])
    assert.deepEqual(kindsSent(ask(r, 1, monitor({ command: 'delete' }))), ['stats_reply'])
    assert.deepEqual(told(r.send(2, flowMod({ command: 'delete' })), 1), [])
    r.send(1, { type: 'nx_flow_monitor_cancel', monitorId: 1 })
  })

  const wrong: readonly (readonly [string, FlowMonitorRequest])[] = [
    ['OFPMOFC_MONITOR_EXISTS', monitor()], ['OFPMOFC_UNKNOWN_MONITOR', monitor({ command: 'modify', monitorId: 9 })],
    ['OFPMOFC_UNKNOWN_MONITOR', monitor({ command: 'delete', monitorId: 9 })], ['OFPMOFC_BAD_FLAGS', monitor({ monitorId: 2, flags: INITIAL })],
    ['OFPMOFC_BAD_FLAGS', monitor({ monitorId: 2, flags: ALL | 0x80 })], ['OFPMOFC_BAD_TABLE_ID', monitor({ monitorId: 2, tableId: 77 })],
    ['OFPMOFC_BAD_OUT', monitor({ monitorId: 2, outPort: 0xffffff10 })],
  ]
  for (const [error, request] of wrong)
    it(`is refused with ${error}, and the others of the request with it`, () => {
      const r = watching()
      assert.deepEqual(errors(ask(r, 1, monitor({ monitorId: 3 }), request)), [error])
      assert.deepEqual(kindsSent(ask(r, 1, monitor({ monitorId: 3 }))), ['stats_reply'])
    })
})

describe('a flow monitor of a peer that does not read', () => {
  const late = (flags = ALL): Rig => {
    const r = watching({ flags })
    for (const priority of [1, 2, 3]) r.send(2, flowMod({ priority }))
    return r
  }
  const behind = (r: Rig, conn = 1): string[] => told(r.step({ kind: 'monitors_behind', conn }), conn)
  const read = (r: Rig, conn = 1): string[] => told(r.step({ kind: 'monitors_read', conn }), conn)

  it('pauses, and tells afterwards of what has become of each flow', () => {
    const r = late()
    assert.deepEqual(behind(r), ['paused'])
    assert.deepEqual(behind(r), [], 'once')
    const quiet = [
      flowMod({ priority: 4 }), flowMod({ priority: 5 }), flowMod({ command: 'delete_strict', priority: 5 }),
      flowMod({ command: 'modify_strict', priority: 1, instructions: apply(output(2)) }), flowMod({ command: 'modify_strict', priority: 4, instructions: apply(output(2)) }),
      flowMod({ priority: 3, instructions: apply(output(3)) }),
    ]
    for (const message of quiet) assert.deepEqual(told(r.send(2, message), 1), [])
    assert.deepEqual(told(r.send(2, flowMod({ command: 'delete_strict', priority: 2 })), 1), ['removed 2 delete'], 'of what it has heard of')
    assert.deepEqual(read(r), ['added 4', 'modified 1', 'added 3', 'resumed'])
    assert.deepEqual(read(r), [], 'once')
    assert.deepEqual(told(r.send(2, flowMod({ priority: 6 })), 1), ['added 6'])
  })

  it('tells of the end of a flow that was replaced meanwhile', () => {
    const r = late()
    behind(r)
    r.send(2, flowMod({ priority: 1, instructions: apply(output(3)) }))
    assert.deepEqual(told(r.send(2, flowMod({ command: 'delete_strict', priority: 1 })), 1), ['removed 1 delete'])
    assert.deepEqual(read(r), ['resumed'])
  })

  it('keeps to what it was asked for, and tells in full what was its own', () => {
    const r = late(MODIFY | ONLY_OWN)
    behind(r)
    r.send(1, flowMod({ priority: 4 }))
    r.send(2, flowMod({ command: 'modify_strict', priority: 1, instructions: apply(output(2)) }))
    r.send(1, flowMod({ command: 'modify_strict', priority: 2, instructions: apply(output(2)) }))
    assert.deepEqual(read(r), ['modified 2', 'resumed'])
  })

  it('concerns that peer alone', () => {
    const r = late()
    ask(r, 2, monitor({ flags: ALL | NO_ABBREV }))
    behind(r)
    assert.deepEqual(told(r.send(2, flowMod({ priority: 9 })), 2), ['added 9'])
    assert.deepEqual(r.step({ kind: 'monitors_behind', conn: 77 }), [])
  })

  for (const version of ['1.0', '1.3'] as const)
    it(`has messages of its own in ${version}`, () => {
      const r = new Rig().connect(1, version)
      ask(r, 1, monitor())
      assert.deepEqual([kindsSent(r.step({ kind: 'monitors_behind', conn: 1 })), kindsSent(r.step({ kind: 'monitors_read', conn: 1 }))], [['nx_flow_monitor_paused'], ['nx_flow_monitor_resumed']])
    })
})
