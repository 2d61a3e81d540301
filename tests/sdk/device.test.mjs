// Devices of the official device SDK register, over HTTPS, MQTT and MQTT over WebSocket.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Daemon } from './daemon.mjs'
import { callForAll, deriveKey, hubConnectionString, patchSettings } from './rest.mjs'
import { Sdk } from './sdk.mjs'

const TRANSPORTS = ['http', 'mqtt', 'mqtt_ws']
const PROMPT_MS = 10_000 // generous; the SDK itself would give up after 30 s
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/
const newKey = () => randomBytes(64).toString('base64')

// The article's values.
const GOLDEN = {
  group: 'mylegacydevices',
  groupKey:
    '8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==',
  registrationId: 'sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6',
  deviceKey: 'Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=',
}

let daemon, sdk, service, registry, idScope

before(async () => {
  daemon = await new Daemon(['--hostname', 'localhost']).start()
  sdk = new Sdk(daemon)
  service = sdk.provisioningService(daemon.profile.connectionString)
  registry = sdk.registry(await hubConnectionString(daemon))
  idScope = daemon.profile.idScope
})

after(async () => {
  await sdk?.stop()
  await daemon?.stop()
})

// Two kinds of enrollment, told apart by how they are made and what keys their devices have.
const KINDS = {
  group: {
    path: 'enrollmentGroups',
    async create(id, more = {}) {
      const keys = { primaryKey: newKey(), secondaryKey: newKey() }
      await service.createOrUpdateEnrollmentGroup({
        enrollmentGroupId: `group-of-${id}`,
        attestation: { type: 'symmetricKey', symmetricKey: keys },
        ...more,
      })
      return {
        id: `group-of-${id}`,
        groupKey: keys.primaryKey,
        primary: deriveKey(keys.primaryKey, id),
        secondary: deriveKey(keys.secondaryKey, id),
      }
    },
    async set(id, changes) {
      const group = await service.getEnrollmentGroup(id)
      await service.createOrUpdateEnrollmentGroup({ ...group, ...changes })
    },
  },
  individual: {
    path: 'enrollments',
    async create(id, more = {}) {
      const keys = { primaryKey: newKey(), secondaryKey: newKey() }
      await service.createOrUpdateIndividualEnrollment({
        registrationId: id,
        attestation: { type: 'symmetricKey', symmetricKey: keys },
        ...more,
      })
      return { id, primary: keys.primaryKey, secondary: keys.secondaryKey }
    },
    async set(id, changes) {
      const enrollment = await service.getIndividualEnrollment(id)
      await service.createOrUpdateIndividualEnrollment({ ...enrollment, ...changes })
    },
  },
}

const COUNTED = [
  'registrations_started',
  'registrations_assigned',
  'registrations_assigning',
  'registrations_refused',
]

// What WORK made the daemon count, in the order of COUNTED.
async function counted(work) {
  const read = async () => {
    const metrics = await daemon.metrics()
    return COUNTED.map((name) => metrics[`berth_${name}_total`])
  }
  const earlier = await read()
  const result = await work()
  return { result, counts: (await read()).map((count, i) => count - earlier[i]) }
}

function checkAssigned(state, registrationId, deviceId = registrationId) {
  assert.equal(state.status, 'assigned')
  assert.equal(state.substatus, 'initialAssignment')
  assert.equal(state.registrationId, registrationId)
  assert.equal(state.assignedHub, 'localhost')
  assert.equal(state.deviceId, deviceId)
  assert.match(state.createdDateTimeUtc, TIME)
  assert.match(state.lastUpdatedDateTimeUtc, TIME)
  assert.match(Buffer.from(state.etag, 'base64').toString(), /^"[0-9a-f]{16}"$/)
}

async function rejectsPromptly(call, expected) {
  const start = Date.now()
  await assert.rejects(call, expected)
  assert.ok(Date.now() - start < PROMPT_MS, 'the SDK was left waiting')
}

test('the article, from group to device', async () => {
  const made = await service.createOrUpdateEnrollmentGroup({
    enrollmentGroupId: GOLDEN.group,
    attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: GOLDEN.groupKey } },
  })
  assert.equal(made.attestation.symmetricKey.primaryKey, GOLDEN.groupKey)
  for (const transport of TRANSPORTS) {
    const state = await sdk.register({
      transport,
      idScope,
      registrationId: GOLDEN.registrationId,
      key: GOLDEN.deviceKey,
    })
    checkAssigned(state, GOLDEN.registrationId)
  }
  const device = await registry.get(GOLDEN.registrationId)
  assert.equal(device.status, 'enabled')
  assert.equal(device.authentication.symmetricKey.primaryKey, GOLDEN.deviceKey)
  assert.deepEqual(
    (await registry.list()).map(({ deviceId }) => deviceId),
    [GOLDEN.registrationId],
  )
})

