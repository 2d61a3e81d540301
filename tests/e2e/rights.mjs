// Who may do what, asked of the real daemon over TLS: each route of the service APIs, and each way that a device comes in, with credentials
// that are good for something else. tests/unit/test_rights.c has every right on every route; here stand the parties that exist in a plant.
//
// usage: BERTH=.. node rights.mjs PATH-OF-TEST_RIGHTS   (after `npm ci` in tests/sdk; ports 443 and 8883 are free)
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { Daemon } from '../sdk/daemon.mjs'
import { call, callForAll, deriveKey, request, sasToken } from '../sdk/rest.mjs'
import { mqtt, openTls, packets, publication } from './raw.mjs'

const WebSocket = createRequire(new URL('../sdk/', import.meta.url))('ws')
const OTHER_HUB = 'line2.plant.example'
const OWNER = 'provisioningserviceowner'
const API = 'api-version=2021-10-01'
const ID = 'x1.y'
const newKey = () => randomBytes(64).toString('base64')
const groupKeys = { primaryKey: newKey(), secondaryKey: newKey() }

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

const daemon = new Daemon([
  ...['--hostname', 'localhost', '--listen', '127.0.0.1', '--loops', '1', '--ops-port', '0'],
  ...['--peer-failures-per-min', '0', '--device-requests-per-min', '0', '--log-level', 'error'],
])
const service = (method, path, body) =>
  call(daemon, daemon.profile.connectionString, method, path, body)

// ---- the parties ----

const scopeOf = { service: '', hub: 'localhost', other: OTHER_HUB }
const policies = {} // by scope: name to {primaryKey, secondaryKey}

const SERVICE_RIGHTS = [
  ...['ServiceConfig', 'EnrollmentRead', 'EnrollmentWrite', 'RegistrationStatusRead'],
  ...['RegistrationStatusWrite', 'DeviceConnect'],
]
const HUB_RIGHTS = ['RegistryRead', 'RegistryWrite', 'ServiceConnect', 'DeviceConnect']

// One policy for each right, everywhere under the same names: only the key tells whose it is.
async function makePolicies() {
  const put = (where, right) =>
    service('PUT', `/berth/v1${where}/policies/only-${right}`, { rights: right })
  for (const right of SERVICE_RIGHTS) await put('', right)
  for (const hub of ['localhost', OTHER_HUB])
    for (const right of HUB_RIGHTS) await put(`/hubs/${hub}`, right)
}

async function readPolicies() {
  const paths = {
    service: '/berth/v1/listkeys',
    hub: '/berth/v1/hubs/localhost/listkeys',
    other: `/berth/v1/hubs/${OTHER_HUB}/listkeys`,
  }
  for (const [name, path] of Object.entries(paths)) {
    const { body } = await service('POST', path)
    policies[name] = Object.fromEntries(body.map((one) => [one.keyName, one]))
  }
}

async function onHub(name, method, path, body, headers = {}) {
  const policy = 'iothubowner'
  const { primaryKey } = policies[name === OTHER_HUB ? 'other' : 'hub'][policy]
  const login = `HostName=${name};SharedAccessKeyName=${policy};SharedAccessKey=${primaryKey}`
  return call(daemon, login, method, `${path}?${API}`, body, headers)
}

const device = (id, primaryKey, secondaryKey) => ({
  deviceId: id,
  authentication: { type: 'sas', symmetricKey: { primaryKey, secondaryKey } },
})

async function fill() {
  await service('PUT', `/berth/v1/hubs/${OTHER_HUB}`, { allocation: false })
  await makePolicies()
  await readPolicies()
  for (const id of [ID, 'off'])
    await service('PUT', `/enrollmentGroups/${id}?${API}`, {
      enrollmentGroupId: id,
      attestation: { type: 'symmetricKey', symmetricKey: id === ID ? groupKeys : undefined },
      provisioningStatus: id === 'off' ? 'disabled' : 'enabled',
    })
  await service('PUT', `/enrollments/${ID}?${API}`, {
    registrationId: ID,
    attestation: { type: 'symmetricKey', symmetricKey: keys.single },
  })
  for (const [hub, pair] of [
    ['localhost', keys.device],
    [OTHER_HUB, keys.elsewhere],
  ])
    for (const id of [ID, 'neighbour'])
      await onHub(hub, 'PUT', `/devices/${id}`, device(id, pair.primaryKey, pair.secondaryKey))
  await onHub('localhost', 'PUT', '/devices/disabled', {
    ...device('disabled', keys.device.primaryKey, keys.device.secondaryKey),
    status: 'disabled',
  })
}

