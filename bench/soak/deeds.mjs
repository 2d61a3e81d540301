// What the load does, with how often: each deed is short, leaves nothing behind but what it says, and notes what should not have been.
import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { mqtt, openTcp, packet, statuses } from '../../tests/e2e/raw.mjs'
import { address, Device, mistaken, mistakes, Talk } from './device.mjs'
import { DPS, HUB } from './world.mjs'

const PEERS = 1000 // addresses that refusals come from
const IDLE = 150 // sessions that only stay
const HELD = 60 // peers that are slow, or say nothing
const HOLD_MS = 20_000
const POOL = 100 // enrollments that service traffic makes and deletes
const MOVERS = 200
const SESSIONS = 400 // devices that work in the hub, besides those that only stay

const pick = (list) => list[Math.floor(Math.random() * list.length)]
const number = (n) => Math.floor(Math.random() * n)
const transports = ['mqtt', 'http', 'mqtt_ws']
const peer = () => ({ localAddress: address(1 + number(PEERS)) })
export const fleetId = (i) => `dev-${String(i).padStart(6, '0')}`

// ---- registrations ----

async function register(w, device, transport) {
  const status = await device.register(transport)
  if (status === 'assigned') w.tell(device.id)
  else w.note(`a registration over ${transport}: ${status}`, device.id)
}

const known = (transport) => (w) =>
  register(w, w.device(fleetId(number(w.options.devices))), transport)

async function newDevice(w) {
  w.newDevices = (w.newDevices ?? 0) + 1
  await register(
    w,
    w.device(`new-${String(w.newDevices).padStart(6, '0')}`),
    transports[w.newDevices % 3],
  )
}

// Its group names another hub now and then, so it moves with its twin. (Every period has a round of them.)
async function mover(w) {
  const key = Buffer.alloc(64, 11).toString('base64')
  await register(w, Device.ofGroup(w, `mover-${number(MOVERS)}`, key), pick(transports))
}

async function moveGroup(w) {
  w.moved = !w.moved
  const hubs = { iotHubs: [w.moved ? 'second.localhost' : 'localhost'] }
  await w.putGroup('movers', Buffer.alloc(64, 11).toString('base64'), hubs, { 'If-Match': '*' })
}

const vanishing = (w) =>
  w.device(fleetId(number(w.options.devices))).registerAndVanish(pick(['mqtt', 'http']), peer())

// ---- refusals ----

async function mistake(w) {
  const names = Object.keys(mistakes)
  const name = names[(w.mistakes = ((w.mistakes ?? -1) + 1) % names.length)]
  const device = w.device(`wrong-${number(500)}`)
  const over = pick(['http', 'mqtt'])
  const token = mistaken(device, name)
  if (over === 'http') {
    const wire = await w.connect(w.daemon.httpsPort, peer())
    wire.write(device.httpRequest(token))
    const status = await wire.until((got) => statuses(got)[0])
    if (status !== 401 && status !== 429) w.note(`the mistake "${name}": ${status}`)
    wire.end()
    return
  }
  const talk = await Talk.open(w, 'mqtt', peer())
  talk.write(device.connectPacket(token), mqtt.subscribe(), mqtt.register('{}'))
  const answer = await talk.until(3)
  if (answer !== undefined && !/res\/(401|429)/.test(answer.body.toString()))
    w.note(`the mistake "${name}" over MQTT`, answer.body)
  talk.end()
}

async function otherRefusals(w) {
  const closed = Device.ofGroup(w, `closed-${number(50)}`, Buffer.alloc(64, 13).toString('base64'))
  const device = w.device(fleetId(1))
  const asked = pick([
    [closed.httpRequest(), [202, 401]],
    [device.httpRequest().replaceAll(w.scope, '0neFFFFFFFF'), [401]],
    [device.httpRequest(undefined, '{"registrationId":'), [400]],
    [device.httpRequest().replace('/register?', '/registers?'), [404]],
    [
      `PUT /${device.resource}/register?api-version=2021-06-01 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      [400, 401],
    ],
    ['GET /enrollments/x?api-version=2021-10-01 HTTP/1.1\r\nHost: localhost\r\n\r\n', [401]],
    [
      'GET /devices/x?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\nAuthorization: SharedAccessSignature sr=x\r\n\r\n',
      [401],
    ],
    [
      `POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      [400],
    ],
    [`GET /x HTTP/1.1\r\nHost: localhost\r\nX: ${'v'.repeat(20_000)}\r\n\r\n`, [431]],
    ['NONSENSE\r\n\r\n', [400]],
  ])
  const wire = await w.connect(w.daemon.httpsPort, peer())
  wire.write(asked[0])
  const status = await wire.until((got) => statuses(got)[0])
  if (![...asked[1], 429].includes(status))
    w.note(`a bad request: ${status}`, asked[0].slice(0, 80))
  wire.end()
}

