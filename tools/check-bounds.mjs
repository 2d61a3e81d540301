// check-bounds - every bound of core/, server/, client/ and include/ has a row in docs/internals/bounds.md, with its value and the
// test that reaches it from both sides; a new one without turns the run red. --write brings names and values of the page up to date
// (what is past a bound, and its test, are for a person to say).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))
const PAGE = 'docs/internals/bounds.md'
const ROOTS = ['core', 'include', 'server', 'client']
const TESTS = ['tests/unit', 'tests/store', 'tests/e2e']
const ENDS = 'MAX|MAX_[A-Z]+|LIMIT|BUDGET|MS|DEADLINE|RESERVE|PER_LOOP|PER_MIN|AT_ONCE|SKEW_S|LIFE_S|MAX_S'
const DEFINE = new RegExp(`^[ \\t]*#[ \\t]*define[ \\t]+([A-Z_][A-Z0-9_]*_(?:${ENDS}))[ \\t]+(.*)$`, 'gm')

const filesIn = (root, ends) =>
  readdirSync(root, { recursive: true }).map(String).filter((path) => ends.test(path)).map((path) => join(root, path)).sort()

function bounds() {
  const found = []
  for (const file of ROOTS.flatMap((root) => filesIn(root, /\.[ch]$/)))
    for (const [, name, rest] of readFileSync(file, 'utf8').replaceAll('\\\n', ' ').matchAll(DEFINE))
      found.push({ name, file, value: rest.replace(/\/\*.*/, '').replace(/\s+/g, ' ').trim() })
  return found
}

function rows() {
  const found = new Map()
  for (const line of readFileSync(PAGE, 'utf8').split('\n')) {
    const [, name, file, value, past, test] = /^\| `(\w+)` \| `([^`]+)` \| `([^`]+)` \| (.*) \| (.*) \|$/.exec(line) ?? []
    if (name) found.set(`${name} ${file}`, { name, file, value, past, test })
  }
  return found
}

const texts = new Map(TESTS.flatMap((root) => filesIn(root, /^[^/]*\.(c|mjs)$/)).map((path) => [path, readFileSync(path, 'utf8')]))
const known = bounds()
const names = new Set(known.map(({ name }) => name))

// What is wrong with what a row says of its test, or undefined.
function judge({ test }) {
  if (test === 'pace') return undefined
  if (/^follows: ./.test(test)) return undefined
  if (test.startsWith('follows ')) {
    const unknown = test.slice('follows '.length).split(', ').find((name) => !names.has(name))
    return unknown && `follows ${unknown}, which is no bound`
  }
  const [, file, fn] = /^`([\w.-]+): (\w+)`$/.exec(test) ?? []
  if (!file) return `says no test: ${test}`
  const path = TESTS.map((root) => join(root, file)).find((candidate) => texts.has(candidate))
  if (!path) return `names ${file}, which is no test`
  const uses = [...texts.get(path).matchAll(new RegExp(`\\b${fn}\\b`, 'g'))].length
  return uses >= (file.startsWith('conformance') ? 1 : 2) ? undefined : `names ${fn}, which ${file} does not run`
}

if (process.argv[2] === '--write') {
  const told = rows()
  const table = known.map(({ name, file, value }) => {
    const { past = '?', test = '?' } = told.get(`${name} ${file}`) ?? {}
    return `| \`${name}\` | \`${file}\` | \`${value}\` | ${past} | ${test} |`
  })
  const text = readFileSync(PAGE, 'utf8')
  const head = text.slice(0, text.indexOf('|---|---|---|---|---|\n') + '|---|---|---|---|---|\n'.length)
  writeFileSync(PAGE, `${head}${table.join('\n')}\n`)
}

const told = rows()
const problems = []
for (const { name, file, value } of known) {
  const row = told.get(`${name} ${file}`)
  told.delete(`${name} ${file}`)
  if (!row) problems.push(`${name} of ${file} has no row: name the test that reaches it from both sides`)
  else if (row.value !== value) problems.push(`${name} is ${value}, not ${row.value}: does its test still reach it? Then --write`)
  else if (row.past === '?' || judge(row)) problems.push(`${name} ${judge(row) ?? 'does not say what is past it'}`)
}
for (const { name, file } of told.values()) problems.push(`${name} of ${file} is no bound any more`)
const count = (test) => [...rows().values()].filter((row) => test(row.test)).length
if (known.length === 0) problems.push('no bound found')
for (const problem of problems) console.error(`check-bounds: ${problem}`)
console.log(
  `${known.length} bounds: ${count((test) => test.startsWith('`'))} by a test, ${count((test) => test.startsWith('follows'))} follow ` +
    `from others, ${count((test) => test === 'pace')} only pace`,
)
process.exit(problems.length === 0 ? 0 : 1)
