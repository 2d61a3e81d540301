// Back offices manage enrollments with the official provisioning service SDK.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Daemon } from './daemon.mjs'
import { call, deriveKey, parseConnectionString } from './rest.mjs'
import { Sdk } from './sdk.mjs'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/
const ETAG = /^"[0-9a-f]{16}"$/
const NEWER = { name: 'InvalidEtagError' }
const THERE = { name: 'DeviceAlreadyExistsError' }
const ABSENT = { message: 'Not found' }
const QUERY = { query: 'select * from enrollments' }
const newKeys = () => ({
  primaryKey: randomBytes(64).toString('base64'),
  secondaryKey: randomBytes(32).toString('base64'),
})
const withKeys = (symmetricKey) => ({ type: 'symmetricKey', symmetricKey })

let daemon, sdk, service, connectionString

before(async () => {
  daemon = await new Daemon(['--hostname', 'localhost']).start()
  sdk = new Sdk(daemon)
  connectionString = daemon.profile.connectionString
  service = sdk.provisioningService(connectionString)
})

after(async () => {
  await sdk?.stop()
  await daemon?.stop()
})

// The same life of both kinds of enrollment, by the SDK's names for them.
const KINDS = [
  {
    kind: 'EnrollmentGroup',
    idName: 'enrollmentGroupId',
    mechanism: 'getEnrollmentGroupAttestationMechanism',
    query: 'createEnrollmentGroupQuery',
  },
  {
    kind: 'IndividualEnrollment',
    idName: 'registrationId',
    mechanism: 'getIndividualEnrollmentAttestationMechanism',
    query: 'createIndividualEnrollmentQuery',
  },
]

