// Back ends read and change the hub's devices with the official IoT Hub service SDK.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Daemon } from './daemon.mjs'
import { call, callForAll, deriveKey, hubConnectionString } from './rest.mjs'
import { Sdk } from './sdk.mjs'

const NEVER = '0001-01-01T00:00:00Z'
const ABSENT = { name: 'DeviceNotFoundError' }
const newKey = (bytes = 32) => randomBytes(bytes).toString('base64')
const withoutMetadata = ({ $metadata, $version, ...rest }) => rest

let daemon, sdk, registry, hub

before(async () => {
  daemon = await new Daemon(['--hostname', 'localhost']).start()
  sdk = new Sdk(daemon)
  hub = await hubConnectionString(daemon)
  registry = sdk.registry(hub)
})

after(async () => {
  await sdk?.stop()
  await daemon?.stop()
})

describe('a provisioned device', () => {
  const keys = { primaryKey: newKey(64), secondaryKey: newKey(64) }
  const registrationId = 'sn-1'
  const initialTwin = {
    tags: { plant: 'Ulm', line: { number: 7 } },
    properties: { desired: { rate: 1.5, name: 'Größe', on: false } },
  }

  before(async () => {
    const service = sdk.provisioningService(daemon.profile.connectionString)
    await service.createOrUpdateEnrollmentGroup({
      enrollmentGroupId: 'line',
      attestation: { type: 'symmetricKey', symmetricKey: keys },
      initialTwin,
    })
    await sdk.register({
      transport: 'mqtt',
      idScope: daemon.profile.idScope,
      registrationId,
      key: deriveKey(keys.primaryKey, registrationId),
    })
  })

  test('is there, enabled, with both derived keys', async () => {
    const device = await registry.get(registrationId)
    const { generationId, etag, ...rest } = device
    assert.match(generationId, /^\d{1,18}$/)
    assert.match(etag, /^[A-Za-z0-9+/]+=*$/)
    assert.deepEqual(rest, {
      deviceId: registrationId,
      connectionState: 'Disconnected',
      status: 'enabled',
      statusReason: null,
      connectionStateUpdatedTime: NEVER,
      statusUpdatedTime: NEVER,
      lastActivityTime: NEVER,
      cloudToDeviceMessageCount: 0,
      capabilities: { iotEdge: false },
      authentication: {
        symmetricKey: {
          primaryKey: deriveKey(keys.primaryKey, registrationId),
          secondaryKey: deriveKey(keys.secondaryKey, registrationId),
        },
        x509Thumbprint: { primaryThumbprint: null, secondaryThumbprint: null },
        type: 'sas',
      },
    })
    assert.deepEqual(await registry.list(), [device])
  })

  test("has the enrollment's twin", async () => {
    const device = await registry.get(registrationId)
    const twin = await registry.getTwin(registrationId)
    assert.equal(twin.deviceId, registrationId)
    assert.equal(twin.status, 'enabled')
    assert.equal(twin.authenticationType, 'sas')
    assert.equal(twin.deviceEtag, device.etag)
    assert.notEqual(twin.etag, device.etag)
    assert.deepEqual(twin.tags, initialTwin.tags)
    assert.deepEqual(withoutMetadata(twin.properties.desired), initialTwin.properties.desired)
    assert.equal(twin.properties.desired.$version, 1)
    assert.deepEqual(withoutMetadata(twin.properties.reported), {})
  })

  test('keeps its twin and generation when it registers again', async () => {
    const before = await registry.get(registrationId)
    const changed = await registry.updateTwin(
      registrationId,
      { tags: { plant: 'Bonn', line: null, shift: 2 }, properties: { desired: { rate: 2 } } },
      '*',
    )
    assert.deepEqual(changed.tags, { plant: 'Bonn', shift: 2 })
    assert.deepEqual(withoutMetadata(changed.properties.desired), {
      rate: 2,
      name: 'Größe',
      on: false,
    })
    assert.equal(changed.properties.desired.$version, 2)
    await sdk.register({
      transport: 'http',
      idScope: daemon.profile.idScope,
      registrationId,
      key: deriveKey(keys.secondaryKey, registrationId),
    })
    const twin = await registry.getTwin(registrationId)
    assert.deepEqual(twin.tags, changed.tags)
    assert.deepEqual(twin.properties.desired, changed.properties.desired)
    assert.equal((await registry.get(registrationId)).generationId, before.generationId)
  })
})

