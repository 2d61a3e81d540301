// Recognisable keys, tokens and passphrases go through everything that berth does; then they are looked for, in every form, in everything
// that berth has left, told or shown. Where a key is told on purpose it must be found: that is the proof that this test can see.
//
// usage: BERTH=.. node secrets.mjs   (in tests/in-netns, after `npm ci` in tests/sdk)
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../sdk/daemon.mjs'
import { deriveKey, request, sasToken } from '../sdk/rest.mjs'
import { find, keyForms, needlesOf, passwordForms } from './needles.mjs'
import { mqtt, openTls, packets, publication } from './raw.mjs'

const API = 'api-version=2021-10-01'
const GROUP = 'line'
const SINGLE = 'single'
const OTHER_HUB = 'line2.plant.example'
const OPS_PORT = 9464
const WAIT_MS = 20_000
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

async function until(what, look) {
  for (let waited = 0; waited < WAIT_MS; waited += 20) {
    const found = await look()
    if (found) return found
    await sleep(20)
  }
  throw new Error(`${what}: not within ${WAIT_MS} ms`)
}

// ---- what is planted, and where it is looked for ----

const secrets = {} // name to forms
const key = (name, base64) => {
  secrets[name] = keyForms(base64)
  return base64
}
const text = (name, value) => {
  secrets[name] = passwordForms(value)
  return value
}

const places = {} // name to what was seen there
function seen(place, ...parts) {
  places[place] ??= []
  for (const part of parts) places[place].push(Buffer.isBuffer(part) ? part : Buffer.from(part))
}

// A token's signature opens doors as its key does, until it expires.
let tokens = 0
function token(resource, base64, policy) {
  const made = sasToken(resource, base64, policy)
  key(`token ${++tokens}`, decodeURIComponent(/sig=([^&]*)/.exec(made)[1]))
  return made
}

const work = mkdtempSync(join(tmpdir(), 'berth-secrets-'))
const temporary = join(work, 'tmp')
mkdirSync(temporary)
const planted = new Set()
const secretFile = (name, value) => {
  const path = join(work, name)
  writeFileSync(path, `${value}\n`, { mode: 0o600 })
  planted.add(path)
  return path
}

const daemon = new Daemon(
  [
    ...['--hostname', 'localhost', '--listen', '127.0.0.1', '--log-level', 'debug', '--loops', '1'],
    ...['--ops-port', String(OPS_PORT), '--peer-failures-per-min', '0'],
  ],
  { TMPDIR: temporary },
)
const scope = (id) => `${daemon.profile.idScope}/registrations/${id}`
const data = () => join(daemon.dir, 'data')

// ---- asking over HTTPS ----

// What an answer may hold: PLACE is 'answers with keys' where the API tells them by its contract.
async function ask(place, method, path, { authorization, body, host = 'localhost', headers } = {}) {
  const answer = await request(daemon, {
    method,
    path,
    body,
    headers: { Host: host, ...(authorization && { Authorization: authorization }), ...headers },
  })
  const whole = JSON.stringify([answer.headers, answer.body])
  seen(answer.status >= 400 ? 'error answers' : place, whole)
  return answer
}

const policyKeys = { service: {}, hub: {} }
const asOwner = () =>
  token('localhost', policyKeys.service.provisioningserviceowner, 'provisioningserviceowner')
const asHub = (host = 'localhost') => token(host, policyKeys.hub[host].iothubowner, 'iothubowner')
const service = async (place, method, path, body) => {
  const answer = await ask(place, method, path, { authorization: asOwner(), body })
  assert.ok(
    answer.status < 300,
    `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`,
  )
  return answer.body
}
const hub = async (place, method, path, body, headers) => {
  const answer = await ask(place, method, `${path}?${API}`, {
    authorization: asHub(),
    body,
    headers,
  })
  assert.ok(
    answer.status < 300,
    `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`,
  )
  return answer.body
}

const BY_DESIGN = 'answers with keys'
const LISTS = 'list answers'
const OTHERS = 'other answers'

async function readPolicies() {
  for (const { keyName, primaryKey, secondaryKey } of await service(
    BY_DESIGN,
    'POST',
    '/berth/v1/listkeys',
  )) {
    key(`${keyName}, primary`, primaryKey)
    key(`${keyName}, secondary`, secondaryKey)
  }
  for (const host of ['localhost', OTHER_HUB]) {
    policyKeys.hub[host] = {}
    for (const one of await service(BY_DESIGN, 'POST', `/berth/v1/hubs/${host}/listkeys`)) {
      policyKeys.hub[host][one.keyName] = key(`${host}'s ${one.keyName}, primary`, one.primaryKey)
      key(`${host}'s ${one.keyName}, secondary`, one.secondaryKey)
    }
  }
}

