// The process itself: nobody of the same user looks into it, it leaves no core dump, and what went through it is wiped from its memory.
//
// usage: BERTH=.. node memory.mjs   (in tests/in-netns)
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../sdk/daemon.mjs'
import { call, deriveKey, hubConnectionString, request, sasToken } from '../sdk/rest.mjs'
import { find, keyForms, needlesOf } from './needles.mjs'
import { mqtt, openTls, packets } from './raw.mjs'

const REGION_MAX = 2 ** 28 // larger ones are a sanitizer's shadow
const SETTLE_MS = 60_000 // forensics run behind the answers, a session ends behind its client
const API = 'api-version=2021-10-01'
const BERTH = resolve(process.env.BERTH)
const newKey = (size = 64) => randomBytes(size).toString('base64')

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

async function until(look, ms = SETTLE_MS) {
  const end = Date.now() + ms
  for (;;) {
    const found = await look()
    if (found || Date.now() >= end) return found
    await sleep(50)
  }
}

const work = mkdtempSync(join(tmpdir(), 'berth-memory-'))
const OPTIONS = [
  '--hostname',
  'localhost',
  '--listen',
  '127.0.0.1',
  '--loops',
  '1',
  '--ops-port',
  '0',
]

// ---- who may look ----

// As the same user, without the rights that root has over others.
const NO_RIGHTS = ['setpriv', '--bounding-set=-all', '--inh-caps=-all']
const unprivileged = (...command) =>
  spawnSync(NO_RIGHTS[0], [...NO_RIGHTS.slice(1), ...command], { encoding: 'latin1' })

function mayLook(pid, file) {
  const { status, error } = unprivileged('head', '-c', '1', `/proc/${pid}/${file}`)
  assert.equal(error, undefined, `${error?.message}: setpriv is part of util-linux`)
  return status === 0
}

// The memory itself at the first address that there is: /proc/PID/mem has nothing at 0. Who may not open it, may not attach either.
function mayReadMemory(pid) {
  const from = BigInt(`0x${readFileSync(`/proc/${pid}/maps`, 'latin1').split('-')[0]}`) / 4096n
  const page = [`if=/proc/${pid}/mem`, 'of=/dev/null', 'bs=4096', 'count=1', `skip=${from}`]
  return unprivileged('dd', ...page).status === 0
}

const SECRETIVE = ['environ', 'maps', 'auxv']

async function hidesFromOthers(name, pid) {
  for (const file of SECRETIVE)
    await check(`${name}: /proc/PID/${file} is shut`, () => assert.ok(!mayLook(pid, file)))
  await check(`${name}: its memory is shut`, () => assert.ok(!mayReadMemory(pid)))
}

// ---- core dumps ----

