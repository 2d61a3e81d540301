// Every verb that the program has, by its own account, run against a daemon: help, wrong lines, no service, a wrong
// key, what is not there, text and JSON on an empty store and on one with rows. JSON is held against docs/json. A verb
// without help, manual page, schema or row in verbs.mjs fails with a line that says what is missing.
//
// usage: BERTH=.. node every-verb.mjs   (in tests/in-netns; groff judges the manual pages)
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import Ajv from 'ajv/dist/2020.js'
import { Daemon } from '../sdk/daemon.mjs'
import { sasToken } from '../sdk/rest.mjs'
import { mqtt } from './raw.mjs'
import { verbs } from './verbs.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SCHEMAS = join(ROOT, 'docs', 'json')
const BERTH = resolve(process.env.BERTH ?? join(ROOT, 'build/debug/cli/berth'))
const MAN = join(dirname(BERTH), '..', 'man')
const WRONG_KEY = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const SANITIZER = /(ERROR|WARNING): (Address|Leak|Thread)Sanitizer|runtime error:/

let passed = 0
let failed = 0
async function check(name, run) {
  try {
    await run()
    passed++
  } catch (error) {
    failed++
    console.error(`FAILED: ${name}: ${error.message}`)
  }
}

const work = mkdtempSync(join(tmpdir(), 'berth-verbs-'))
const env = { ...process.env, HOME: work, XDG_DATA_HOME: work }
for (const name of [
  'BERTH_PROFILE',
  'BERTH_LOGIN',
  'BERTH_KEY',
  'STATE_DIRECTORY',
  'XDG_CONFIG_HOME',
])
  delete env[name]

// {code, out, err} of berth ARGS; MORE is added to the environment.
function berth(args, more = {}) {
  const got = spawnSync(BERTH, args, {
    env: { ...env, ...more },
    cwd: work,
    encoding: 'utf8',
    input: '',
  })
  assert.doesNotMatch(got.stderr, SANITIZER)
  return { code: got.status, out: got.stdout, err: got.stderr }
}

function exits(code, got) {
  assert.equal(got.code, code, `exit code ${got.code} instead of ${code}: ${got.out}${got.err}`)
  return got
}

// ---- what there is ----

const tree = JSON.parse(exits(0, berth(['complete', '--tree'])).out).map((verb) => ({
  ...verb,
  name: verb.command.replace(/^berth /, ''),
  words: verb.command.split(' ').slice(1),
}))
const schemaName = (verb) => `${verb.words.join('-')}.schema.json`

const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true })
const schemas = readdirSync(SCHEMAS).filter((name) => name.endsWith('.schema.json'))
for (const name of schemas) ajv.addSchema(JSON.parse(readFileSync(join(SCHEMAS, name), 'utf8')))

// TEXT keeps to the verb's schema.
function keeps(verb, row, text) {
  const judge = ajv.getSchema(schemaName(verb))
  const documents = row.json === 'lines' ? text.trimEnd().split('\n') : [text]
  for (const document of documents.map((each) => JSON.parse(each)))
    assert.ok(
      judge(document),
      `docs/json/${schemaName(verb)}: ${ajv.errorsText(judge.errors)}: ${text}`,
    )
}

// ---- without a service ----

async function checkHelp(verb) {
  const { out } = exits(0, berth([...verb.words, '--help']))
  assert.match(out, new RegExp(`Usage: ${verb.command}\\b`))
  for (const { name, doc, aliasOf } of verb.options) {
    assert.match(out, new RegExp(`--${name}\\b`), `--help does not name --${name}`)
    assert.ok(doc ?? aliasOf, `--${name} has no word of help`)
  }
  for (const line of out.split('\n'))
    assert.ok(line.length <= 100, `--help has a line of ${line.length} columns: ${line}`)
  assert.ok(verb.doc, 'its help has no sentence about it')
  exits(0, berth(['help', ...verb.words]))
}

function checkPlaceholders(verb) {
  for (const { name, unknown } of [verb, ...verb.options])
    assert.deepEqual(
      unknown,
      [],
      `completion knows no such value (${name}): give it a row in cli/values.c`,
    )
}

function checkManual(verb) {
  const page = join(MAN, 'man1', `berth-${verb.words[0]}.1`)
  assert.ok(existsSync(page), `no manual page ${page}`)
  const text = readFileSync(page, 'utf8').replaceAll('\\-', '-')
  assert.ok(text.includes(`\\fB${verb.command}\\fR`), 'the page has no synopsis of it')
  for (const { name, aliasOf, common } of verb.options)
    if (!aliasOf && !common) assert.ok(text.includes(`--${name}\\fR`), `the page lacks --${name}`)
  assert.match(
    text,
    /^\.SH EXAMPLES$/m,
    `the page has no examples: cli/man/berth-${verb.words[0]}.man is missing`,
  )
}

