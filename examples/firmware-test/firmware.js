// What would run on the device: it knows nothing of berth.
'use strict'

const { createHmac } = require('node:crypto')
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device')
const { Http } = require('azure-iot-provisioning-device-http')
const { Mqtt } = require('azure-iot-provisioning-device-mqtt')
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key')

// The key of a device in an enrollment group.
function deriveKey(groupKey, registrationId) {
  return createHmac('sha256', Buffer.from(groupKey, 'base64')).update(registrationId).digest('base64')
}

// Resolves to {assignedHub, deviceId, ..}.
function provision({ endpoint, idScope, registrationId, key, transport = 'mqtt' }) {
  const client = ProvisioningDeviceClient.create(
    endpoint,
    idScope,
    transport === 'http' ? new Http() : new Mqtt(),
    new SymmetricKeySecurityClient(registrationId, key),
  )
  return client.register()
}

module.exports = { deriveKey, provision }