const pair = () => ({ primaryKey: newKey(), secondaryKey: newKey() })
const keys = { single: pair(), device: pair(), elsewhere: pair() }

// All that a request could have changed.
async function state() {
  const own = daemon.profile.connectionString
  const lists = {
    groups: (await service('POST', `/enrollmentGroups/query?${API}`, { query: '*' })).body,
    enrollments: (await service('POST', `/enrollments/query?${API}`, { query: '*' })).body,
    registrations: await callForAll(daemon, own, '/berth/v1/registrations'),
    hubs: (await service('GET', '/berth/v1/hubs')).body,
    ca: (await service('GET', '/berth/v1/ca')).body,
    keys: (await service('POST', '/berth/v1/listkeys')).body,
    otherKeys: (await service('POST', `/berth/v1/hubs/${OTHER_HUB}/listkeys`)).body,
    group: (await service('POST', `/enrollmentGroups/${ID}/attestationmechanism?${API}`)).body,
  }
  for (const hub of ['localhost', OTHER_HUB]) {
    lists[hub] = (await onHub(hub, 'GET', '/devices')).body
    lists[`${hub}: twin`] = (await onHub(hub, 'GET', `/twins/${ID}`)).body
  }
  // A session's own traces come late, and are no answer to anybody's request.
  const traces = ['lastActivityTime', 'connectionState', 'connectionStateUpdatedTime']
  return JSON.parse(
    JSON.stringify(lists, (name, value) => (traces.includes(name) ? undefined : value)),
  )
}

// ---- the service APIs ----

const skewed = (token, life) =>
  token.replace(/&se=\d+/, `&se=${Math.floor(Date.now() / 1000) + life}`)
const flip = (text, what) => text.replace(what, (sig) => (sig === 'A' ? 'B' : 'A'))

// [name, Authorization or undefined] for a route of HOST, whose policies are MINE's; never good for anything there.
function strangers(host, path, mine) {
  const key = policies[mine][mine === 'service' ? OWNER : 'iothubowner'].primaryKey
  const skn = mine === 'service' ? OWNER : 'iothubowner'
  const dps = `${daemon.profile.idScope}/registrations/${ID}`
  const list = [
    ['nothing', undefined],
    ['a bearer', 'Bearer abc'],
    ['half a token', 'SharedAccessSignature sr=localhost&sig=x'],
    ['expired', expired(host, key, skn)],
    ['another expiry than signed', skewed(sasToken(host, key, skn), 9999)],
    ['a wrong key', sasToken(host, newKey(), skn)],
    ['a bit of the signature', flip(sasToken(host, key, skn), /(?<=sig=)./)],
    ['no policy', sasToken(host, key)],
    ['for another path', sasToken(`${host}/elsewhere`, key, skn)],
    ['for another host', sasToken('elsewhere.example', key, skn)],
    ['for half the path', sasToken(`${host}${path.slice(0, -1)}`, key, skn)],
    ["a registration's token", sasToken(dps, keys.single.primaryKey, 'registration')],
    ["a group device's token", sasToken(dps, deriveKey(groupKeys.primaryKey, ID), 'registration')],
    ["the group's key", sasToken(host, groupKeys.primaryKey, skn)],
    ["a device's token", sasToken(`${host}/devices/${ID}`, keys.device.primaryKey)],
    ["a device's key", sasToken(host, keys.device.primaryKey, skn)],
  ]
  for (const scope of Object.keys(policies).filter((name) => name !== mine))
    for (const [name, { primaryKey, secondaryKey }] of Object.entries(policies[scope]))
      for (const each of [primaryKey, secondaryKey]) {
        list.push([`${scope}'s ${name}`, sasToken(host, each, name)])
        list.push([`${scope}'s ${name} as ${skn}`, sasToken(host, each, skn)])
      }
  return list
}

function expired(resource, key, policy) {
  const now = Date.now
  Date.now = () => now() - 3600_000 - 400_000
  try {
    return sasToken(resource, key, policy)
  } finally {
    Date.now = now
  }
}

