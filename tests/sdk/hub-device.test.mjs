// Devices go on to the hub they were assigned, with the official device SDK.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { Daemon } from './daemon.mjs'
import { call, deriveKey, hubConnectionString, sasToken } from './rest.mjs'
import { Sdk } from './sdk.mjs'

const mqtt = createRequire(import.meta.url)('mqtt-packet')
const WAIT_MS = 60_000 // a busy machine included
const EVENTS_LOGGED = '"path":"/berth/v1/hubs/localhost/events"'
const newKey = () => randomBytes(64).toString('base64')

let daemon, sdk, other, registry, hub, groupKeys

before(async () => {
  daemon = await new Daemon(['--hostname', 'localhost']).start()
  sdk = new Sdk(daemon)
  other = new Sdk(daemon) // a second process, for a second session of one device
  hub = await hubConnectionString(daemon)
  registry = sdk.registry(hub)
  groupKeys = { primaryKey: newKey(), secondaryKey: newKey() }
  await sdk.provisioningService(daemon.profile.connectionString).createOrUpdateEnrollmentGroup({
    enrollmentGroupId: 'line',
    attestation: { type: 'symmetricKey', symmetricKey: groupKeys },
    initialTwin: { tags: {}, properties: { desired: { interval: 30, mode: { fast: true } } } },
  })
})

after(async () => {
  await other?.stop()
  await sdk?.stop()
  await daemon?.stop()
})

async function until(what, look) {
  const end = Date.now() + WAIT_MS
  for (;;) {
    const found = await look()
    if (found) return found
    assert.ok(Date.now() < end, `${what}: not within ${WAIT_MS} ms`)
    await sleep(50)
  }
}

// A line of the daemon's log comes to this process a moment after what it is about.
const logged = (text) => until(text, async () => daemon.stderr.includes(text))

// What a device does: registers, and has the connection string of the hub it was assigned.
async function provision(registrationId, transport = 'http', slot = 'primaryKey') {
  const key = deriveKey(groupKeys[slot], registrationId)
  const { assignedHub, deviceId } = await sdk.register({
    transport,
    idScope: daemon.profile.idScope,
    registrationId,
    key,
  })
  return `HostName=${assignedHub};DeviceId=${deviceId};SharedAccessKey=${key}`
}

const open = (name, connectionString, by = sdk, transport = 'mqtt') =>
  by.device('openDevice', { name, connectionString, transport })

// `berth hub monitor --json` from the moment it watches; its objects so far are in `events`.
class Monitor {
  events = []

  async start(...args) {
    const asked = daemon.stderr.split(EVENTS_LOGGED).length
    this.child = spawn(
      process.env.BERTH,
      ['hub', 'monitor', '--json', '--profile', join(daemon.dir, 'data', 'profile.ini'), ...args],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    this.ended = once(this.child, 'close')
    createInterface({ input: this.child.stdout }).on('line', (line) =>
      this.events.push(JSON.parse(line)),
    )
    // Its first request says where to begin: nothing sent after its answer is missed.
    await until('the monitor watches', () => daemon.stderr.split(EVENTS_LOGGED).length > asked)
    return this
  }

  async stop() {
    this.child.kill('SIGINT')
    const [code, signal] = await this.ended
    assert.deepEqual({ code, signal }, { code: 0, signal: null })
  }
}

for (const [transport, hubTransport] of [
  ['http', 'mqtt'],
  ['mqtt', 'mqtt'],
  ['mqtt_ws', 'mqtt_ws'],
]) {
  describe(`provisioned over ${transport}, at the hub over ${hubTransport}`, () => {
    const id = `sn-${transport}`
    let monitor

    before(async () => {
      monitor = await new Monitor().start()
      await open(id, await provision(id, transport), sdk, hubTransport)
    })
    after(() => sdk.device('closeDevice', id))

    test('three messages with properties', async () => {
      const messages = [0, 1, 2].map((n) => ({
        body: JSON.stringify({ n }),
        properties: { idx: String(n), 'größe & mehr': 'a=b/c' },
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        messageId: `m-${n}`,
      }))
      await sdk.device('sendEvents', id, messages)
      await until('three events', () => monitor.events.length >= 3)
      await monitor.stop()
      assert.equal(monitor.events.length, 3)
      monitor.events.forEach(({ sequence, time, ...event }, n) => {
        assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/)
        if (n > 0) assert.equal(sequence, monitor.events[n - 1].sequence + 1)
        assert.deepEqual(event, {
          deviceId: id,
          properties: { idx: String(n), 'größe & mehr': 'a=b/c' },
          systemProperties: {
            messageId: `m-${n}`,
            contentType: 'application/json',
            contentEncoding: 'utf-8',
          },
          payload: JSON.stringify({ n }),
          payloadEncoding: 'utf-8',
        })
      })
    })

    test('the twin has what the enrollment desires', async () => {
      const { desired, reported } = await sdk.device('readTwin', id)
      assert.deepEqual(desired, { interval: 30, mode: { fast: true }, $version: 1 })
      assert.equal(reported.$version, 1)
    })

    test('what it reports is in the service', async () => {
      await sdk.device('reportTwin', id, { firmware: { version: '1.10' }, port: 4 })
      await sdk.device('reportTwin', id, { port: null, fan: 1 })
      const { properties } = await registry.getTwin(id)
      const { $metadata, $version, ...reported } = properties.reported
      assert.deepEqual(reported, { firmware: { version: '1.10' }, fan: 1 })
      assert.equal($version, 3)
      assert.ok($metadata.fan.$lastUpdated)
    })

    test('what it may not report is refused', async () => {
      await assert.rejects(sdk.device('reportTwin', id, { big: 'x'.repeat(5000) }))
      await assert.rejects(sdk.device('reportTwin', id, { 'a.b': 1 }))
      await sdk.device('reportTwin', id, { ok: true })
    })

    test('what the service desires comes as a patch', async () => {
      await sdk.device('watchTwin', id)
      await sleep(500) // the SDK does not say when it has subscribed
      await registry.updateTwin(id, { properties: { desired: { interval: 5, mode: null } } }, '*')
      const { patches } = await until('the patch', async () => {
        const seen = await sdk.device('seen', id)
        return seen.patches.some(({ $version }) => $version === 2) && seen
      })
      assert.deepEqual(patches.at(-1), { interval: 5, mode: null, $version: 2 })
    })

    test('what is not served yet costs it nothing', async () => {
      await sdk.device('subscribeAll', id)
      await sdk.device('sendEvents', id, [{ body: 'still here' }])
      assert.equal((await sdk.device('seen', id)).disconnects, 0)
    })
  })
}