async function badPackets(w) {
  const device = w.device(fleetId(2))
  const bad = pick([
    [Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x7f])],
    [mqtt.connect('nobody/registrations/x/v', 'x')],
    [mqtt.connect(`${w.hub}/${fleetId(3)}/?${HUB}`, 'SharedAccessSignature sr=x&sig=y&se=1')],
    [device.connectPacket(), mqtt.publish('devices/x/messages/events/', 'x')],
    [device.connectPacket(), packet(0x62, [0, 1])],
    [
      device.connectPacket(),
      mqtt.subscribe(),
      mqtt.publish(
        '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1&operationId=none',
        '',
      ),
    ],
    [device.connectPacket(), mqtt.subscribe(), mqtt.register('{"payload":')],
  ])
  const talk = await Talk.open(w, 'mqtt', peer())
  talk.write(...bad)
  await talk.wire.closed(1500)
  talk.end()
}

async function badHandshakes(w) {
  const port = pick([w.daemon.httpsPort, w.daemon.mqttsPort])
  const way = number(6)
  if (way < 3) {
    const wire = await openTcp(port, peer())
    await wire.write(
      [
        Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
        mqtt.connect('a', 'b'),
        randomBytes(300),
      ][way],
    )
    await wire.closed(1500)
    wire.end()
    return
  }
  const options = [
    { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
    { secureContext: undefined, ca: [] }, // trusts nobody, and says so
    { secureContext: undefined, ca: w.daemon.ca, ciphers: 'AES256-SHA', maxVersion: 'TLSv1.2' },
  ][way - 3]
  const failed = await Promise.race([
    w.connect(port, { ...peer(), ...options, secureContext: undefined }).then((wire) => wire.end()),
    sleep(2000),
  ]).catch(() => true)
  if (failed !== true) w.note('a handshake that should have failed', way)
}

// ---- sessions ----

const reported = (n) => ({
  temperature: n % 100,
  firmware: { version: `1.${n % 10}` },
  line: 'north',
})

async function session(w) {
  const device = w.device(fleetId(number(Math.min(SESSIONS, w.options.devices))))
  const talk = await device.session(pick(['mqtt', 'mqtt', 'mqtt_ws']))
  if (talk === undefined) return w.note('a session was refused', device.id)
  const n = number(1000)
  for (let i = 0; i < 3; i++) device.telemetry(talk, i)
  if ((await device.readTwin(talk, n)) === undefined && !talk.wire.ended)
    w.note('no twin came', device.id)
  device.report(talk, n + 1, reported(n))
  if ((await talk.until(3, 1)) === undefined && !talk.wire.ended)
    w.note('no answer to a reported patch', device.id)
  if (n % 3 === 0) return talk.reset()
  if (n % 3 === 1) talk.write(mqtt.disconnect)
  talk.end()
}

export async function fillIdle(w) {
  for (let i = 0; i < IDLE; i++) await idle(w)
}

// Devices that only stay, as most do; one more and the oldest goes, in the middle of nothing.
async function idle(w) {
  w.idle ??= []
  const device = w.device(
    fleetId(w.options.devices - 1 - ((w.idleAt = (w.idleAt ?? -1) + 1) % IDLE)),
  )
  const talk = await device.session('mqtt', w.hub, 1200)
  if (talk === undefined) return w.note('an idle session was refused', device.id)
  w.idle.push(talk)
  if (w.idle.length > IDLE) w.idle.shift().reset()
}

async function takeover(w) {
  const device = w.device(fleetId(number(Math.min(SESSIONS, w.options.devices))))
  const first = await device.session()
  const second = await device.session('mqtt', w.hub, 60, peer())
  if (first !== undefined && second !== undefined) {
    if (!(await first.wire.closed(5000))) w.note('a session lives on beside another', device.id)
    device.telemetry(second, 1)
    await second.until(4)
  }
  first?.end()
  second?.end()
}

// ---- service traffic ----

const enrollment = () => `svc-${number(POOL)}`
const keyOf = (id) => Buffer.alloc(32, id).toString('base64')

function putEnrollment(w) {
  const id = enrollment()
  const symmetricKey = { primaryKey: keyOf(id), secondaryKey: keyOf(id) }
  const body = { registrationId: id, attestation: { type: 'symmetricKey', symmetricKey } }
  const headers = Math.random() < 0.5 ? { 'If-Match': '*' } : {}
  return w.api('PUT', `/enrollments/${id}?${DPS}`, [200, 404, 409], { body, headers })
}

const deleteEnrollment = (w) => w.api('DELETE', `/enrollments/${enrollment()}?${DPS}`, [204, 404])

async function ownEnrollment(w) {
  const id = enrollment()
  const status = await new Device(w, id, keyOf(id)).register('http')
  if (!['assigned', 401, 429].includes(status)) w.note(`an enrollment's device: ${status}`, id)
}

async function pages(w, method, path, count, more = {}) {
  let next
  for (let i = 0; i < count; i++) {
    const headers = { 'x-ms-max-item-count': '10', ...(next && { 'x-ms-continuation': next }) }
    const answer = await w.api(method, path, [200], { ...more, headers })
    next = answer.headers['x-ms-continuation']
    if (next === undefined) return
  }
}

const query = { body: { query: 'SELECT *' } }
const devicesQuery = { hub: true, body: { query: 'SELECT * FROM devices' } }

const lists = (w) =>
  pick([
    () => pages(w, 'POST', `/enrollments/query?${DPS}`, 3, query),
    () => pages(w, 'POST', `/enrollmentGroups/query?${DPS}`, 1, query),
    () => pages(w, 'POST', `/registrations/fleet/query?${DPS}`, 3, { body: {} }),
    () => pages(w, 'GET', '/berth/v1/registrations', 3),
    () => pages(w, 'GET', `/devices?${HUB}&top=20`, 2, { hub: true }),
    () => pages(w, 'POST', `/devices/query?${HUB}`, 2, devicesQuery),
    () => pages(w, 'GET', '/berth/v1/audit', 1),
    () => pages(w, 'GET', `/berth/v1/refusals?about=wrong-${number(500)}&last=50`, 1),
    () => pages(w, 'GET', `/statistics/devices?${HUB}`, 1, { hub: true }),
    () => pages(w, 'GET', '/berth/v1/hubs', 1),
  ])()

const records = (w) => {
  const id = fleetId(number(w.options.devices))
  return pick([
    () => w.api('GET', `/registrations/${id}?${DPS}`, [200]),
    () => w.api('GET', `/devices/${id}?${HUB}`, [200], { hub: true }),
    () => w.api('GET', `/twins/${id}?${HUB}`, [200], { hub: true }),
    () => w.api('GET', `/devices/nobody?${HUB}`, [404], { hub: true }),
    () => w.api('POST', `/enrollments/${enrollment()}/attestationmechanism?${DPS}`, [200, 404]),
    () => w.api('GET', '/berth/v1/enrollmentGroups/fleet/settings', [200]),
  ])()
}

// Of devices that have a session, as often as not: then it is told.
const patchTwin = (w) => {
  const id = fleetId(Math.random() < 0.5 ? number(SESSIONS) : w.options.devices - 1 - number(IDLE))
  const body = { tags: { site: number(9) }, properties: { desired: { interval: 10 + number(90) } } }
  return w.api('PATCH', `/twins/${id}?${HUB}`, [200], { hub: true, body })
}

async function forgottenRegistration(w) {
  const id = `gone-${number(200)}`
  const status = await w.device(id).register('http')
  if (status !== 'assigned' && status !== 429) w.note(`a device that goes: ${status}`, id)
  await w.api('DELETE', `/registrations/${id}?${DPS}`, [204, 404, 412])
}

async function policies(w) {
  const path = `/berth/v1/policies/line-${number(3)}`
  await w.api('PUT', path, [200, 409], { body: { rights: 'EnrollmentRead' } })
  await w.api('POST', `${path}/regeneratekey`, [200, 404], {
    body: { keyType: pick(['primary', 'secondary']) },
  })
  if (Math.random() < 0.5) await w.api('DELETE', path, [204, 404])
}

// ---- peers that hold on ----

async function hold(w) {
  w.held ??= []
  const port = pick([w.daemon.httpsPort, w.daemon.mqttsPort])
  const device = w.device(fleetId(number(w.options.devices)))
  const way = number(5)
  let wire
  if (way === 0) {
    wire = await openTcp(port, peer()) // says nothing
  } else if (way === 1) {
    wire = await openTcp(port, peer())
    wire.write(Buffer.from('1603010200010001fc0303', 'hex')) // begins a ClientHello
  } else if (way === 2) {
    wire = await w.connect(w.daemon.httpsPort, peer())
    wire.write(device.httpRequest().slice(0, 200)) // half a header
  } else if (way === 3) {
    wire = await w.connect(w.daemon.httpsPort, peer())
    const [head] = device.httpRequest().split('{')
    wire.write(
      `${head.replace(/Content-Length: \d+/, 'Content-Length: 50000')}{${' '.repeat(20_000)}`,
    )
  } else {
    wire = await w.connect(w.daemon.mqttsPort, peer()) // asks and does not read
    wire.socket.pause()
    wire.write(
      Buffer.concat([
        device.connectPacket(),
        ...Array.from({ length: 500 }, () => mqtt.subscribe()),
      ]),
    )
  }
  w.held.push(wire)
  if (w.held.length > HELD) w.held.shift().reset()
  setTimeout(
    () => {
      w.held = w.held.filter((one) => one !== wire)
      if (way % 2) wire.end()
      else wire.reset()
    },
    HOLD_MS + number(HOLD_MS),
  ).unref()
}

// ---- hubs that come and go ----

const HUB_MESSAGES = 60
const HUB_MESSAGE = 'x'.repeat(32 * 1024)

async function passingHub(w) {
  const n = (w.hubs = (w.hubs ?? 0) + 1)
  const key = createHash('sha512').update(`passing ${n}`).digest('base64')
  const [hub, group] = [`passing-${n}.localhost`, `passing-${n}`]
  await w.api('PUT', `/berth/v1/hubs/${hub}`, [200], { body: {} })
  await w.putGroup(group, key, { allocationPolicy: 'static', iotHubs: [hub] })
  for (const i of [1, 2, 3]) {
    const device = Device.ofGroup(w, `passing-${n}-${i}`, key)
    if ((await device.register('mqtt')) !== 'assigned')
      w.note('a device of a passing hub', device.id)
    const talk = await device.session('mqtt', hub)
    if (talk === undefined) {
      w.note('a session with a passing hub was refused', device.id)
      continue
    }
    for (let m = 0; m < HUB_MESSAGES / 3; m++) await device.telemetry(talk, m, HUB_MESSAGE)
    await talk.until(4, HUB_MESSAGES / 3 - 1)
    if (i === 1) talk.write(mqtt.disconnect)
    if (i < 3) talk.end() // the third is there when its hub goes
  }
  await w.api('DELETE', `/berth/v1/hubs/${hub}?force=true`, [204])
  await w.api('DELETE', `/enrollmentGroups/${group}?${DPS}`, [204])
  for (const i of [1, 2, 3]) await w.api('DELETE', `/registrations/passing-${n}-${i}?${DPS}`, [204])
}

// name: [weight, deed]; those of `now and then` are by time, in main.mjs
export const deeds = {
  'known device, MQTT': [10, known('mqtt')],
  'known device, HTTPS': [8, known('http')],
  'known device, WebSocket': [4, known('mqtt_ws')],
  'new device': [3, newDevice],
  'device of a moving group': [3, mover],
  'device that vanishes': [2, vanishing],
  'mistaken key or token': [8, mistake],
  'bad request': [3, otherRefusals],
  'bad packets': [2, badPackets],
  'bad handshake': [3, badHandshakes],
  session: [6, session],
  'idle session': [2, idle],
  takeover: [1, takeover],
  'enrollment put': [2, putEnrollment],
  'enrollment deleted': [1, deleteEnrollment],
  "enrollment's device": [1, ownEnrollment],
  lists: [3, lists],
  records: [3, records],
  'twin patched': [2, patchTwin],
  'registration deleted': [1, forgottenRegistration],
  policies: [1, policies],
  'peer that holds on': [1, hold],
}
export { moveGroup, passingHub }
