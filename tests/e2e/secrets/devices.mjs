// secrets/devices.mjs - the secrets over the wire of devices that register, are refused, and work in their hub.
import assert from 'node:assert/strict'
import { deriveKey } from '../../sdk/rest.mjs'
import { mqtt, openTls, packets, publication } from '../raw.mjs'
import {
  SINGLE,
  ask,
  daemon,
  derived,
  key,
  keys,
  newKey,
  scope,
  seen,
  text,
  token,
} from './rig.mjs'

const heard = (wire) => {
  seen('device answers', wire.got)
  wire.end()
}

async function registerHttps(id, authorization) {
  const path = `/${scope(id)}/register?api-version=2021-06-01`
  return ask('device answers', 'PUT', path, { authorization, body: { registrationId: id } })
}

async function registerMqtt(user, password, id = 'client') {
  const wire = await openTls(daemon, daemon.mqttsPort)
  wire.write(mqtt.connect(user, password, 60, 0xc2, id))
  wire.write(Buffer.concat([mqtt.subscribe(), mqtt.register('{"payload":{"model":"x"}}')]))
  const told = await wire.until((got) => packets(got).find(({ type }) => type === 3))
  heard(wire)
  return told && publication(told).topic
}

export async function devicesRegister() {
  for (const slot of ['primaryKey', 'secondaryKey']) {
    const { status } = await registerHttps(
      `d-${slot}`,
      token(scope(`d-${slot}`), derived(`d-${slot}`, slot), 'registration'),
    )
    assert.equal(status, 202)
    await registerHttps(SINGLE, token(scope(SINGLE), keys.single[slot], 'registration'))
  }
  const topic = await registerMqtt(
    `${scope('m-1')}/api-version=2019-03-31`,
    token(scope('m-1'), derived('m-1'), 'registration'),
    'm-1',
  )
  assert.match(topic, /res\/200\//)
}

// Each of the mistakes that forensics tell apart has the secrets in another place.
export async function devicesAreRefused() {
  const plain = (id, base64) => token(scope(id), base64, 'registration')
  await registerHttps('f-1', plain('f-1', key('wrong key', newKey())))
  await registerHttps('f-2', plain('f-2', keys.group.primaryKey))
  await registerHttps(
    'f-3',
    plain('f-3', key('derived in capitals', deriveKey(keys.group.primaryKey, 'F-3'))),
  )
  await registerHttps('f-4', token('localhost/devices/f-4', derived('f-4')))
  await registerHttps(SINGLE, plain(SINGLE, derived(SINGLE)))
  await registerHttps('f-5', plain('f-5', derived('f-5')).replace('&se=', '&se=x'))
  await registerHttps('f-6', `SharedAccessKey=${key('key for a token', newKey())}`)
  await registerHttps('f-7', `SharedAccessSignature ${text('no token', newKey())}`)
  await registerHttps(
    'f-8',
    `Basic ${text('basic', Buffer.from(`f-8:${newKey(24)}`).toString('base64'))}`,
  )
  await registerMqtt(`${scope('m-2')}/api-version=2019-03-31`, plain('m-2', newKey()), 'm-2')
  await registerMqtt(
    `${scope('m-3')}/api-version=2019-03-31`,
    text('key as a password', newKey()),
    'm-3',
  )
  // the fields of CONNECT in another order
  await registerMqtt(plain('m-4', derived('m-4')), `${scope('m-4')}/api-version=2019-03-31`, 'm-4')
  await registerMqtt(`${scope('m-5')}/api-version=2019-03-31`, 'm-5', plain('m-5', derived('m-5')))
  await registerMqtt(
    `${scope('m-6')}/api-version=2019-03-31&${plain('m-6', derived('m-6'))}`,
    'x',
    'm-6',
  )
  const path = `/${scope('q-1')}/register?api-version=2021-06-01&auth=${encodeURIComponent(plain('q-1', derived('q-1')))}`
  await ask('device answers', 'PUT', path, { body: { registrationId: 'q-1' } })
}

export async function session() {
  const id = 'made'
  const wire = await openTls(daemon, daemon.mqttsPort)
  const password = token(`localhost/devices/${id}`, keys.device.secondaryKey)
  wire.write(mqtt.connect(`localhost/${id}/?api-version=2021-04-12`, password, 60, 0xc2, id))
  await wire.until((got) => packets(got).find(({ type }) => type === 2))
  wire.write(mqtt.subscribe('$iothub/twin/res/#', 2))
  wire.write(mqtt.publish('$iothub/twin/GET/?$rid=1', '', 0x30))
  wire.write(mqtt.publish(`devices/${id}/messages/events/idx=1`, 'hello', 0x32, 3))
  await wire.until((got) => packets(got).some(({ type }) => type === 4))
  heard(wire)
  const bad = await openTls(daemon, daemon.mqttsPort)
  bad.write(
    mqtt.connect(
      `localhost/${id}/?api-version=2021-04-12`,
      token(`localhost/devices/${id}`, newKey()),
      60,
      0xc2,
      id,
    ),
  )
  await bad.closed()
  heard(bad)
}