let cases = 0
let open = 0
const ask = (route, host, authorization) =>
  request(daemon, {
    method: route.method,
    path: `${route.path}?${API}`,
    headers: { Host: host, ...(authorization && { Authorization: authorization }) },
  })

async function refuses(route, host, who, authorization) {
  const { status, body } = await ask(route, host, authorization)
  cases++
  if (status !== 401) open++
  assert.equal(status, 401, `${who}: ${JSON.stringify(body)}`)
  assert.doesNotMatch(JSON.stringify(body), /[A-Za-z0-9+/]{40}/, `${who} is told a key`)
}

// What stands in the policy's own words, RegistryWrite implying RegistryRead.
function mayUse(route, { rights }) {
  return rights.split(', ').some((right) => route.rights.includes(right))
}

// Refused first, all of them; then those let in, whose work may change what there is.
async function checkRoute(route) {
  const hosts =
    route.addresses === 'hub' ? { hub: 'localhost', other: OTHER_HUB } : { service: 'localhost' }
  for (const [mine, host] of Object.entries(hosts)) {
    for (const [who, authorization] of strangers(host, route.path, mine))
      await refuses(route, host, who, authorization)
    for (const policy of Object.values(policies[mine]).filter((one) => !mayUse(route, one)))
      for (const key of [policy.primaryKey, policy.secondaryKey])
        await refuses(route, host, policy.keyName, sasToken(host, key, policy.keyName))
  }
}

async function checkRight(route) {
  const mine = route.addresses === 'hub' ? 'hub' : 'service'
  for (const policy of Object.values(policies[mine]).filter((one) => mayUse(route, one)))
    for (const key of [policy.primaryKey, policy.secondaryKey]) {
      const { status, body } = await ask(
        route,
        'localhost',
        sasToken('localhost', key, policy.keyName),
      )
      cases++
      assert.ok(
        ![401, 403].includes(status),
        `${policy.keyName}: ${status} ${JSON.stringify(body)}`,
      )
    }
}

function listRoutes(program) {
  const { status, stdout, stderr } = spawnSync(program, ['--list'], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([method, pattern, addresses, ...rights]) => ({
      method,
      addresses,
      rights,
      path: `/${pattern}`.replace('hubs/+', 'hubs/localhost').replaceAll('+', ID),
    }))
}

async function serviceApis() {
  const routes = listRoutes(process.argv[2])
  const before = await state()
  for (const route of routes) await check(`${route.method} ${route.path}`, () => checkRoute(route))
  await check('nothing has changed', async () => assert.deepEqual(await state(), before))
  for (const route of routes)
    await check(`${route.method} ${route.path} by right`, () => checkRight(route))
  console.log(
    `service APIs: ${routes.length} routes, ${cases} requests, ${open} open to the wrong right`,
  )
}

// ---- devices ----

// The same three calls over a bare TLS connection and over a WebSocket.
async function openMqtts() {
  return openTls(daemon, daemon.mqttsPort)
}

async function openWss() {
  const socket = new WebSocket(`wss://localhost:${daemon.httpsPort}/$iothub/websocket`, 'mqtt', {
    ca: daemon.ca,
  })
  const wire = { got: Buffer.alloc(0), ended: false, wake: () => {} }
  const told = new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  socket.on('message', (part) => {
    wire.got = Buffer.concat([wire.got, part])
    wire.wake()
  })
  for (const name of ['close', 'error'])
    socket.on(name, () => {
      wire.ended = true
      wire.wake()
    })
  await told
  wire.write = (bytes) => socket.send(bytes)
  wire.end = () => socket.terminate()
  wire.until = async (test) => {
    for (;;) {
      const found = test(wire.got)
      if (found !== undefined && found !== false) return found
      if (wire.ended) return undefined
      await new Promise((resolve) => (wire.wake = resolve))
    }
  }
  return wire
}

const scoped = (id, scope = daemon.profile.idScope) => `${scope}/registrations/${id}`

async function viaHttps(method, path, token) {
  const { status } = await request(daemon, {
    method,
    path: `${path}?api-version=2021-06-01`,
    headers: { ...(token && { Authorization: token }) },
    body: method === 'PUT' ? { registrationId: ID } : undefined,
  })
  return status
}

const connack = (got) => packets(got).find(({ type }) => type === 2)