for (const { kind, idName, mechanism, query } of KINDS) {
  describe(kind, () => {
    const put = (record) => service[`createOrUpdate${kind}`](record)
    const get = (id) => service[`get${kind}`](id)
    const remove = (...args) => service[`delete${kind}`](...args)
    const nameOf = (what) => `${what}-${kind}`

    test('created, read, masked, its keys told on demand', async () => {
      const id = nameOf('Line:1.a_b')
      const keys = newKeys()
      const asked = {
        [idName]: id,
        attestation: withKeys(keys),
        provisioningStatus: 'disabled',
        allocationPolicy: 'static',
        iotHubs: ['localhost'],
        reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false },
        initialTwin: {
          tags: { plant: 'Ulm', floor: 3 },
          properties: { desired: { rate: 1.5, on: true, unit: 'µm', deep: { list: [1, 2] } } },
        },
      }
      const made = await put(asked)
      const { etag, createdDateTimeUtc, lastUpdatedDateTimeUtc, ...rest } = made
      assert.deepEqual(rest, { ...asked, capabilities: { iotEdge: false } })
      assert.match(etag, ETAG)
      assert.match(createdDateTimeUtc, TIME)
      assert.equal(lastUpdatedDateTimeUtc, createdDateTimeUtc)

      const masked = { ...made, attestation: { type: 'symmetricKey' } }
      assert.deepEqual(await get(id), masked)
      assert.deepEqual(await get(id.toUpperCase()), masked)
      assert.deepEqual(await service[mechanism](id), withKeys(keys))
    })

    test('keys that are not given are made', async () => {
      const id = nameOf('generated')
      const made = await put({ [idName]: id, attestation: { type: 'symmetricKey' } })
      const { primaryKey, secondaryKey } = made.attestation.symmetricKey
      for (const key of [primaryKey, secondaryKey])
        assert.equal(Buffer.from(key, 'base64').length, 64)
      assert.notEqual(primaryKey, secondaryKey)
      assert.deepEqual(await service[mechanism](id), withKeys({ primaryKey, secondaryKey }))
      assert.equal(made.provisioningStatus, 'enabled')
      assert.deepEqual(made.reprovisionPolicy, {
        updateHubAssignment: true,
        migrateDeviceData: true,
      })
    })

    test('created once: 409 after that, and nothing changed', async () => {
      const id = nameOf('once')
      const made = await put({ [idName]: id, attestation: withKeys(newKeys()) })
      await assert.rejects(put({ [idName]: id, attestation: withKeys(newKeys()) }), THERE)
      assert.deepEqual(await service[mechanism](id), made.attestation)
      assert.equal((await get(id)).etag, made.etag)
    })

    test('updated with the current etag, refused with a stale one', async () => {
      const id = nameOf('updated')
      const keys = newKeys()
      const made = await put({ [idName]: id, attestation: withKeys(keys) })
      const read = await get(id)
      const updated = await put({ ...read, provisioningStatus: 'disabled' })
      assert.equal(updated.provisioningStatus, 'disabled')
      assert.notEqual(updated.etag, made.etag)
      assert.equal(updated.createdDateTimeUtc, made.createdDateTimeUtc)
      assert.ok(updated.lastUpdatedDateTimeUtc > made.lastUpdatedDateTimeUtc)
      assert.deepEqual(updated.attestation, withKeys(keys), 'masked keys sent back are kept')

      await assert.rejects(put({ ...read, provisioningStatus: 'enabled' }), NEWER)
      assert.equal((await get(id)).provisioningStatus, 'disabled')

      const forced = await put({ ...read, etag: '*', provisioningStatus: 'enabled' })
      assert.equal(forced.provisioningStatus, 'enabled')
      assert.deepEqual(await service[mechanism](id), withKeys(keys))
    })

    test('an update of what is not there is refused', async () => {
      const record = { [idName]: nameOf('missing'), attestation: withKeys(newKeys()) }
      await assert.rejects(put({ ...record, etag: '*' }), ABSENT)
      await assert.rejects(put({ ...record, etag: '"0000000000000001"' }), ABSENT)
      await assert.rejects(get(record[idName]), ABSENT)
      await assert.rejects(remove(record[idName]), ABSENT)
      await assert.rejects(service[mechanism](record[idName]), ABSENT)
    })

    test('keys change with an update', async () => {
      const id = nameOf('rekeyed')
      const made = await put({ [idName]: id, attestation: withKeys(newKeys()) })
      const keys = newKeys()
      await put({ ...made, attestation: withKeys(keys) })
      assert.deepEqual(await service[mechanism](id), withKeys(keys))
    })

    test('deleted by ID, by etag, never by a stale etag', async () => {
      const id = nameOf('deleted')
      const record = { [idName]: id, attestation: withKeys(newKeys()) }
      const made = await put(record)
      const { etag } = await put({ ...made, provisioningStatus: 'disabled' })
      await assert.rejects(remove(id, made.etag), NEWER)
      await assert.rejects(remove(made), NEWER)
      assert.equal((await get(id)).etag, etag)
      await remove(id, etag)
      await assert.rejects(get(id), ABSENT)
      await put(record)
      await remove(id)
      await assert.rejects(get(id), ABSENT)
    })

    test('a malformed document is refused', async () => {
      const bad = [
        { [idName]: nameOf('bad'), attestation: withKeys({ primaryKey: 'not base64' }) },
        { [idName]: nameOf('bad'), attestation: { type: 'tpm' } },
        { [idName]: nameOf('bad') },
        { [idName]: 'ends-with-a-dot.', attestation: withKeys(newKeys()) },
        { [idName]: 'x'.repeat(129), attestation: withKeys(newKeys()) },
      ]
      for (const record of bad)
        await assert.rejects(put(record), { name: 'ArgumentError' }, JSON.stringify(record))
      await assert.rejects(get(nameOf('bad')), ABSENT)
    })

    test('listed over several pages, masked', async () => {
      for (const page of await sdk.queryPages(connectionString, query, QUERY))
        for (const record of page) await remove(record[idName])
      const ids = Array.from({ length: 5 }, (_, i) => nameOf(`listed-${i}`))
      for (const id of ids) await put({ [idName]: id, attestation: withKeys(newKeys()) })

      const pages = await sdk.queryPages(connectionString, query, QUERY, 2)
      assert.deepEqual(
        pages.map((page) => page.length),
        [2, 2, 1],
      )
      assert.deepEqual(
        pages
          .flat()
          .map((record) => record[idName])
          .sort(),
        ids,
      )
      for (const record of pages.flat()) assert.deepEqual(record, await get(record[idName]))
      assert.deepEqual(
        (await sdk.queryPages(connectionString, query, QUERY, 5)).map((page) => page.length),
        [5],
      )
    })
  })
}

