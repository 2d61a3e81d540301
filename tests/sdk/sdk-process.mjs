// The other end of sdk.mjs: carries out calls on the official SDKs, one message each.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device')
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key')
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service')
const { Registry } = require('azure-iothub')
const { Client, Message } = require('azure-iot-device')
const { NoRetry } = require('azure-iot-common')
const transports = {
  http: require('azure-iot-provisioning-device-http').Http,
  mqtt: require('azure-iot-provisioning-device-mqtt').Mqtt,
  mqtt_ws: require('azure-iot-provisioning-device-mqtt').MqttWs,
}

const deviceTransports = {
  mqtt: require('azure-iot-device-mqtt').Mqtt,
  mqtt_ws: require('azure-iot-device-mqtt').MqttWs,
}

const PAGES_MAX = 100
const devices = new Map() // name to {client, twin, disconnects, patches}

// Counts what ends a device's connection and keeps the desired patches it hears.
async function openDevice({ name, connectionString, transport = 'mqtt' }) {
  const client = Client.fromConnectionString(connectionString, deviceTransports[transport])
  const device = { client, disconnects: 0, patches: [] }
  client.setRetryPolicy(new NoRetry())
  client.on('disconnect', () => device.disconnects++)
  client.on('error', () => {})
  await client.open()
  devices.set(name, device)
}

async function twinOf(device) {
  device.twin ??= await device.client.getTwin()
  return device.twin
}

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

  openDevice,

  // MESSAGES: {body, properties, contentType, ...}; sent one after the other.
  async sendEvents(name, messages) {
    for (const { body, properties = {}, ...system } of messages) {
      const message = Object.assign(new Message(body), system)
      for (const [key, value] of Object.entries(properties)) message.properties.add(key, value)
      await devices.get(name).client.sendEvent(message)
    }
  },

  async readTwin(name) {
    const { desired, reported } = (await twinOf(devices.get(name))).properties
    return { desired, reported }
  },

  async reportTwin(name, patch) {
    const twin = await twinOf(devices.get(name))
    await new Promise((resolve, reject) => {
      twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()))
    })
  },

  // From now on patches of the desired properties are kept; the first is the twin as it is.
  async watchTwin(name) {
    const device = devices.get(name)
    const twin = await twinOf(device)
    twin.on('properties.desired', (patch) => device.patches.push(patch))
  },

  async subscribeAll(name) {
    const { client } = devices.get(name)
    client.on('message', () => {})
    client.onDeviceMethod('any', () => {})
    await new Promise((resolve) => setTimeout(resolve, 500))
  },

  seen(name) {
    const { disconnects, patches } = devices.get(name)
    return { disconnects, patches }
  },

  async closeDevice(name) {
    const { client } = devices.get(name)
    devices.delete(name)
    await client.close()
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