const pair = (name, size) => ({
  primaryKey: key(`${name}, primary`, newKey(size)),
  secondaryKey: key(`${name}, secondary`, newKey(size)),
})
const keys = { group: pair('group'), single: pair('enrollment'), device: pair('device', 32) }
const derived = (id, slot = 'primaryKey') =>
  key(`derived for ${id}, ${slot}`, deriveKey(keys.group[slot], id))

const attestation = (symmetricKey) => ({ type: 'symmetricKey', symmetricKey })

async function recordsComeAndGo() {
  policyKeys.service.provisioningserviceowner = /SharedAccessKey=([^;]*)/.exec(
    daemon.profile.connectionString,
  )[1]
  await service(OTHERS, 'PUT', `/berth/v1/hubs/${OTHER_HUB}`, { allocation: false })
  await readPolicies()
  const group = { enrollmentGroupId: GROUP, attestation: attestation(keys.group) }
  const single = { registrationId: SINGLE, attestation: attestation(keys.single) }
  await service(BY_DESIGN, 'PUT', `/enrollmentGroups/${GROUP}?${API}`, group)
  await service(BY_DESIGN, 'PUT', `/enrollments/${SINGLE}?${API}`, single)
  const symmetricKey = keys.device
  await hub(BY_DESIGN, 'PUT', '/devices/made', {
    deviceId: 'made',
    authentication: { type: 'sas', symmetricKey },
  })
  await service(BY_DESIGN, 'PUT', `/enrollments/gone?${API}`, {
    ...single,
    registrationId: 'gone',
    attestation: attestation(pair('deleted enrollment')),
  })
  await service(OTHERS, 'DELETE', `/enrollments/gone?${API}`)
  await service(OTHERS, 'GET', `/enrollmentGroups/${GROUP}?${API}`)
  await service(BY_DESIGN, 'POST', `/enrollmentGroups/${GROUP}/attestationmechanism?${API}`)
  await service(BY_DESIGN, 'POST', `/enrollments/${SINGLE}/attestationmechanism?${API}`)
  await service(OTHERS, 'PATCH', `/berth/v1/enrollmentGroups/${GROUP}/settings`, {
    assigningFirst: false,
  })
  await hub(BY_DESIGN, 'GET', '/devices/made')
  await hub(OTHERS, 'PATCH', '/twins/made', {
    tags: { line: '2' },
    properties: { desired: { rate: 1 } },
  })
}

// ---- devices ----

const heard = (wire) => {
  seen('device answers', wire.got)
  wire.end()
}

async function registerHttps(id, authorization) {
  const path = `/${scope(id)}/register?api-version=2021-06-01`
  return ask('device answers', 'PUT', path, { authorization, body: { registrationId: id } })
}

async function registerMqtt(user, password, id = 'client') {
  const wire = await openTls(daemon, daemon.mqttsPort)
  wire.write(mqtt.connect(user, password, 60, 0xc2, id))
  wire.write(Buffer.concat([mqtt.subscribe(), mqtt.register('{"payload":{"model":"x"}}')]))
  const told = await wire.until((got) => packets(got).find(({ type }) => type === 3))
  heard(wire)
  return told && publication(told).topic
}