for (const [kind, enrollment] of Object.entries(KINDS)) {
  for (const transport of TRANSPORTS) {
    describe(`${kind} enrollment over ${transport}`, () => {
      const name = (what) => `${what}-${kind}-${transport}`

      for (const slot of ['primary', 'secondary']) {
        test(`${slot} key: assigned on the first answer`, async () => {
          const registrationId = name(slot)
          const { [slot]: key } = await enrollment.create(registrationId)
          const { result, counts } = await counted(() =>
            sdk.register({ transport, idScope, registrationId, key }),
          )
          checkAssigned(result, registrationId)
          assert.deepEqual(counts, [1, 1, 0, 0], `${COUNTED}`)
        })
      }

      test('assigningFirst: polled, then assigned', async () => {
        const registrationId = name('polled')
        const { id, primary: key } = await enrollment.create(registrationId)
        const { body } = await patchSettings(daemon, enrollment.path, id, { assigningFirst: true })
        assert.deepEqual(body, { assigningFirst: true })
        const { result, counts } = await counted(() =>
          sdk.register({ transport, idScope, registrationId, key }),
        )
        checkAssigned(result, registrationId)
        assert.deepEqual(counts, [2, 1, 1, 0], `${COUNTED}`)
        assert.equal((await registry.get(registrationId)).deviceId, registrationId)
      })

      test('registered again: the same record', async () => {
        const registrationId = name('again')
        const { primary: key } = await enrollment.create(registrationId)
        const device = { transport, idScope, registrationId, key }
        const first = await sdk.register(device)
        const { generationId } = await registry.get(registrationId)
        const second = await sdk.register(device)
        checkAssigned(second, registrationId)
        assert.equal(second.createdDateTimeUtc, first.createdDateTimeUtc)
        assert.equal((await registry.get(registrationId)).generationId, generationId)
      })

      test('a payload is no obstacle', async () => {
        const registrationId = name('payload')
        const { primary: key } = await enrollment.create(registrationId)
        const payload = { modelId: 'dtmi:com:example:pump;1', nested: { list: [1, 'ä', null] } }
        checkAssigned(
          await sdk.register({ transport, idScope, registrationId, key, payload }),
          registrationId,
        )
      })

      test('wrong key: refused, nothing is kept', async () => {
        const registrationId = name('wrong-key')
        await enrollment.create(registrationId)
        const { counts } = await counted(() =>
          rejectsPromptly(sdk.register({ transport, idScope, registrationId, key: newKey() }), {
            name: 'UnauthorizedError',
          }),
        )
        assert.deepEqual(counts, [1, 0, 0, 1], `${COUNTED}`)
        await assert.rejects(registry.get(registrationId), { name: 'DeviceNotFoundError' })
        await assert.rejects(service.getDeviceRegistrationState(registrationId), /Not found/)
      })

      test('wrong ID scope: refused', async () => {
        const registrationId = name('wrong-scope')
        const { primary: key } = await enrollment.create(registrationId)
        await rejectsPromptly(
          sdk.register({ transport, idScope: '0ne00000000', registrationId, key }),
          { name: 'UnauthorizedError' },
        )
      })

      test('disabled: told so; enabled again: assigned', async () => {
        const registrationId = name('disabled')
        const { id, primary: key } = await enrollment.create(registrationId, {
          provisioningStatus: 'disabled',
        })
        const device = { transport, idScope, registrationId, key }
        // The SDK's word for a status that is none of assigned, assigning, failed.
        await rejectsPromptly(sdk.register(device), {
          name: 'SyntaxError',
          message: 'status is disabled',
        })
        await assert.rejects(registry.get(registrationId), { name: 'DeviceNotFoundError' })
        await enrollment.set(id, { provisioningStatus: 'enabled' })
        checkAssigned(await sdk.register(device), registrationId)
        assert.equal((await registry.get(registrationId)).status, 'enabled')
      })
    })
  }
}

for (const transport of TRANSPORTS) {
  test(`an ID that nobody enrolled is refused over ${transport}`, async () => {
    const registrationId = `nobody-${transport}`
    await rejectsPromptly(sdk.register({ transport, idScope, registrationId, key: newKey() }), {
      name: 'UnauthorizedError',
    })
  })

  test(`the group's own key is not a device's key over ${transport}`, async () => {
    const registrationId = `group-key-${transport}`
    const { groupKey: key } = await KINDS.group.create(registrationId)
    await rejectsPromptly(sdk.register({ transport, idScope, registrationId, key }), {
      name: 'UnauthorizedError',
    })
  })

  test(`an individual enrollment names its device over ${transport}`, async () => {
    const registrationId = `named-${transport}`
    const deviceId = `Pump#7@${transport}`
    const { primary: key } = await KINDS.individual.create(registrationId, { deviceId })
    checkAssigned(
      await sdk.register({ transport, idScope, registrationId, key }),
      registrationId,
      deviceId,
    )
    const device = await registry.get(deviceId)
    assert.equal(device.deviceId, deviceId)
    assert.equal(device.authentication.symmetricKey.primaryKey, key)
  })
}

test('one ID, forty registrations at once: one record, one device', async () => {
  const registrationId = 'raced'
  const { id: group, primary: key } = await KINDS.group.create(registrationId)
  const devices = Array.from({ length: 40 }, (_, i) => ({
    transport: TRANSPORTS[i % TRANSPORTS.length],
    idScope,
    registrationId,
    key,
  }))
  const states = await Promise.all(devices.map((device) => sdk.register(device)))

  for (const state of states) checkAssigned(state, registrationId)
  assert.equal(new Set(states.map((state) => state.createdDateTimeUtc)).size, 1)
  const own = daemon.profile.connectionString
  const records = (await callForAll(daemon, own, '/berth/v1/registrations')).filter(
    (record) => record.registrationId.toLowerCase() === registrationId,
  )
  assert.equal(records.length, 1)
  assert.equal(records[0].createdDateTimeUtc, states[0].createdDateTimeUtc)
  const pages = await sdk.queryPages(
    own,
    'createEnrollmentGroupDeviceRegistrationStateQuery',
    { query: '*' },
    group,
  )
  assert.deepEqual(
    pages.flat().map((record) => record.registrationId),
    [registrationId],
  )
  const identities = (await registry.list()).filter(({ deviceId }) => deviceId === registrationId)
  assert.equal(identities.length, 1)
})
