// A device of the load: registers over each transport, signs as it should or as people get it wrong, and works in its hub.
import { createHash, createHmac, randomBytes } from 'node:crypto'
import tls from 'node:tls'
import { mqtt, openTls, packets, publication, statuses } from '../../tests/e2e/raw.mjs'
import { deriveKey, sasToken } from '../../tests/sdk/rest.mjs'

const ANSWER_MS = 15_000
const REGISTER = '$dps/registrations/PUT/iotdps-register/?$rid=1'
const HUB_API = 'api-version=2021-04-12'

// Addresses of loopback: refusals of one must not throttle the others, and audit tells them apart.
export const address = (n) => `127.1.${(n >> 8) & 255}.${n & 255 || 1}`

// One secure context for all connections, as one client has.
export function connector(daemon) {
  const secureContext = tls.createSecureContext({ ca: daemon.ca })
  return (port, options = {}) => openTls(daemon, port, { secureContext, ...options })
}

// ---- WebSocket: frames out masked, frames in unmasked ----

function frame(bytes) {
  const mask = randomBytes(4)
  const long = bytes.length > 125
  const head = Buffer.alloc(long ? 4 : 2)
  head[0] = 0x82
  head[1] = 0x80 | (long ? 126 : bytes.length)
  if (long) head.writeUInt16BE(bytes.length, 2)
  return Buffer.concat([head, mask, bytes.map((b, i) => b ^ mask[i & 3])])
}

function unframe(bytes) {
  const parts = []
  let at = bytes.indexOf('\r\n\r\n') + 4
  while (at >= 4 && at + 2 <= bytes.length) {
    let n = bytes[at + 1] & 127
    let from = at + 2
    if (n === 126) {
      if (from + 2 > bytes.length) break
      n = bytes.readUInt16BE(from)
      from += 2
    }
    if (from + n > bytes.length) break
    if ((bytes[at] & 15) === 2) parts.push(bytes.subarray(from, from + n))
    at = from + n
  }
  return Buffer.concat(parts)
}

// An MQTT conversation over TLS, or over a WebSocket over TLS.
export class Talk {
  constructor(wire, webSocket) {
    this.wire = wire
    this.webSocket = webSocket
  }

  static async open(world, transport, options) {
    if (transport === 'mqtt') return new Talk(await world.connect(world.daemon.mqttsPort, options))
    const wire = await world.connect(world.daemon.httpsPort, options)
    const key = randomBytes(16).toString('base64')
    wire.write(
      `GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
    )
    await wire.until((got) => got.includes('\r\n\r\n'), ANSWER_MS)
    return new Talk(wire, true)
  }

  write(...list) {
    const bytes = Buffer.concat(list)
    return this.wire.write(this.webSocket ? frame(bytes) : bytes)
  }

  #packets(bytes) {
    return packets(this.webSocket ? unframe(bytes) : bytes)
  }

  // The first packet of TYPE after SKIP others of it, or undefined.
  until(type, skip = 0, ms = ANSWER_MS) {
    return this.wire.until((got) => this.#packets(got).filter((p) => p.type === type)[skip], ms)
  }

  end() {
    this.wire.end()
  }

  reset() {
    this.wire.reset()
  }
}

// ---- registration ----

export class Device {
  // KEY is of the device; TOKEN makes what it logs in with.
  constructor(world, id, key) {
    this.world = world
    this.id = id
    this.key = key
  }

  static ofGroup(world, id, groupKey = world.groupKey) {
    return new Device(world, id, deriveKey(groupKey, id))
  }

  get resource() {
    return `${this.world.scope}/registrations/${this.id}`
  }

  token() {
    return sasToken(this.resource, this.key, 'registration')
  }

  connectPacket(token = this.token()) {
    return mqtt.connect(`${this.resource}/api-version=2019-03-31`, token)
  }

  httpRequest(token = this.token(), body = JSON.stringify({ registrationId: this.id })) {
    return (
      `PUT /${this.resource}/register?api-version=2021-06-01 HTTP/1.1\r\nHost: localhost\r\n` +
      `Content-Type: application/json\r\nAuthorization: ${token}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    )
  }

  // The status a registration came to: 'assigned', or a number of HTTP, or undefined when the peer hung up.
  async register(transport, options) {
    if (transport === 'http') return this.#registerHttp(options)
    const talk = await Talk.open(this.world, transport, options)
    try {
      talk.write(this.connectPacket(), mqtt.subscribe(), mqtt.publish(REGISTER, '{}'))
      const answer = await talk.until(3)
      if (answer === undefined) return undefined
      const { topic, payload } = publication(answer)
      talk.write(mqtt.disconnect)
      return JSON.parse(payload).status ?? Number(topic.slice(23, 26))
    } finally {
      talk.end()
    }
  }