describe('who is connected', () => {
  const id = 'sn-present'
  const stateOf = async () => (await registry.get(id)).connectionState

  test('the registry shows it, and when it ended', async () => {
    const connectionString = await provision(id)
    assert.equal(await stateOf(), 'Disconnected')
    await open(id, connectionString)
    assert.equal(await stateOf(), 'Connected')
    assert.equal((await registry.getTwin(id)).connectionState, 'Connected')
    const listed = (await registry.list()).find(({ deviceId }) => deviceId === id)
    assert.equal(listed.connectionState, 'Connected')
    const count = async () =>
      (await call(daemon, hub, 'GET', '/statistics/service?api-version=2021-04-12')).body
        .connectedDeviceCount
    const connected = await count()
    assert.ok(connected >= 1)
    await sdk.device('closeDevice', id)
    await until('Disconnected', async () => (await stateOf()) === 'Disconnected')
    assert.equal(await count(), connected - 1)
    await until('the time is kept', async () => {
      const device = await registry.get(id)
      return !device.lastActivityTime.startsWith('0001')
    })
  })

  test('both keys of a device open a session', async () => {
    await open('second', await provision('sn-second', 'http', 'secondaryKey'))
    await sdk.device('closeDevice', 'second')
  })
})

describe('who may not', () => {
  const refused = (promise) => assert.rejects(promise, { name: 'UnauthorizedError' })

  test('a wrong key, another device, an unknown one', async () => {
    const good = await provision('sn-refused')
    await refused(open('x', good.replace(/SharedAccessKey=.*/, `SharedAccessKey=${newKey()}`)))
    await refused(open('x', good.replace('DeviceId=sn-refused', 'DeviceId=sn-http')))
    await refused(open('x', good.replace('DeviceId=sn-refused', 'DeviceId=nobody')))
    for (const reason of ['DEVICE_SIGNATURE_WRONG', 'DEVICE_NOT_FOUND'])
      await logged(`"reason":"${reason}"`)
  })

  test('a disabled device: not anew, and its session ends at once', async () => {
    const connectionString = await provision('sn-disabled')
    await open('d', connectionString)
    const { etag, ...device } = await registry.get('sn-disabled')
    await registry.update({ ...device, status: 'disabled' })
    await until('the end', async () => (await sdk.device('seen', 'd')).disconnects > 0)
    await refused(open('d2', connectionString))
    await logged('"reason":"DEVICE_DISABLED"')
    await registry.update({ ...device, status: 'enabled' })
    await open('d3', connectionString)
    await sdk.device('closeDevice', 'd3')
  })

  test('a deleted device', async () => {
    const connectionString = await provision('sn-deleted')
    await open('gone', connectionString)
    await registry.delete('sn-deleted')
    await until('the end', async () => (await sdk.device('seen', 'gone')).disconnects > 0)
    await refused(open('gone2', connectionString))
  })

  test('a device whose keys were changed', async () => {
    const connectionString = await provision('sn-rekeyed')
    await open('old', connectionString)
    const { etag, ...device } = await registry.get('sn-rekeyed')
    device.authentication.symmetricKey = { primaryKey: newKey(), secondaryKey: newKey() }
    await registry.update(device)
    await until('the end', async () => (await sdk.device('seen', 'old')).disconnects > 0)
  })
})