describe('identities', () => {
  test('created with keys, read, listed, updated, deleted', async () => {
    const authentication = {
      type: 'sas',
      symmetricKey: { primaryKey: newKey(), secondaryKey: newKey() },
    }
    const made = await registry.create({ deviceId: 'Made#1', authentication })
    assert.equal(made.deviceId, 'Made#1')
    assert.equal(made.status, 'enabled')
    assert.deepEqual(made.authentication.symmetricKey, authentication.symmetricKey)
    assert.deepEqual(await registry.get('Made#1'), made)
    assert.ok((await registry.list()).some(({ deviceId }) => deviceId === 'Made#1'))

    const updated = await registry.update({
      deviceId: 'Made#1',
      status: 'disabled',
      statusReason: 'broken',
      authentication,
    })
    assert.equal(updated.status, 'disabled')
    assert.equal(updated.statusReason, 'broken')
    assert.notEqual(updated.statusUpdatedTime, NEVER)
    assert.notEqual(updated.etag, made.etag)
    assert.equal(updated.generationId, made.generationId)
    assert.deepEqual(updated.authentication.symmetricKey, authentication.symmetricKey)

    await registry.delete('Made#1')
    await assert.rejects(registry.get('Made#1'), ABSENT)
    await assert.rejects(registry.getTwin('Made#1'), ABSENT)
    await assert.rejects(registry.delete('Made#1'), ABSENT)
  })

  test('keys that are not given are made', async () => {
    const { authentication } = await registry.create({ deviceId: 'keyless' })
    const { primaryKey, secondaryKey } = authentication.symmetricKey
    for (const key of [primaryKey, secondaryKey])
      assert.equal(Buffer.from(key, 'base64').length, 32)
    assert.notEqual(primaryKey, secondaryKey)
    assert.equal(authentication.type, 'sas')
    assert.deepEqual((await registry.get('keyless')).authentication, authentication)
  })

  test('created once; case tells devices apart', async () => {
    const made = await registry.create({ deviceId: 'twice' })
    await assert.rejects(registry.create({ deviceId: 'twice' }), {
      name: 'DeviceAlreadyExistsError',
    })
    assert.deepEqual(await registry.get('twice'), made)
    await assert.rejects(registry.get('Twice'), ABSENT)
    const other = await registry.create({ deviceId: 'Twice' })
    assert.notEqual(other.generationId, made.generationId)
  })

  test('an update of what is not there is refused', async () => {
    await assert.rejects(registry.update({ deviceId: 'absent', status: 'disabled' }), ABSENT)
    await assert.rejects(registry.get('absent'), ABSENT)
  })

  test('IDs with every character a device ID may have', async () => {
    const deviceId = "Az0-:.+%_#*?!(),=@;$'"
    await registry.create({ deviceId })
    assert.equal((await registry.get(deviceId)).deviceId, deviceId)
    assert.equal((await registry.getTwin(deviceId)).deviceId, deviceId)
    await registry.delete(deviceId)
    await assert.rejects(registry.get(deviceId), ABSENT)
    await assert.rejects(registry.create({ deviceId: 'with space' }), { name: 'ArgumentError' })
    await assert.rejects(registry.create({ deviceId: 'x'.repeat(129) }), { name: 'ArgumentError' })
    assert.equal((await registry.create({ deviceId: 'x'.repeat(128) })).deviceId.length, 128)
  })

  test('lists in pages for those who ask', async () => {
    const all = await registry.list()
    assert.ok(all.length > 3)
    const paged = await callForAll(daemon, hub, '/devices?api-version=2021-04-12&top=2')
    assert.deepEqual(paged, all)
  })

  // The SDK itself sends "*" with every update and delete.
  test('a wrong etag is refused, the current one is not', async () => {
    const made = await registry.create({ deviceId: 'tagged' })
    const path = '/devices/tagged?api-version=2021-04-12'
    const put = (etag) =>
      call(daemon, hub, 'PUT', path, { ...made, status: 'disabled' }, { 'If-Match': `"${etag}"` })
    await assert.rejects(put('AAAAAAAAAP8='), /412/)
    assert.equal((await registry.get('tagged')).status, 'enabled')
    const { body } = await put(made.etag)
    assert.equal(body.status, 'disabled')
    const remove = (etag) =>
      call(daemon, hub, 'DELETE', path, undefined, { 'If-Match': `"${etag}"` })
    await assert.rejects(remove(made.etag), /412/)
    assert.equal((await remove(body.etag)).status, 204)
  })
})