  async #registerHttp(options) {
    const wire = await this.world.connect(this.world.daemon.httpsPort, options)
    try {
      wire.write(this.httpRequest())
      const status = await wire.until((got) => statuses(got)[0], ANSWER_MS)
      const body = wire.got.toString().split('\r\n\r\n')[1] ?? ''
      return status === 202 ? JSON.parse(body).status : status
    } finally {
      wire.end()
    }
  }

  // Says all of it and is gone before the answer.
  async registerAndVanish(transport, options) {
    const port = transport === 'http' ? this.world.daemon.httpsPort : this.world.daemon.mqttsPort
    const wire = await this.world.connect(port, options)
    const said =
      transport === 'http'
        ? this.httpRequest()
        : Buffer.concat([this.connectPacket(), mqtt.subscribe(), mqtt.publish(REGISTER, '{}')])
    await wire.write(said)
    wire.reset()
  }

  // ---- in its hub ----

  async session(transport = 'mqtt', hub = this.world.hub, keepAlive = 60, options = undefined) {
    const talk = await Talk.open(this.world, transport, options)
    const token = sasToken(`${hub}/devices/${this.id}`, this.key)
    talk.write(
      mqtt.connect(`${hub}/${this.id}/?${HUB_API}`, token, keepAlive, 0xc0, this.id),
      mqtt.subscribe('$iothub/twin/res/#', 1),
      mqtt.subscribe('$iothub/twin/PATCH/properties/desired/#', 2),
    )
    const connack = await talk.until(2)
    if (connack === undefined || connack.body[1] !== 0) {
      talk.end()
      return undefined
    }
    return talk
  }

  telemetry(talk, n, payload = JSON.stringify({ n, at: 'soak' })) {
    const bag = `idx=${n}&%24.ct=application%2Fjson&line=north`
    return talk.write(
      mqtt.publish(`devices/${this.id}/messages/events/${bag}`, payload, 0x32, 100 + n),
    )
  }

  async readTwin(talk, rid) {
    talk.write(mqtt.publish(`$iothub/twin/GET/?$rid=${rid}`, '', 0x30))
    return talk.until(3)
  }

  report(talk, rid, values) {
    return talk.write(
      mqtt.publish(
        `$iothub/twin/PATCH/properties/reported/?$rid=${rid}`,
        JSON.stringify(values),
        0x30,
      ),
    )
  }
}

// ---- tokens as people get them wrong: the list of docs/errors.md and keys.md ----

const hmac = (key, text) => createHmac('sha256', key).update(text).digest('base64')
const hour = 3600

function signed({
  sr,
  key,
  se = Math.floor(Date.now() / 1000) + hour,
  text,
  sigText,
  skn = 'registration',
}) {
  const sig = hmac(key, text ?? `${sr}\n${se}`)
  return `SharedAccessSignature sr=${sr}&sig=${sigText ? sigText(sig) : encodeURIComponent(sig)}&se=${se}&skn=${skn}`
}

// name: (what is needed) => token. Every one is refused.
export const mistakes = (() => {
  const derived = (f) => (c) => signed({ sr: c.sr, key: Buffer.from(f(c), 'base64') })
  const group = (c) => Buffer.from(c.groupKey, 'base64')
  return {
    'base64 text as group key': derived((c) => hmac(c.groupKey, c.id)),
    'the same without padding': derived((c) => hmac(c.groupKey.replace(/=+$/, ''), c.id)),
    'ID in upper case': derived((c) => hmac(group(c), c.id.toUpperCase())),
    'ID with LF': derived((c) => hmac(group(c), `${c.id}\n`)),
    'ID with CR LF': derived((c) => hmac(group(c), `${c.id}\r\n`)),
    'ID in quotes': derived((c) => hmac(group(c), `"${c.id}"`)),
    'ID as UTF-16': derived((c) => hmac(group(c), Buffer.from(c.id, 'utf16le'))),
    'arguments swapped': derived((c) => hmac(c.id, group(c))),
    'SHA-256 instead of HMAC': derived((c) =>
      createHash('sha256').update(group(c)).update(c.id).digest('base64'),
    ),
    'derived twice': derived((c) => hmac(Buffer.from(c.key, 'base64'), c.id)),
    'key text signed': (c) => signed({ sr: c.sr, key: c.key }),
    'hex of the key': (c) =>
      signed({ sr: c.sr, key: Buffer.from(c.key, 'base64').toString('hex') }),
    'group key itself': (c) => signed({ sr: c.sr, key: group(c) }),
    'decoded sr signed': (c) => {
      const se = Math.floor(Date.now() / 1000) + hour
      const text = `${decodeURIComponent(c.sr)}\n${se}`
      return signed({ sr: c.sr, se, text, key: Buffer.from(c.key, 'base64') })
    },
    'no LF': (c) => {
      const se = Math.floor(Date.now() / 1000) + hour
      return signed({ sr: c.sr, se, text: `${c.sr}${se}`, key: Buffer.from(c.key, 'base64') })
    },
    'CR LF': (c) => {
      const se = Math.floor(Date.now() / 1000) + hour
      return signed({ sr: c.sr, se, text: `${c.sr}\r\n${se}`, key: Buffer.from(c.key, 'base64') })
    },
    expired: (c) =>
      signed({
        sr: c.sr,
        se: Math.floor(Date.now() / 1000) - 2 * hour,
        key: Buffer.from(c.key, 'base64'),
      }),
    'another scope': (c) =>
      signed({ sr: c.sr.replace(/^0ne/, '0nf'), key: Buffer.from(c.key, 'base64') }),
    'another ID': (c) => signed({ sr: `${c.sr}x`, key: Buffer.from(c.key, 'base64') }),
    'of a hub': (c) =>
      signed({ sr: `localhost%2Fdevices%2F${c.id}`, key: Buffer.from(c.key, 'base64') }),
    'a key from nowhere': (c) => signed({ sr: c.sr, key: randomBytes(32) }),
    "another group's key": (c) =>
      signed({
        sr: c.sr,
        key: Buffer.from(hmac(Buffer.from(c.otherKey, 'base64'), `not-${c.id}`), 'base64'),
      }),
    'no token': () => 'SharedAccessSignature',
  }
})()

export function mistaken(device, name) {
  const { world, id, key } = device
  const sr = encodeURIComponent(device.resource)
  return mistakes[name]({ sr, id, key, groupKey: world.groupKey, otherKey: world.otherKey })
}
