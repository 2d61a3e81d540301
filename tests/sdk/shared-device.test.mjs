// Two enrollments with one deviceId: both devices are provisioned, as Azure does it, and the operator
// is told of both by whatever he asks.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from './daemon.mjs'
import { call, hubConnectionString } from './rest.mjs'
import { Sdk } from './sdk.mjs'

const WAIT_MS = 60_000 // a busy machine included
const newKey = () => randomBytes(64).toString('base64')
const keys = { 'board-a': newKey(), 'board-b': newKey() }

let daemon, sdk, service, hub

before(async () => {
  daemon = await new Daemon(['--hostname', 'localhost']).start()
  sdk = new Sdk(daemon)
  hub = await hubConnectionString(daemon)
  service = sdk.provisioningService(daemon.profile.connectionString)
  for (const [registrationId, key] of Object.entries(keys))
    await service.createOrUpdateIndividualEnrollment({
      registrationId,
      deviceId: 'pump',
      attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: key } },
    })
})

after(async () => {
  await sdk?.stop()
  await daemon?.stop()
})

async function register(registrationId, transport) {
  const { idScope } = daemon.profile
  const key = keys[registrationId]
  const { assignedHub, deviceId } = await sdk.register({ transport, idScope, registrationId, key })
  assert.equal(deviceId, 'pump')
  return `HostName=${assignedHub};DeviceId=${deviceId};SharedAccessKey=${key}`
}

async function until(what, look) {
  const end = Date.now() + WAIT_MS
  for (;;) {
    const found = await look()
    if (found) return found
    assert.ok(Date.now() < end, `${what}: not within ${WAIT_MS} ms`)
    await sleep(50)
  }
}

class Berth {
  stdout = ''
  stderr = ''

  constructor(...args) {
    const profile = ['--profile', join(daemon.dir, 'data', 'profile.ini')]
    this.child = spawn(process.env.BERTH, [...args, ...profile])
    this.ended = once(this.child, 'close')
    for (const name of ['stdout', 'stderr'])
      this.child[name].setEncoding('utf8').on('data', (text) => (this[name] += text))
  }
}

// What an operator reads who runs `berth ARGS`.
async function berth(...args) {
  const run = new Berth(...args)
  assert.deepEqual(await run.ended, [0, null], run.stderr)
  return run
}

const audit = async () =>
  (await call(daemon, daemon.profile.connectionString, 'GET', '/berth/v1/audit')).body

test('one device alone is nothing to tell of', async () => {
  await register('board-a', 'http')
  const shown = await berth('device', 'show', 'pump')
  assert.match(shown.stdout, /^registration +board-a$/m)
  assert.doesNotMatch(shown.stdout + shown.stderr, /other registration|two registrations/)
  assert.deepEqual(await audit(), [])
})

test('the second is provisioned over mqtt, the first loses its session, and all is told', async () => {
  const monitor = new Berth('hub', 'monitor')
  await until('the monitor watches', () => daemon.stderr.includes('/events"'))
  await sdk.device('openDevice', {
    name: 'first',
    connectionString: await register('board-a', 'http'),
    transport: 'mqtt',
  })
  const second = await register('board-b', 'mqtt')
  await until(
    'the end of the first',
    async () => (await sdk.device('seen', 'first')).disconnects > 0,
  )
  await sdk.device('closeDevice', 'first')

  const [event, ...more] = await audit()
  assert.deepEqual(more, [])
  assert.equal(event.event, 'deviceShared')
  assert.deepEqual(
    [event.deviceId, event.registrationId, event.otherRegistrationId],
    ['pump', 'board-b', 'board-a'],
  )
  await until('the monitor tells', () => /deviceShared|board-b/.test(monitor.stderr))
  assert.match(monitor.stderr, /device pump: .*registration board-b, other registration board-a/)
  monitor.child.kill('SIGINT')
  assert.deepEqual(await monitor.ended, [0, null])
  assert.equal(monitor.stdout, '')

  const device = await berth('device', 'show', 'pump')
  assert.match(device.stdout, /^registration +board-b$/m)
  assert.match(device.stdout, /^other registration +board-a$/m)
  const { registrationId, otherRegistrationId } = JSON.parse(
    (await berth('device', 'show', 'pump', '--json')).stdout,
  )
  assert.deepEqual([registrationId, otherRegistrationId], ['board-b', 'board-a'])
  for (const id of ['board-a', 'board-b']) {
    const { stderr } = await berth('registration', 'show', id)
    assert.match(stderr, /two registrations .*"pump".*"board-b", which has its keys, and "board-a"/)
    const { stdout } = await berth('explain', id)
    assert.match(stdout, /DEVICE_SHARED/)
    assert.match(stdout, id === 'board-a' ? /"board-b"/ : /"board-a"/)
  }

  // The second has the device.
  await sdk.device('openDevice', { name: 'second', connectionString: second, transport: 'mqtt' })
  await sdk.device('closeDevice', 'second')
})

test('it is known after a restart', async () => {
  await daemon.kill()
  await daemon.start()
  const { stdout, stderr } = await berth('device', 'show', 'pump')
  assert.match(stdout, /^other registration +board-a$/m)
  assert.match(stderr, /two registrations/)
})

test('the hub API shows nothing that Azure does not', async () => {
  const { body } = await call(daemon, hub, 'GET', '/devices/pump?api-version=2021-04-12')
  assert.doesNotMatch(JSON.stringify(body), /board-/)
})

test('a board that was replaced on purpose: told until the old one is gone', async () => {
  await service.deleteIndividualEnrollment('board-a')
  const shown = await berth('device', 'show', 'pump')
  assert.doesNotMatch(shown.stdout + shown.stderr, /board-a/)
  await service.createOrUpdateIndividualEnrollment({
    registrationId: 'board-c',
    deviceId: 'pump',
    attestation: { type: 'symmetricKey' },
  })
  const { body } = await call(
    daemon,
    daemon.profile.connectionString,
    'POST',
    '/enrollments/board-c/attestationmechanism?api-version=2021-10-01',
  )
  keys['board-c'] = body.symmetricKey.primaryKey
  await service.deleteIndividualEnrollment('board-b')
  const before = (await audit()).length
  await register('board-c', 'http')
  assert.equal((await audit()).length, before)
  const after = await berth('device', 'show', 'pump')
  assert.match(after.stdout, /^registration +board-c$/m)
  assert.doesNotMatch(after.stdout + after.stderr, /board-b/)
})