describe('twins', () => {
  before(() => registry.create({ deviceId: 'twinned' }))

  test('begin empty', async () => {
    const twin = await registry.getTwin('twinned')
    assert.deepEqual(twin.tags, {})
    assert.deepEqual(withoutMetadata(twin.properties.desired), {})
    assert.equal(twin.properties.desired.$version, 1)
    assert.equal(twin.properties.reported.$version, 1)
  })

  test('are merged, with the current etag alone', async () => {
    const { etag } = await registry.getTwin('twinned')
    const first = await registry.updateTwin(
      'twinned',
      { tags: { a: 1, b: { c: 2, d: 3 } }, properties: { desired: { x: [1, { y: 'z' }] } } },
      etag,
    )
    assert.notEqual(first.etag, etag)
    await assert.rejects(registry.updateTwin('twinned', { tags: { a: 9 } }, etag), {
      name: 'InvalidEtagError',
    })
    const second = await registry.updateTwin('twinned', { tags: { b: { d: null } } }, first.etag)
    assert.deepEqual(second.tags, { a: 1, b: { c: 2 } })
    assert.deepEqual(withoutMetadata(second.properties.desired), { x: [1, { y: 'z' }] })
  })

  // The SDK has no call for it.
  test('are replaced', async () => {
    const { body: replaced } = await call(
      daemon,
      hub,
      'PUT',
      '/twins/twinned?api-version=2021-04-12',
      { tags: { only: true }, properties: { desired: { left: 0 } } },
      { 'If-Match': '*' },
    )
    assert.deepEqual(replaced.tags, { only: true })
    assert.deepEqual(withoutMetadata(replaced.properties.desired), { left: 0 })
    assert.deepEqual((await registry.getTwin('twinned')).tags, { only: true })
  })
})

describe('rights', () => {
  test('registryRead reads and does not write', async () => {
    const reader = sdk.registry(await hubConnectionString(daemon, 'registryRead'))
    assert.ok((await reader.list()).length > 0)
    await assert.rejects(reader.create({ deviceId: 'not-mine' }), { name: 'UnauthorizedError' })
    await assert.rejects(registry.get('not-mine'), ABSENT)
  })

  test("the provisioning service's key is not the hub's", async () => {
    const stranger = sdk.registry(daemon.profile.connectionString)
    await assert.rejects(stranger.list(), { name: 'UnauthorizedError' })
  })

  test('statistics count devices', async () => {
    const devices = await registry.list()
    const statistics = await registry.getRegistryStatistics()
    assert.equal(statistics.totalDeviceCount, devices.length)
    assert.equal(
      statistics.enabledDeviceCount,
      devices.filter(({ status }) => status === 'enabled').length,
    )
  })
})