describe('registrations', () => {
  const group = 'registering'
  const registrationIds = ['Dev-1', 'dev-2', 'dev-3', 'dev-4', 'dev-5']
  const keys = newKeys()

  const register = (registrationId) =>
    sdk.register({
      transport: 'http',
      idScope: daemon.profile.idScope,
      registrationId,
      key: deriveKey(keys.primaryKey, registrationId),
    })

  before(async () => {
    await service.createOrUpdateEnrollmentGroup({
      enrollmentGroupId: group,
      attestation: withKeys(keys),
    })
    for (const id of registrationIds) await register(id)
  })

  test('a group lists its registrations over several pages', async () => {
    const pages = await sdk.queryPages(
      connectionString,
      'createEnrollmentGroupDeviceRegistrationStateQuery',
      QUERY,
      group,
      2,
    )
    assert.deepEqual(
      pages.map((page) => page.length),
      [2, 2, 1],
    )
    assert.deepEqual(
      pages
        .flat()
        .map((state) => state.registrationId)
        .sort(),
      registrationIds,
    )
    for (const state of pages.flat()) {
      assert.equal(state.status, 'assigned')
      assert.equal(state.assignedHub, 'localhost')
      assert.deepEqual(state, await service.getDeviceRegistrationState(state.registrationId))
    }
  })

  test('a group without registrations lists one empty page', async () => {
    const method = 'createEnrollmentGroupDeviceRegistrationStateQuery'
    await service.createOrUpdateEnrollmentGroup({
      enrollmentGroupId: 'silent',
      attestation: withKeys(newKeys()),
    })
    assert.deepEqual(await sdk.queryPages(connectionString, method, QUERY, 'silent'), [[]])
  })

  test('a registration is read as the device heard it', async () => {
    const heard = await register('dev-2')
    const state = await service.getDeviceRegistrationState('DEV-2')
    for (const name of ['registrationId', 'assignedHub', 'deviceId', 'status', 'substatus', 'etag'])
      assert.equal(state[name], heard[name], name)
    assert.match(state.createdDateTimeUtc, TIME)
  })

  test('a registration is deleted, not with a stale etag; the device may come again', async () => {
    const state = await service.getDeviceRegistrationState('dev-3')
    await register('dev-3')
    await assert.rejects(service.deleteDeviceRegistrationState(state), NEWER)
    await service.deleteDeviceRegistrationState('dev-3')
    await assert.rejects(service.getDeviceRegistrationState('dev-3'), ABSENT)
    await assert.rejects(service.deleteDeviceRegistrationState('dev-3'), ABSENT)
    const again = await register('dev-3')
    assert.equal(again.status, 'assigned')
    assert.equal(again.deviceId, 'dev-3')
  })

  test('an individual enrollment shows its registration', async () => {
    const registrationId = 'shown'
    const { primaryKey } = keys
    await service.createOrUpdateIndividualEnrollment({
      registrationId,
      attestation: withKeys(keys),
    })
    assert.equal(
      (await service.getIndividualEnrollment(registrationId)).registrationState,
      undefined,
    )
    await sdk.register({
      transport: 'mqtt',
      idScope: daemon.profile.idScope,
      registrationId,
      key: primaryKey,
    })
    const { registrationState } = await service.getIndividualEnrollment(registrationId)
    assert.equal(registrationState.status, 'assigned')
    assert.equal(registrationState.deviceId, registrationId)
  })
})

describe('rights', () => {
  const altered = (changes) => {
    const parts = { ...parseConnectionString(connectionString), ...changes }
    return Object.entries(parts)
      .map(([name, value]) => `${name}=${value}`)
      .join(';')
  }

  for (const [what, changes] of [
    ['a wrong key', { SharedAccessKey: randomBytes(32).toString('base64') }],
    ['an unknown policy', { SharedAccessKeyName: 'nobody' }],
  ])
    test(`${what} is refused`, async () => {
      const stranger = sdk.provisioningService(altered(changes))
      await assert.rejects(stranger.getEnrollmentGroup('registering'), {
        name: 'UnauthorizedError',
      })
    })

  test("the policy's secondary key is as good", async () => {
    const { body } = await call(daemon, connectionString, 'POST', '/berth/v1/listkeys')
    const owner = body.find(({ keyName }) => keyName === 'provisioningserviceowner')
    const other = sdk.provisioningService(altered({ SharedAccessKey: owner.secondaryKey }))
    assert.equal((await other.getEnrollmentGroup('registering')).enrollmentGroupId, 'registering')
  })

  test('a policy made for one purpose does that and no more, until it is deleted', async () => {
    const path = '/berth/v1/policies/reader'
    await call(daemon, connectionString, 'PUT', path, { rights: 'EnrollmentRead' })
    const { body: made } = await call(daemon, connectionString, 'POST', `${path}/listkeys`)
    const names = { SharedAccessKeyName: 'reader', SharedAccessKey: made.primaryKey }
    const reader = sdk.provisioningService(altered(names))
    assert.equal((await reader.getEnrollmentGroup('registering')).enrollmentGroupId, 'registering')
    const denied = { name: 'UnauthorizedError' }
    await assert.rejects(reader.deleteEnrollmentGroup('registering'), denied)
    const keyType = 'primary'
    const { body } = await call(daemon, connectionString, 'POST', `${path}/regeneratekey`, {
      keyType,
    })
    await assert.rejects(reader.getEnrollmentGroup('registering'), denied)
    const renewed = sdk.provisioningService(altered({ ...names, SharedAccessKey: body.primaryKey }))
    await renewed.getEnrollmentGroup('registering')
    await call(daemon, connectionString, 'DELETE', path)
    await assert.rejects(renewed.getEnrollmentGroup('registering'), denied)
  })
})