// The status that a registration of ID gets, whether at the door or in the answer.
async function viaMqtt(opener, id, token) {
  const wire = await opener()
  wire.write(mqtt.connect(`${scoped(id)}/api-version=2019-03-31`, token ?? '', 60, 0xc2, id))
  const answer = await wire.until(connack)
  let status = answer?.body[1] === 0 ? undefined : 401
  if (status === undefined) {
    wire.write(Buffer.concat([mqtt.subscribe(), mqtt.register()]))
    const told = await wire.until((got) => packets(got).find(({ type }) => type === 3))
    status = told && Number(/res\/(\d+)\//.exec(publication(told).topic)[1])
  }
  wire.end()
  return status
}

// 200 when the hub lets the device in.
async function viaHub(opener, id, token) {
  const wire = await opener()
  wire.write(mqtt.connect(`localhost/${id}/?api-version=2021-04-12`, token ?? '', 60, 0xc2, id))
  const answer = await wire.until(connack)
  wire.end()
  return answer?.body[1] === 0 ? 200 : 401
}

const dpsWays = {
  'https register': (token) => viaHttps('PUT', `/${scoped(ID)}/register`, token),
  'https poll': (token) => viaHttps('GET', `/${scoped(ID)}/operations/${operationId}`, token),
  mqtts: (token) => viaMqtt(openMqtts, ID, token),
  wss: (token) => viaMqtt(openWss, ID, token),
}
const hubWays = {
  'hub mqtts': (token, id = ID) => viaHub(openMqtts, id, token),
  'hub wss': (token, id = ID) => viaHub(openWss, id, token),
}
let operationId

// ID has an enrollment of its own: the group's keys are not for it.
function dpsStrangers() {
  const own = keys.single.primaryKey
  const derived = deriveKey(groupKeys.primaryKey, ID)
  const { primaryKey: service } = policies.service[OWNER]
  return [
    ['nothing', undefined],
    ['half a token', 'SharedAccessSignature sr=x&sig=y'],
    ['expired', expired(scoped(ID), own, 'registration')],
    ['another expiry than signed', skewed(sasToken(scoped(ID), own, 'registration'), 9999)],
    ['a wrong key', sasToken(scoped(ID), newKey(), 'registration')],
    [
      "another registration's token",
      sasToken(scoped('x2'), deriveKey(groupKeys.primaryKey, 'x2'), 'registration'),
    ],
    ['its key, for another registration', sasToken(scoped('x2'), own, 'registration')],
    ['its key, for another scope', sasToken(scoped(ID, '0ne0000FFFF'), own, 'registration')],
    [
      'its key, for all registrations',
      sasToken(`${daemon.profile.idScope}/registrations`, own, 'registration'),
    ],
    ['its key, for the scope', sasToken(daemon.profile.idScope, own, 'registration')],
    [
      "the group's derived key, though it has its own",
      sasToken(scoped(ID), derived, 'registration'),
    ],
    ["the group's key", sasToken(scoped(ID), groupKeys.primaryKey, 'registration')],
    ["a hub device's token", sasToken(`localhost/devices/${ID}`, keys.device.primaryKey)],
    ["a hub device's key", sasToken(scoped(ID), keys.device.primaryKey, 'registration')],
    ["the owner's token", sasToken('localhost', service, OWNER)],
    ["the owner's key", sasToken(scoped(ID), service, OWNER)],
    ["the owner's key as a registration's", sasToken(scoped(ID), service, 'registration')],
    ...Object.entries(policies.hub).map(([name, { primaryKey }]) => [
      `the hub's ${name}`,
      sasToken(scoped(ID), primaryKey, name),
    ]),
  ]
}

function hubStrangers() {
  const own = keys.device.primaryKey
  const resource = `localhost/devices/${ID}`
  return [
    ['nothing', undefined],
    ['half a token', 'SharedAccessSignature sr=x&sig=y'],
    ['expired', expired(resource, own)],
    ['another expiry than signed', skewed(sasToken(resource, own), 9999)],
    ['a wrong key', sasToken(resource, newKey())],
    ["a neighbour's token", sasToken('localhost/devices/neighbour', own)],
    ['its key, for the hub', sasToken('localhost', own)],
    ['its key, for all devices', sasToken('localhost/devices', own)],
    ['its key, for another hub', sasToken(`${OTHER_HUB}/devices/${ID}`, own)],
    ['its namesake at another hub', sasToken(resource, keys.elsewhere.primaryKey)],
    ["its namesake's token", sasToken(`${OTHER_HUB}/devices/${ID}`, keys.elsewhere.primaryKey)],
    ["a registration's token", sasToken(scoped(ID), keys.single.primaryKey, 'registration')],
    ["a registration's key", sasToken(resource, keys.single.primaryKey)],
    ["the group's key", sasToken(resource, groupKeys.primaryKey)],
    ...['service', 'hub', 'other'].flatMap((scope) =>
      Object.entries(policies[scope]).flatMap(([name, { primaryKey }]) => [
        [`${scope}'s ${name}`, sasToken('localhost', primaryKey, name)],
        [`${scope}'s ${name}, for the device`, sasToken(resource, primaryKey, name)],
      ]),
    ),
  ]
}

let deviceCases = 0
let deviceOpen = 0
async function keepsOut(ways, list) {
  for (const [way, come] of Object.entries(ways))
    for (const [who, token] of list)
      await check(`${way} with ${who}`, async () => {
        const status = await come(token)
        deviceCases++
        if (status !== 401) deviceOpen++
        assert.equal(status, 401)
      })
}

async function letsIn(ways, tokens) {
  for (const [way, come] of Object.entries(ways))
    for (const token of tokens)
      await check(`${way} by right`, async () => {
        deviceCases++
        assert.ok([200, 202].includes(await come(token)))
      })
}

async function firstRegistration() {
  const { body } = await request(daemon, {
    method: 'PUT',
    path: `/${scoped(ID)}/register?api-version=2021-06-01`,
    headers: { Authorization: sasToken(scoped(ID), keys.single.primaryKey, 'registration') },
    body: { registrationId: ID },
  })
  operationId = body.operationId
  // The hub's device has the enrollment's keys now; it gets its own again.
  await onHub(
    'localhost',
    'PUT',
    `/devices/${ID}`,
    device(ID, keys.device.primaryKey, keys.device.secondaryKey),
    {
      'If-Match': '*',
    },
  )
}

// A session is its device's: what it publishes under another's name is nobody's.
async function topics() {
  const wire = await openMqtts()
  wire.write(
    mqtt.connect(
      `localhost/${ID}/?api-version=2021-04-12`,
      sasToken(`localhost/devices/${ID}`, keys.device.primaryKey),
      60,
      0xc2,
      ID,
    ),
  )
  await wire.until(connack)
  const { body: none, headers } = await service('GET', '/berth/v1/hubs/localhost/events')
  assert.deepEqual(none, [])
  wire.write(mqtt.publish('devices/neighbour/messages/events/', 'stolen'))
  await wire.until((got) => packets(got).some(({ type }) => type === 4))
  wire.end()
  const after = headers['x-ms-continuation'] ?? 0
  const { body } = await service('GET', `/berth/v1/hubs/localhost/events?after=${after}`)
  assert.ok(
    body.every(({ deviceId }) => deviceId !== 'neighbour'),
    JSON.stringify(body),
  )
}

async function devices() {
  await firstRegistration()
  const before = await state()
  await keepsOut(dpsWays, dpsStrangers())
  await keepsOut(hubWays, hubStrangers())
  await keepsOut({ 'a disabled device': (token) => hubWays['hub mqtts'](token, 'disabled') }, [
    ['its own token', sasToken('localhost/devices/disabled', keys.device.primaryKey)],
  ])
  await check('nothing has changed for devices', async () =>
    assert.deepEqual(await state(), before),
  )
  await check("another device's topic", topics)
  const { primaryKey, secondaryKey } = keys.device
  await letsIn(
    hubWays,
    [primaryKey, secondaryKey].map((key) => sasToken(`localhost/devices/${ID}`, key)),
  )
  const own = [keys.single.primaryKey, keys.single.secondaryKey]
  await letsIn(
    dpsWays,
    own.map((key) => sasToken(scoped(ID), key, 'registration')),
  )
  console.log(
    `devices: ${Object.keys({ ...dpsWays, ...hubWays }).length} ways, ${deviceCases} attempts, ${deviceOpen} open to the wrong credential`,
  )
}

assert.ok(process.argv[2], 'usage: node rights.mjs PATH-OF-TEST_RIGHTS')
await daemon.start()
try {
  await fill()
  await devices()
  await serviceApis()
} finally {
  await daemon.stop()
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
