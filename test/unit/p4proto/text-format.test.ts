import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTextFormat, TextFormatError } from '../../../src/p4proto/text-format.js'

test('reads every notation of the language', () => {
  const message = parseTextFormat('p4.config.v1.P4Info', `
    # comment "with" { marks
    pkg_info: < name: "a" 'b' # pieces
      "\\x63\\144\\n\\u00e9é" ; version: '' >,
    tables { direct_resource_ids: [1, 0x10, 017] direct_resource_ids: 5 is_const_table: t size: -1 }
    tables: [ { idle_timeout_behavior: 1 }, { idle_timeout_behavior: NO_TIMEOUT is_const_table: false } ]
    tables { initial_default_action { arguments { value: "\\000\\377\\\\" } } }
    type_info { structs { key: "k" value: { } } structs: [{ key: "l" }] }`)
  const info = message as any
  assert.equal(info.pkgInfo.name, 'abcd\néé')
  assert.equal(info.pkgInfo.version, '')
  assert.deepEqual(info.tables[0].directResourceIds, [1, 16, 15, 5])
  assert.equal(info.tables[0].isConstTable, true)
  assert.deepEqual([info.tables[1].idleTimeoutBehavior, info.tables[2].idleTimeoutBehavior], [1, 0])
  assert.deepEqual([...info.tables[3].initialDefaultAction.arguments[0].value], [0, 255, 92])
  assert.deepEqual(Object.keys(info.typeInfo.structs), ['k', 'l'])
})

test('reads an empty text', () => assert.deepEqual(parseTextFormat('p4.config.v1.P4Info', ' \n# nothing\n'), {}))

const failures: readonly (readonly [text: string, message: RegExp, line: number, column: number])[] = [
  ['tables {\n  prembale { }\n}', /p4\.config\.v1\.Table has no field 'prembale'/, 2, 3],
  ['tables { preamble { name: "x }\n', /does not end on its line/, 1, 27],
  ['tables { preamble { id: 4294967296 } }', /4294967296 is outside the range of uint32/, 1, 25],
  ['tables { preamble { id: -1 } }', /outside the range of uint32/, 1, 25],
  ['tables { preamble { id: 1.5 } }', /expected an integer, found '1\.5'/, 1, 25],
  ['tables { preamble { id: "1" } }', /expected an integer, found a string/, 1, 25],
  ['tables { preamble { id 1 } }', /':' is missing after 'id'/, 1, 24],
  ['tables { preamble { id: 1 id: 2 } }', /'id' is given twice/, 1, 27],
  ['tables {\n\n', /'}' is missing/, 3, 1],
  ['}', /expected a field of p4\.config\.v1\.P4Info, found '}'/, 1, 1],
  ['tables { size: 1 > ', /expected a field/, 1, 18],
  ['tables 5', /expected '\{', found '5'/, 1, 8],
  ['pkg_info { name: [ "a" ] }', /'name' is not a repeated field/, 1, 18],
  ['tables { direct_resource_ids: [1 2] }', /expected ',' or '\]', found '2'/, 1, 34],
  ['tables { match_fields { match_type: NEAR } }', /expected a value of .*MatchType, found 'NEAR'/, 1, 37],
  ['tables { match_fields { match_type: LPM other_match_type: "x" } }', /cannot be given together with 'match_type'/, 1, 41],
  ['tables { is_const_table: yes }', /expected true or false/, 1, 26],
  ['pkg_info { name: "\\q" }', /unknown escape '\\q'/, 1, 18],
  ['pkg_info { name: @ }', /unexpected character '@'/, 1, 18],
  ['type_info { structs { value { } } }', /has no key/, 1, 13],
  ['externs { instances { info { [a.b/c.D] { } } } }', /unknown message type 'c\.D'/, 1, 30],
  ['constructor: 1', /no field 'constructor'/, 1, 1],
]
for (const [text, message, line, column] of failures) {
  test(`refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseTextFormat('p4.config.v1.P4Info', text), (error: unknown) => {
      assert.ok(error instanceof TextFormatError)
      assert.match(error.message, message)
      assert.deepEqual([error.line, error.column], [line, column])
      return true
    })
  })
}

test('every prefix of a text gives a value or a clean error', () => {
  const text = 'tables { preamble { id: 0x12 name: "a\\x41" } match_fields { id: 1 match_type: LPM } } type_info { structs { key: "k" value { } } }'
  for (let length = 0; length < text.length; length++) {
    try {
      parseTextFormat('p4.config.v1.P4Info', text.slice(0, length))
    } catch (error) {
      assert.ok(error instanceof TextFormatError, String(error))
    }
  }
})