async function devicesRegister() {
  for (const slot of ['primaryKey', 'secondaryKey']) {
    const { status } = await registerHttps(
      `d-${slot}`,
      token(scope(`d-${slot}`), derived(`d-${slot}`, slot), 'registration'),
    )
    assert.equal(status, 202)
    await registerHttps(SINGLE, token(scope(SINGLE), keys.single[slot], 'registration'))
  }
  const topic = await registerMqtt(
    `${scope('m-1')}/api-version=2019-03-31`,
    token(scope('m-1'), derived('m-1'), 'registration'),
    'm-1',
  )
  assert.match(topic, /res\/200\//)
}

// Each of the mistakes that forensics tell apart has the secrets in another place.
async function devicesAreRefused() {
  const plain = (id, base64) => token(scope(id), base64, 'registration')
  await registerHttps('f-1', plain('f-1', key('wrong key', newKey())))
  await registerHttps('f-2', plain('f-2', keys.group.primaryKey))
  await registerHttps(
    'f-3',
    plain('f-3', key('derived in capitals', deriveKey(keys.group.primaryKey, 'F-3'))),
  )
  await registerHttps('f-4', token('localhost/devices/f-4', derived('f-4')))
  await registerHttps(SINGLE, plain(SINGLE, derived(SINGLE)))
  await registerHttps('f-5', plain('f-5', derived('f-5')).replace('&se=', '&se=x'))
  await registerHttps('f-6', `SharedAccessKey=${key('key for a token', newKey())}`)
  await registerHttps('f-7', `SharedAccessSignature ${text('no token', newKey())}`)
  await registerHttps(
    'f-8',
    `Basic ${text('basic', Buffer.from(`f-8:${newKey(24)}`).toString('base64'))}`,
  )
  await registerMqtt(`${scope('m-2')}/api-version=2019-03-31`, plain('m-2', newKey()), 'm-2')
  await registerMqtt(
    `${scope('m-3')}/api-version=2019-03-31`,
    text('key as a password', newKey()),
    'm-3',
  )
  // the fields of CONNECT in another order
  await registerMqtt(plain('m-4', derived('m-4')), `${scope('m-4')}/api-version=2019-03-31`, 'm-4')
  await registerMqtt(`${scope('m-5')}/api-version=2019-03-31`, 'm-5', plain('m-5', derived('m-5')))
  await registerMqtt(
    `${scope('m-6')}/api-version=2019-03-31&${plain('m-6', derived('m-6'))}`,
    'x',
    'm-6',
  )
  const path = `/${scope('q-1')}/register?api-version=2021-06-01&auth=${encodeURIComponent(plain('q-1', derived('q-1')))}`
  await ask('device answers', 'PUT', path, { body: { registrationId: 'q-1' } })
}

async function servicesAreRefused() {
  const owner = policyKeys.service.provisioningserviceowner
  const get = (authorization, query = '') =>
    ask(OTHERS, 'GET', `/enrollments/${SINGLE}?${API}${query}`, { authorization })
  await get(undefined)
  await get(token('localhost', key('no policy key', newKey()), 'provisioningserviceowner'))
  await get(token('localhost', owner, 'nobody'))
  await get(token('elsewhere.example', owner, 'provisioningserviceowner'))
  await get(`HostName=localhost;SharedAccessKey=${owner}`)
  await get(`Bearer ${text('bearer', newKey(24))}`)
  await get(
    undefined,
    `&sig=${encodeURIComponent(token('localhost', owner, 'provisioningserviceowner'))}`,
  )
  const put = (path, body) =>
    ask(OTHERS, 'PUT', `${path}?${API}`, { authorization: asOwner(), body })
  const short = text('key that is too short', randomBytes(15).toString('base64'))
  const broken = text('key that is no base64', `${newKey(24)}*`)
  for (const bad of [short, broken, key('key that is too long', newKey(65))]) {
    await put(`/enrollmentGroups/${GROUP}-2`, {
      enrollmentGroupId: `${GROUP}-2`,
      attestation: attestation({ primaryKey: bad }),
    })
    await put('/enrollments/bad', {
      registrationId: 'bad',
      attestation: attestation({ ...keys.single, secondaryKey: bad }),
    })
    await ask(OTHERS, 'PUT', `/devices/bad?${API}`, {
      authorization: asHub(),
      body: {
        deviceId: 'bad',
        authentication: { type: 'sas', symmetricKey: { primaryKey: bad, secondaryKey: bad } },
      },
    })
  }
  // no number where one belongs, a key where none belongs
  await put('/enrollments/bad', {
    registrationId: 'bad',
    attestation: { type: keys.single.primaryKey },
  })
  await put('/enrollments/bad', {
    registrationId: 'bad',
    provisioningStatus: keys.single.primaryKey,
    attestation: attestation(keys.single),
  })
  await put(`/berth/v1/hubs/${OTHER_HUB}`, { weight: keys.group.primaryKey })
  await put(`/enrollments/${SINGLE}`, {
    registrationId: SINGLE,
    attestation: attestation(keys.single),
  })
}

async function session() {
  const id = 'made'
  const wire = await openTls(daemon, daemon.mqttsPort)
  const password = token(`localhost/devices/${id}`, keys.device.secondaryKey)
  wire.write(mqtt.connect(`localhost/${id}/?api-version=2021-04-12`, password, 60, 0xc2, id))
  await wire.until((got) => packets(got).find(({ type }) => type === 2))
  wire.write(mqtt.subscribe('$iothub/twin/res/#', 2))
  wire.write(mqtt.publish('$iothub/twin/GET/?$rid=1', '', 0x30))
  wire.write(mqtt.publish(`devices/${id}/messages/events/idx=1`, 'hello', 0x32, 3))
  await wire.until((got) => packets(got).some(({ type }) => type === 4))
  heard(wire)
  const bad = await openTls(daemon, daemon.mqttsPort)
  bad.write(
    mqtt.connect(
      `localhost/${id}/?api-version=2021-04-12`,
      token(`localhost/devices/${id}`, newKey()),
      60,
      0xc2,
      id,
    ),
  )
  await bad.closed()
  heard(bad)
}

async function lists() {
  const query = { query: 'SELECT * FROM enrollments' }
  for (const path of ['enrollmentGroups', 'enrollments'])
    await service(LISTS, 'POST', `/${path}/query?${API}`, query)
  await service(LISTS, 'POST', `/registrations/${GROUP}/query?${API}`)
  for (const path of [
    'registrations',
    'refusals?last=200',
    'audit',
    'hubs',
    'ca',
    'service',
    'policies',
    'hubs/localhost/policies',
  ])
    await service(LISTS, 'GET', `/berth/v1/${path}`)
  await service(LISTS, 'GET', '/berth/v1/hubs/localhost/events?after=0')
  await hub(LISTS, 'POST', '/devices/query', { query: 'SELECT * FROM devices' })
  await hub(LISTS, 'GET', '/statistics/devices')
  await hub(LISTS, 'GET', '/twins/made')
  await hub('the list of devices', 'GET', '/devices') // Azure's has the keys too
}

async function operations() {
  for (const path of ['metrics', 'healthz', 'elsewhere']) {
    const [answer] = await once(
      http.get({ host: '127.0.0.1', port: OPS_PORT, path: `/${path}` }),
      'response',
    )
    seen(`/${path}`, JSON.stringify(answer.headers), ...(await answer.toArray()))
  }
}

// ---- the command line ----

const read = (path) => {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0) // it has ended, or may not be looked at
  }
}