function checkSchema(verb, row) {
  if (!verb.options.some(({ name }) => name === 'json') || row.json === false) return
  assert.ok(
    schemas.includes(schemaName(verb)),
    `no schema: docs/json/${schemaName(verb)} is missing`,
  )
  assert.doesNotThrow(() => ajv.getSchema(schemaName(verb)))
}

function checkWrongLines(verb) {
  const { err } = exits(2, berth([...verb.words, '--nonsense']))
  assert.match(err, /nonsense/)
  exits(2, berth([...verb.words, 'two', 'stray', 'words']))
}

// ---- with one ----

const daemon = new Daemon([
  ...['--hostname', 'localhost', '--hostname', '127.0.0.1', '--listen', '127.0.0.1'],
  ...['--ops-port', '0', '--loops', '1'],
])
const to = (host) => ({
  BERTH_LOGIN: `HostName=${host};SharedAccessKeyName=provisioningserviceowner;SharedAccessKey=${WRONG_KEY}`,
})

function checkNoService(verb, row) {
  const { out, err } = exits(6, berth([...verb.words, ...row.args(0)], to('localhost:1')))
  assert.equal(out.replace(/^\[\n?$/, ''), '')
  assert.match(err, /localhost/)
}

function checkWrongKey(verb, row) {
  const { err } = exits(
    5,
    berth([...verb.words, ...row.args(0), '--ca-file', daemon.profile.caFile], to('localhost')),
  )
  assert.match(err, /berth: /)
  assert.match(err, /`berth explain [0-9a-f-]{36}`/)
}

function checkEmpty(verb, row) {
  const text = berth([...verb.words, ...row.args(0)])
  const json = berth([...verb.words, ...row.args(0), '--json'])
  if (typeof row.empty === 'number') {
    exits(row.empty, text)
    exits(row.empty, json)
    return
  }
  exits(0, text)
  exits(0, json)
  assert.deepEqual(JSON.parse(json.out), row.empty)
  keeps(verb, row, json.out)
}

function checkText(verb, row, got) {
  exits(row.code ?? 0, got)
  assert.match(got.out, row.prints)
}

function checkJson(verb, row, got) {
  exits(row.code ?? 0, got)
  if (row.json === false) assert.equal(got.out, '')
  else keeps(verb, row, got.out)
}

// A device connects to its hub and sends one message.
async function send(id) {
  const { authentication } = JSON.parse(berth(['device', 'show', id, '--show-keys', '--json']).out)
  const token = sasToken(`localhost/devices/${id}`, authentication.symmetricKey.primaryKey)
  const socket = tls.connect({ host: 'localhost', port: daemon.mqttsPort, ca: daemon.ca })
  await once(socket, 'secureConnect')
  socket.write(mqtt.connect(`localhost/${id}/?api-version=2021-04-12`, token, 60, 0xc2, id))
  const [connack] = await once(socket, 'data')
  assert.deepEqual([...connack], [0x20, 2, 0, 0])
  socket.write(mqtt.publish(`devices/${id}/messages/events/idx=1&%24.ct=text%2Fplain`, 'hello'))
  await once(socket, 'data') // PUBACK
  socket.end(mqtt.disconnect)
}

// Runs what waits for a message, and sends until it has one: it sees what comes after it has asked.
async function watch(args, id) {
  const child = spawn(BERTH, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const got = { code: null, out: '', err: '' }
  const ended = once(child, 'close')
  child.stdout.setEncoding('utf8').on('data', (text) => (got.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (got.err += text))
  for (let tries = 0; tries < 100 && child.exitCode === null; tries++) {
    await send(id)
    await Promise.race([ended, new Promise((done) => setTimeout(done, 100))])
  }
  child.kill('SIGKILL')
  await ended
  return { ...got, code: child.exitCode }
}

// ---- all of it ----

const names = {
  work,
  daemon,
  group: 'g-1',
  enrollment: 'e-1',
  device: 'sn-1',
  spare: 'spare',
  unknown: 'nobody',
}
const table = verbs(names)
const rows = tree.map((verb) => [verb, table[verb.name]])

function fill() {
  writeFileSync(join(work, 'passphrase'), 'correct horse battery\n', { mode: 0o600 })
  const { out: string } = exits(0, berth(['connection-string', 'show']))
  writeFileSync(join(work, 'string'), string, { mode: 0o600 })
  const group = ['--enrollment-group', names.group]
  exits(0, berth(['enrollment-group', 'create', names.group, '--initial-twin-tags', '{"line":2}']))
  exits(
    0,
    berth([
      'enrollment',
      'create',
      names.enrollment,
      '--device-id',
      'east',
      '--device-information',
      '{"n":1}',
    ]),
  )
  exits(0, berth(['device', 'provision', ...group, '--registration-id', names.device]))
  for (const id of ['doomed-0', 'doomed-1', names.spare]) {
    exits(0, berth(['enrollment-group', 'create', id]))
    exits(0, berth(['device', 'provision', ...group, '--registration-id', id]))
    exits(0, berth(['enrollment', 'create', id]))
    exits(0, berth(['policy', 'create', id, '--rights', 'EnrollmentRead']))
    exits(0, berth(['hub', 'create', `${id}.plant.example`, '--no-allocation']))
  }
  const refused = ['device', 'provision', '--registration-id', names.unknown, '--json']
  const { out } = exits(5, berth(refused, { BERTH_KEY: WRONG_KEY }))
  keeps(
    tree.find(({ name }) => name === 'device provision'),
    {},
    out,
  )
}

async function checkWork(verb, row) {
  const call = (args) =>
    row.sends ? watch([...verb.words, ...args], names.device) : berth([...verb.words, ...args])
  await check(`${verb.name}: text`, async () => checkText(verb, row, await call(row.args(0))))
  await check(`${verb.name}: JSON`, async () =>
    checkJson(verb, row, await call([...row.args(1), '--json'])),
  )
  const more = typeof row.more === 'function' ? row.more() : (row.more ?? [])
  for (const args of more)
    await check(`${verb.name} ${args.join(' ')}: JSON`, async () =>
      checkJson(verb, row, await call([...args, '--json'])),
    )
  if (row.absent)
    await check(`${verb.name}: what is not there`, () => {
      const { out, err } = exits(3, berth([...verb.words, ...row.absent]))
      assert.equal(out, '')
      assert.match(err, /none|nothing/)
    })
}

for (const [verb, row] of rows) {
  await check(`${verb.name}: row`, () => assert.ok(row, 'no row in tests/e2e/verbs.mjs'))
  await check(`${verb.name}: help`, () => checkHelp(verb))
  await check(`${verb.name}: values`, () => checkPlaceholders(verb))
  await check(`${verb.name}: manual`, () => checkManual(verb))
  await check(`${verb.name}: schema`, () => checkSchema(verb, row ?? {}))
  await check(`${verb.name}: wrong lines`, () => checkWrongLines(verb))
}
await check('no row without a verb', () => {
  const known = tree.map(({ name }) => name)
  assert.deepEqual(
    Object.keys(table).filter((name) => !known.includes(name)),
    [],
  )
})
await check("every schema is in the index, and is a verb's", () => {
  const index = readFileSync(join(SCHEMAS, 'README.md'), 'utf8')
  for (const name of schemas) {
    assert.ok(index.includes(name), `docs/json/README.md lacks ${name}`)
    assert.ok(
      name === 'defs.schema.json' || tree.some((verb) => schemaName(verb) === name),
      `${name}: no such verb`,
    )
  }
})
await check('groff finds nothing wrong with the manual', () => {
  const pages = ['man1', 'man5'].flatMap((section) =>
    readdirSync(join(MAN, section)).map((page) => join(MAN, section, page)),
  )
  for (const page of pages) {
    const { status, stdout, stderr, error } = spawnSync(
      'groff',
      ['-man', '-ww', '-z', '-Tutf8', page],
      { encoding: 'utf8' },
    )
    assert.equal(error, undefined, `${error?.message}: tools/need test`)
    assert.deepEqual([status, stdout, stderr], [0, '', ''])
  }
})

await daemon.start()
env.BERTH_PROFILE = join(daemon.dir, 'data', 'profile.ini')
env.BERTH_DATA_DIR = join(daemon.dir, 'data')
try {
  const asking = rows.filter(([, row]) => row && row.asks !== false)
  for (const [verb, row] of asking) {
    await check(`${verb.name}: no service`, () => checkNoService(verb, row))
    await check(`${verb.name}: wrong key`, () => checkWrongKey(verb, row))
    if (row.empty !== undefined)
      await check(`${verb.name}: nothing enrolled`, () => checkEmpty(verb, row))
  }
  fill()
  for (const [verb, row] of rows.filter(([, row]) => row?.args)) await checkWork(verb, row)
} finally {
  await daemon.stop()
  rmSync(work, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
