'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { deriveKey, provision } = require('./firmware.js')
const seed = require('./seed.json')

const { BERTH_ENDPOINT, BERTH_ID_SCOPE, BERTH_GROUP_KEY, BERTH_HUB } = process.env
assert.ok(BERTH_ENDPOINT, 'run by: berth dev --seed seed.json -- npm test')
const service = { endpoint: BERTH_ENDPOINT, idScope: BERTH_ID_SCOPE }

function member(registrationId) {
  return { ...service, registrationId, key: deriveKey(BERTH_GROUP_KEY, registrationId) }
}

test('a member of the group is assigned under its registration ID', async () => {
  const { assignedHub, deviceId } = await provision(member('sn-007-mac-a1-b2-c3-d4-e5-f6'))
  assert.deepEqual({ assignedHub, deviceId }, { assignedHub: BERTH_HUB, deviceId: 'sn-007-mac-a1-b2-c3-d4-e5-f6' })
})

test('an enrolled device gets the name that was chosen for it', async () => {
  const [{ registrationId, deviceId, attestation }] = seed.enrollments
  const key = attestation.symmetricKey.primaryKey
  const got = await provision({ ...service, registrationId, key, transport: 'http' })
  assert.deepEqual([got.assignedHub, got.deviceId], [BERTH_HUB, deviceId])
})

test('a slow service is waited for', async () => {
  assert.equal((await provision(member('slow-pump'))).deviceId, 'slow-pump')
})

test('a refusal is told, with its cause', async () => {
  await assert.rejects(provision(member('lost-pump')), (error) => {
    assert.equal(error.name, 'UnauthorizedError')
    assert.match(error.result.message, /SIGNATURE_UNKNOWN/)
    return true
  })
})