// Runs berth to its end; what ps shows is looked at all the while.
async function berth(place, args, { env = {}, code = 0 } = {}) {
  const child = spawn(process.env.BERTH, args, {
    env: {
      ...process.env,
      HOME: work,
      XDG_CONFIG_HOME: join(work, '.config'),
      TMPDIR: temporary,
      BERTH_PROFILE: join(data(), 'profile.ini'),
      ...env,
    },
    cwd: work,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  const parts = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => parts.push(part))
  while (child.exitCode === null && child.signalCode === null) {
    seen('process list', read(`/proc/${child.pid}/cmdline`))
    await sleep(2)
  }
  await ended
  const out = Buffer.concat(parts).toString()
  seen(place, out)
  assert.equal(child.exitCode, code, `berth ${args.join(' ')}: ${out}`)
  return out
}

const TOLD = 'output of the command line'
const SHOWN = 'output that shows keys'

async function verbs() {
  const groupFile = secretFile('group', keys.group.primaryKey)
  const otherFile = secretFile('other', key('group by file', newKey()))
  await berth(TOLD, ['enrollment-group', 'create', 'g-2', '--primary-key-file', otherFile])
  await berth(TOLD, ['enrollment-group', 'create', 'g-2', '--primary-key-file', otherFile], {
    code: 4,
  })
  await berth(TOLD, [
    'enrollment-group',
    'update',
    'g-2',
    '--secondary-key-file',
    groupFile,
    '--json',
  ])
  const made = JSON.parse(
    await berth(SHOWN, [
      'enrollment-group',
      'keys',
      'regenerate',
      'g-2',
      '--key-type',
      'primary',
      '--json',
    ]),
  )
  key('regenerated', made.primaryKey)
  const policyFile = secretFile('policy', key('policy by file', newKey(32)))
  await berth(TOLD, [
    'policy',
    'create',
    'mes',
    '--rights',
    'EnrollmentRead',
    '--primary-key-file',
    policyFile,
  ])
  await berth(TOLD, ['policy', 'show', 'mes', '--json'])
  await berth(SHOWN, ['policy', 'keys', 'show', 'mes'])
  const login = ['login', '--profile', 'away', '--ca', daemon.profile.caFile]
  const string = daemon.profile.connectionString
  await berth(TOLD, [...login, '--connection-string-file', secretFile('login', string)])
  await berth(TOLD, [
    ...login,
    '--url',
    'https://localhost',
    '--policy',
    'mes',
    '--key-file',
    policyFile,
  ])
  await berth(
    TOLD,
    [...login, '--connection-string-file', secretFile('bad login', `${string.slice(0, -9)}*`)],
    { code: 2 },
  )
  await berth(TOLD, ['service', 'show', '--profile', 'away'])
  await berth(TOLD, ['logout', '--profile', 'away'])
  const kinds = [
    'enrollment-group',
    'enrollment',
    'registration',
    'hub',
    'ca',
    'device',
    'policy',
    'login',
  ]
  for (const kind of kinds)
    for (const more of [[], ['--json']]) await berth(TOLD, [kind, 'list', ...more])
  for (const args of [
    ['enrollment-group', 'show', GROUP],
    ['enrollment', 'show', SINGLE],
    ['registration', 'show', SINGLE],
    ['device', 'show', 'made'],
    ['device', 'show', 'made', '--twin'],
    ['service', 'show'],
    ['explain', '--last'],
    ['explain', 'f-1'],
    ['explain', 'm-4'],
    ['enrollment', 'disable', SINGLE],
    ['enrollment', 'enable', SINGLE],
    ['device', 'disable', 'made'],
    ['device', 'enable', 'made'],
    ['ca', 'rollover'],
  ])
    for (const more of args[1] === 'rollover' || args[1].endsWith('able') ? [[]] : [[], ['--json']])
      await berth(TOLD, [...args, ...more]).catch((error) => {
        if (args[0] !== 'explain') throw error // nothing may be known of m-4
      })
  await berth(TOLD, [
    'device',
    'provision',
    '--enrollment-group',
    GROUP,
    '--registration-id',
    'c-1',
  ])
  derived('c-1')
  await berth(TOLD, ['device', 'provision', '--registration-id', 'c-2', '--transport', 'https'], {
    env: { BERTH_KEY: derived('c-2') },
  })
  await berth(TOLD, ['device', 'provision', '--registration-id', 'c-3'], {
    env: { BERTH_KEY: key('nobody', newKey()) },
    code: 5,
  })
  await berth(SHOWN, ['key', 'derive', '--key-file', groupFile, '--registration-id', 'c-1'])
  await berth(SHOWN, ['enrollment-group', 'show', GROUP, '--show-keys'])
  await berth(SHOWN, ['device', 'show', 'made', '--show-keys', '--json'])
  await berth(SHOWN, ['connection-string', 'show'])
  for (const name of ['BERTH_LOGIN', 'BERTH_KEY'])
    await berth(TOLD, ['key', 'derive', '--registration-id', 'x'], {
      env: { [name]: text(`broken $${name}`, `x${newKey()}*`) },
      code: name === 'BERTH_KEY' ? 2 : 2,
    })
}

// A key on the command line stands there until it has been read, and no longer.
async function keyInArguments(name, args, secret) {
  const child = spawn(process.env.BERTH, args, {
    env: { ...process.env, HOME: work, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const parts = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => parts.push(part))
  await check(`${name} leaves the process list`, async () => {
    await until('the key is gone', () => {
      const line = read(`/proc/${child.pid}/cmdline`).toString()
      assert.equal(child.exitCode, null, Buffer.concat(parts).toString())
      return line.startsWith(process.env.BERTH) && !line.includes(secret)
    })
  })
  child.kill('SIGKILL')
  await once(child, 'close')
  seen(TOLD, ...parts)
}

async function arguments_() {
  const owner = policyKeys.service.provisioningserviceowner
  const login = `HostName=localhost;SharedAccessKeyName=provisioningserviceowner;SharedAccessKey=${owner}`
  await keyInArguments(
    '--login',
    ['hub', 'monitor', '--login', login, '--ca-file', daemon.profile.caFile],
    owner,
  )
  await keyInArguments(
    '--login=',
    ['hub', 'monitor', `--login=${login}`, '--ca-file', daemon.profile.caFile],
    owner,
  )
}

async function backups() {
  const passphrase = text('passphrase', `correct horse ${randomBytes(12).toString('hex')} battery`)
  const file = join(work, 'backup')
  const from = ['--passphrase-file', secretFile('passphrase', passphrase)]
  await berth(TOLD, ['backup', '--output', file, '--data-dir', data(), ...from])
  await berth(TOLD, ['restore', file, '--list', ...from])
  await berth(TOLD, ['restore', file, '--data-dir', join(work, 'restored'), ...from])
  const wrong = secretFile(
    'wrong',
    text('wrong passphrase', `no horse ${randomBytes(12).toString('hex')}`),
  )
  await berth(
    TOLD,
    ['restore', file, '--data-dir', join(work, 'again'), '--passphrase-file', wrong],
    { code: 5 },
  ).catch(() => {})
  seen('backup', read(file))
}

// ---- what is left ----

function filesBelow(directory) {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
}

// Files that hold a key because they are there for it, each for its owner alone.
const KEY_FILES = /(^|\/)(store\.key|profile\.ini|.*key.*\.pem|.*\.key)$/

function collectFiles() {
  for (const directory of [data(), join(work, 'restored')])
    for (const path of filesBelow(directory)) {
      const name = path.slice(directory.length + 1)
      seen(KEY_FILES.test(name) ? 'key files' : `file ${name}`, readFileSync(path))
    }
  const home = filesBelow(work).filter(
    (path) => !planted.has(path) && !path.startsWith(join(work, 'restored')),
  )
  seen('the home directory, after the logout', home.join('\n'), ...home.map(read))
  seen('temporary files', ...filesBelow(temporary).map(read), filesBelow(temporary).join('\n'))
  const storeKey = readFileSync(join(data(), 'store.key'))
  key('store key', storeKey.toString('base64'))
}

function collectProcess() {
  seen('process list', read(`/proc/${daemon.child.pid}/cmdline`))
  const environment = read(`/proc/${daemon.child.pid}/environ`)
  assert.ok(environment.length > 0)
  seen("the daemon's environment", environment)
}

// ---- what must be found where ----

const told = (...names) => new Set(names)
const byDesign = {
  [BY_DESIGN]: told(
    'group, primary',
    'group, secondary',
    'enrollment, primary',
    'device, primary',
    "localhost's iothubowner, primary",
    'provisioningserviceowner, secondary',
  ),
  'the list of devices': told(
    'device, primary',
    'device, secondary',
    'enrollment, primary',
    'derived for c-1, primaryKey',
  ),
  'key files': told('provisioningserviceowner, primary', 'store key'),
  [SHOWN]: told(
    'group, primary',
    'device, secondary',
    'derived for c-1, primaryKey',
    'provisioningserviceowner, primary',
    'regenerated',
  ),
}

async function search() {
  const needles = needlesOf(secrets)
  let forms = 0
  for (const each of Object.values(secrets)) forms += Object.keys(each).length
  let bytes = 0
  let leaks = 0
  for (const [place, parts] of Object.entries(places)) {
    const all = Buffer.concat(parts.flatMap((part) => [part, Buffer.from([0])]))
    bytes += all.length
    const found = find(needles, all)
    const wanted = byDesign[place]
    if (wanted === undefined) {
      leaks += found.length
      await check(`nothing in ${place}`, () =>
        assert.deepEqual(
          found.map(
            ({ secret, form, at }) =>
              `${secret} as ${form}: ${all.subarray(Math.max(0, at - 60), at + 20).toString('latin1')}`,
          ),
          [],
        ),
      )
    } else {
      await check(`what ${place} are there for`, () => {
        const names = new Set(found.map(({ secret }) => secret))
        for (const name of wanted)
          assert.ok(names.has(name), `${name} is not seen: the test is blind`)
      })
    }
  }
  const names = Object.keys(places)
  console.log(
    `secrets: ${Object.keys(secrets).length} planted, ${forms} forms, looked for in ${names.length} places (${bytes} bytes): ${leaks} found; ` +
      `told by design, and seen: ${Object.keys(byDesign).join(', ')}`,
  )
  console.log(`  ${names.filter((name) => !byDesign[name]).join('; ')}`)
}

await check('every form is found where it is', () => {
  const forms = keyForms(newKey())
  for (const [form, value] of Object.entries(forms))
    assert.ok(
      find(
        needlesOf({ it: forms }),
        Buffer.concat([randomBytes(99), Buffer.from(value), randomBytes(99)]),
      ).length > 0,
      form,
    )
})

await daemon.start()
try {
  await recordsComeAndGo()
  await devicesRegister()
  await devicesAreRefused()
  await servicesAreRefused()
  await session()
  await sleep(300) // forensics run behind the answers
  await verbs()
  await arguments_()
  await backups()
  await lists()
  await operations()
  collectProcess()
  collectFiles()
} finally {
  await daemon.stop().catch((error) => check('the daemon was well', () => Promise.reject(error)))
}
seen('log', daemon.stderr)
await check('the log was at work', () => assert.match(daemon.stderr, /"registration_id":"f-1"/))
await search()
rmSync(work, { recursive: true, force: true })
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