// Started by a shell that would let it dump, so that the shell says whether it has.
function runDumping(name, command, env = {}) {
  const pidFile = join(work, `${name}.pid`)
  const script = join(work, `${name}.sh`)
  writeFileSync(
    script,
    `ulimit -c unlimited 2>/dev/null\ncd ${work}\n${NO_RIGHTS.join(' ')} "$@" &\necho $! >${pidFile}.new\nmv ${pidFile}.new ${pidFile}\nwait $!\n`,
  )
  const child = spawn('bash', [script, ...command], {
    env: { ...process.env, LC_ALL: 'C', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const run = { child, out: '', ended: once(child, 'close') }
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (run.out += text))
  run.started = until(() => existsSync(pidFile)).then(() => {
    run.pid = Number(readFileSync(pidFile, 'utf8'))
  })
  return run
}

async function abort(run) {
  process.kill(run.pid, 'SIGABRT')
  await run.ended
  return { dumped: /core dumped/.test(run.out), aborted: /Abort/.test(run.out) }
}

const cores = () => readdirSync(work).filter((name) => /^core/.test(name))

// The sanitizer would shut off dumps by itself, and take the signal.
const PLAIN = {
  BERTH_TEST_DUMPABLE: '0',
  ASAN_OPTIONS: 'disable_coredump=0:handle_abort=0:detect_leaks=0',
}

async function processesAreClosed() {
  const open = runDumping('open', ['sleep', '1000'])
  await open.started
  await until(() => readFileSync(`/proc/${open.pid}/cmdline`, 'utf8').startsWith('sleep'))
  await check("the user's other processes can be looked into", () => {
    for (const file of SECRETIVE) assert.ok(mayLook(open.pid, file), file)
    if (!mayReadMemory(open.pid))
      console.log('memory: this system shuts it by itself (ptrace_scope)')
  })
  const system = await abort(open)
  const before = cores().length

  const data = join(work, 'data')
  const serve = runDumping(
    'serve',
    [BERTH, 'serve', '--data-dir', data, '--https-port', '0', '--mqtts-port', '0', ...OPTIONS],
    PLAIN,
  )
  await serve.started
  await until(() => /berth serves/.test(serve.out), 60_000)
  await check('the daemon has no core to dump', () =>
    assert.match(readFileSync(`/proc/${serve.pid}/limits`, 'utf8'), /^Max core file size +0 +0 /m),
  )
  await check('a fault of its own first writes what the log keeps', () => {
    const [, caught] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${serve.pid}/status`, 'utf8'))
    for (const number of [constants.signals.SIGABRT, constants.signals.SIGSEGV])
      assert.ok((BigInt(`0x${caught}`) >> BigInt(number - 1)) & 1n, `signal ${number}`)
  })
  await hidesFromOthers('the daemon', serve.pid)

  const runs = { serve }
  for (const [name, command] of Object.entries(waiting(data))) {
    const run = runDumping(name, [BERTH, ...command], PLAIN)
    await run.started
    // Shut from its first moment on; before that it is a shell.
    const isBerth = () => readFileSync(`/proc/${run.pid}/cmdline`, 'latin1').startsWith(BERTH)
    await until(() => isBerth() && !mayLook(run.pid, 'environ'))
    await hidesFromOthers(name, run.pid)
    runs[name] = run
  }
  for (const [name, run] of Object.entries(runs))
    await check(`${name} leaves no core`, async () => {
      const end = await abort(run)
      assert.deepEqual(end, { dumped: false, aborted: true }, run.out)
      assert.equal(cores().length, before)
    })
  console.log(
    system.dumped
      ? 'core dumps: this system makes them, berth makes none'
      : 'core dumps: this system makes none (core_pattern, limits), so the limit and the flag alone were seen',
  )
}

// Verbs that wait for a secret for ever.
const waiting = (data) => ({
  'key-derive': ['key', 'derive', '--key-file', fifo('key'), '--registration-id', 'x'],
  backup: [
    'backup',
    '--data-dir',
    data,
    '--output',
    join(work, 'b'),
    '--passphrase-file',
    fifo('b'),
  ],
})

// A file that whoever opens it waits at.
function fifo(name) {
  const path = join(work, `${name}.fifo`)
  spawnSync('mkfifo', [path])
  return path
}

// ---- what stays in memory ----

// [bytes] of what the process may write to, and has touched.
function* regions(pid) {
  const fd = openSync(`/proc/${pid}/mem`, 'r')
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to] = /^(\w+)-(\w+) rw/.exec(line) ?? []
      const size = from ? parseInt(to, 16) - parseInt(from, 16) : 0
      if (size === 0 || size > REGION_MAX) continue
      const bytes = Buffer.alloc(size)
      try {
        readSync(fd, bytes, 0, size, parseInt(from, 16))
      } catch {
        continue // shadow's gap, or gone meanwhile
      }
      yield bytes
    }
  } finally {
    closeSync(fd)
  }
}

// Names of the secrets that are in memory, each as it is there.
function inMemory(pid, needles) {
  const found = new Map()
  for (const bytes of regions(pid))
    for (const { secret, form } of find(needles, bytes))
      found.set(secret, [...(found.get(secret) ?? []), form])
  return found
}

// What is computed with and what goes over the wire; the forms of logs and files are in secrets.mjs.
const FORMS = ['bytes', 'hex', 'base64', 'base64, in an URL']
const secrets = {}
function key(name, base64) {
  const forms = keyForms(base64)
  secrets[name] = Object.fromEntries(FORMS.map((form) => [form, forms[form]]))
  return base64
}
const pair = (name, size) => ({
  primaryKey: key(`${name}, primary`, newKey(size)),
  secondaryKey: key(`${name}, secondary`, newKey(size)),
})
function token(name, resource, base64, policy) {
  const made = sasToken(resource, base64, policy)
  key(name, decodeURIComponent(/sig=([^&]*)/.exec(made)[1]))
  return made
}

const daemon = new Daemon([...OPTIONS, '--peer-failures-per-min', '0'])
const attestation = (symmetricKey) => ({ type: 'symmetricKey', symmetricKey })
const scope = (id) => `${daemon.profile.idScope}/registrations/${id}`

async function register(id, base64) {
  const { status } = await request(daemon, {
    method: 'PUT',
    path: `/${scope(id)}/register?api-version=2021-06-01`,
    headers: { Authorization: token(`token of ${id}`, scope(id), base64, 'registration') },
    body: { registrationId: id },
  })
  return status
}

async function registerMqtt(id, base64) {
  const wire = await openTls(daemon, daemon.mqttsPort)
  const password = token(`token of ${id}`, scope(id), base64, 'registration')
  wire.write(mqtt.connect(`${scope(id)}/api-version=2019-03-31`, password, 60, 0xc2, id))
  wire.write(Buffer.concat([mqtt.subscribe(), mqtt.register()]))
  await wire.until((got) => packets(got).some(({ type }) => type === 3))
  wire.end()
}

async function work_() {
  const own = daemon.profile.connectionString
  const put = (login, path, body) => call(daemon, login, 'PUT', `${path}?${API}`, body)
  const [group, single, device] = [pair('group'), pair('enrollment'), pair('device', 32)]
  key('owner, primary', /SharedAccessKey=([^;]*)/.exec(own)[1])
  await put(own, '/enrollmentGroups/g', { enrollmentGroupId: 'g', attestation: attestation(group) })
  await put(own, '/enrollments/single', {
    registrationId: 'single',
    attestation: attestation(single),
  })
  const hub = await hubConnectionString(daemon)
  await put(hub, '/devices/made', {
    deviceId: 'made',
    authentication: { type: 'sas', symmetricKey: device },
  })
  await call(daemon, own, 'POST', `/enrollments/single/attestationmechanism?${API}`)
  await call(daemon, hub, 'GET', `/devices?${API}`)
  for (const [id, slot] of [
    ['d-1', 'primaryKey'],
    ['d-2', 'secondaryKey'],
  ]) {
    assert.equal(await register(id, key(`derived for ${id}`, deriveKey(group[slot], id))), 202)
    key(
      `the other one of ${id}`,
      deriveKey(group[slot === 'primaryKey' ? 'secondaryKey' : 'primaryKey'], id),
    )
  }
  assert.equal(await register('single', single.secondaryKey), 202)
  await registerMqtt('m-1', key('derived for m-1', deriveKey(group.primaryKey, 'm-1')))
  assert.equal(await register('refused', key('a wrong key', newKey())), 401)
  assert.equal(await register('mistaken', group.primaryKey), 401) // forensics find it out
  assert.equal(
    await register('upper', key('derived in capitals', deriveKey(group.primaryKey, 'UPPER'))),
    401,
  )
  return device
}

async function memoryIsWiped() {
  await daemon.start()
  try {
    const device = await work_()
    const wire = await openTls(daemon, daemon.mqttsPort)
    const password = token('token of the session', 'localhost/devices/made', device.primaryKey)
    wire.write(mqtt.connect('localhost/made/?api-version=2021-04-12', password, 60, 0xc2, 'made'))
    await wire.until((got) => packets(got).some(({ type }) => type === 2))
    // What is needed again at any moment stays, and its being seen is the proof that the test sees.
    const kept = ['group, primary', 'group, secondary', 'owner, primary']
    const needles = needlesOf(secrets)
    const holds = async (names) => {
      let found
      await until(() => (found = inMemory(daemon.child.pid, needles)).size === names.length)
      assert.deepEqual([...found.keys()].sort(), [...names].sort(), JSON.stringify([...found]))
    }
    await check('during a session', () => holds([...kept, 'token of the session']))
    wire.write(mqtt.disconnect)
    wire.end()
    await check('after the session', () => holds(kept))
    console.log(
      `memory: ${Object.keys(secrets).length} secrets went through the daemon, ${kept.length} stay as they must (${kept.join('; ')}), of the others none`,
    )
  } finally {
    await daemon.stop()
  }
}

try {
  await processesAreClosed()
  await memoryIsWiped()
} finally {
  rmSync(work, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
