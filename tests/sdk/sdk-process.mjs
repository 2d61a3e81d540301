// The other end of sdk.mjs: carries out calls on the official SDKs, one message each.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device')
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key')
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service')
const { Registry } = require('azure-iothub')
const transports = {
  http: require('azure-iot-provisioning-device-http').Http,
  mqtt: require('azure-iot-provisioning-device-mqtt').Mqtt,
  mqtt_ws: require('azure-iot-provisioning-device-mqtt').MqttWs,
}

const PAGES_MAX = 100

const bodyOf = (result) => (result && 'httpResponse' in result ? result.responseBody : result)

// SDK methods check how many arguments they have, so one that was not given is not passed.
async function callOn(object, method, args) {
  return bodyOf(await object[method](...args))
}

const methods = {
  async register({ transport, idScope, registrationId, key, payload }) {
    const client = ProvisioningDeviceClient.create(
      'localhost',
      idScope,
      new transports[transport](),
      new SymmetricKeySecurityClient(registrationId, key),
    )
    if (payload !== undefined) client.setProvisioningPayload(payload)
    return client.register()
  },

  provisioningService(connectionString, method, args) {
    return callOn(ProvisioningServiceClient.fromConnectionString(connectionString), method, args)
  },

  registry(connectionString, method, args) {
    return callOn(Registry.fromConnectionString(connectionString), method, args)
  },

  async queryPages(connectionString, method, args) {
    const query = ProvisioningServiceClient.fromConnectionString(connectionString)[method](...args)
    const pages = []
    // Without an argument the SDK's next() would begin anew each time.
    while (query.hasMoreResults && pages.length < PAGES_MAX)
      pages.push(bodyOf(await query.next(query.continuationToken)))
    return pages
  },
}

// A plain copy: what the SDK gives holds sockets and functions.
const plain = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)))

process.on('message', async ({ id, method, args }) => {
  try {
    process.send({ id, result: plain(await methods[method](...args)) })
  } catch (error) {
    const { message, responseBody, result } = error
    const name = error.constructor.name
    process.send({
      id,
      error: { name, message, responseBody: plain(responseBody), result: plain(result) },
    })
  }
})