// A session made by hand, from an address of loopback that is not the SDK's; ends when asked to.
async function sessionFrom(localAddress, deviceId, key) {
  const socket = tls.connect({
    host: '127.0.0.1',
    port: daemon.mqttsPort,
    servername: 'localhost',
    ca: daemon.ca,
    localAddress,
  })
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  socket.write(
    mqtt.generate({
      cmd: 'connect',
      clientId: deviceId,
      clean: false,
      keepalive: 60,
      username: `localhost/${deviceId}/?api-version=2021-04-12`,
      password: Buffer.from(sasToken(`localhost/devices/${deviceId}`, key)),
    }),
  )
  const [connack] = await once(socket, 'data')
  assert.deepEqual([...connack], [0x20, 2, 0, 0])
  return async () => {
    if (!socket.closed) {
      socket.end()
      await once(socket, 'close')
    }
  }
}

async function audited() {
  const own = daemon.profile.connectionString
  const { body } = await call(daemon, own, 'GET', '/berth/v1/audit')
  return body
}

describe('two devices under one identity', () => {
  const id = 'sn-cloned'
  let key, ends

  before(async () => {
    await provision(id)
    key = deriveKey(groupKeys.primaryKey, id)
    ends = []
  })
  after(() => Promise.all(ends.map((end) => end())))

  test('one peer may come again', async () => {
    ends.push(await sessionFrom('127.0.0.8', id, key))
    ends.push(await sessionFrom('127.0.0.8', id, key))
    assert.deepEqual(await audited(), [])
  })

  test('another peer takes over', async () => {
    ends.push(await sessionFrom('127.0.0.9', id, key))
    const [{ time, sequence, text, peer, otherPeer, ...rest }] = await audited()
    assert.deepEqual(rest, { event: 'sessionFromOtherPeer', hub: 'localhost', deviceId: id })
    assert.match(peer, /127\.0\.0\.9/)
    assert.match(otherPeer, /127\.0\.0\.8/)
  })

  test('and the first one again', async () => {
    ends.push(await sessionFrom('127.0.0.8', id, key))
    assert.equal((await audited()).at(-1).event, 'peersInTurn')
  })

  test('another peer registers while the session lives', async () => {
    const earlier = (await audited()).length
    await provision(id) // from 127.0.0.1
    const events = await audited()
    assert.equal(events.length, earlier + 1)
    assert.equal(events.at(-1).event, 'registeredElsewhere')
    assert.match(daemon.stderr, /"event":"audit"/)
  })
})

test('a second session takes over the first', async () => {
  const connectionString = await provision('sn-twice')
  await open('first', connectionString)
  await open('second', connectionString, other)
  await until('the end', async () => (await sdk.device('seen', 'first')).disconnects > 0)
  await other.device('sendEvents', 'second', [{ body: 'mine now' }])
  assert.equal((await registry.get('sn-twice')).connectionState, 'Connected')
  await other.device('closeDevice', 'second')
})

test('one device alone can be watched, and the watch ends by itself', async () => {
  const monitor = await new Monitor().start('--device-id', 'sn-b', '--message-count', '1')
  for (const id of ['sn-a', 'sn-b']) {
    await open(id, await provision(id))
    await sdk.device('sendEvents', id, [{ body: id }])
    await sdk.device('closeDevice', id)
  }
  const [code] = await monitor.ended
  assert.equal(code, 0)
  assert.deepEqual(
    monitor.events.map(({ payload }) => payload),
    ['sn-b'],
  )
})

test('a hub that is deleted ends its sessions, and the device is assigned anew', async () => {
  const own = daemon.profile.connectionString
  const connectionString = await provision('sn-homeless')
  await open('homeless', connectionString)
  await assert.rejects(call(daemon, own, 'DELETE', '/berth/v1/hubs/localhost'), /409214/)
  await call(daemon, own, 'DELETE', '/berth/v1/hubs/localhost?force=true')
  await until('the end', async () => (await sdk.device('seen', 'homeless')).disconnects > 0)
  await assert.rejects(registry.list())
  await call(daemon, own, 'PUT', '/berth/v1/hubs/localhost', {})
  await assert.rejects(registry.list(), 'the keys of the hub before')
  await assert.rejects(open('homeless2', connectionString))
  hub = await hubConnectionString(daemon)
  registry = sdk.registry(hub)
  await open('homeless3', await provision('sn-homeless'))
  await sdk.device('closeDevice', 'homeless3')
})

test('after a crash nobody is connected', async () => {
  const connectionString = await provision('sn-crash')
  await open('crash', connectionString)
  assert.equal((await registry.get('sn-crash')).connectionState, 'Connected')
  await daemon.kill()
  await daemon.start()
  assert.equal((await registry.get('sn-crash')).connectionState, 'Disconnected')
})

test('a daemon that stops ends sessions and watches, and keeps when they ended', async () => {
  await open('stays', await provision('sn-stays'))
  const monitor = await new Monitor().start()
  const dir = daemon.dir
  daemon.dir = undefined // kept for the next start
  await daemon.stop()
  daemon.dir = dir
  await until('the end', async () => (await sdk.device('seen', 'stays')).disconnects > 0)
  await monitor.ended
  await daemon.start()
  assert.match((await registry.get('sn-stays')).lastActivityTime, /^20/)
})
