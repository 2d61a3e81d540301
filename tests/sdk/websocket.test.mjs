// Independent WebSocket clients against the daemon: the ws package, which checks the framing of
// what it receives, and bytes by hand where a good client would not send them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import tls from 'node:tls'
import WebSocket from 'ws'
import { Daemon } from './daemon.mjs'

const PATH = '/$iothub/websocket'
const PATIENCE_MS = 60_000 // a busy machine included

// A string as MQTT has it: its length first.
const text = (string) => {
  const bytes = Buffer.from(string)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}

let daemon

before(async () => {
  daemon = await new Daemon(['--hostname', 'localhost']).start()
})

after(async () => {
  await daemon?.stop()
})

const options = (more) => ({ ca: daemon.ca, ...more })

async function open(protocols = 'mqtt', { path = PATH, ...more } = {}) {
  const socket = new WebSocket(`wss://localhost${path}`, protocols, options(more))
  await once(socket, 'open')
  return socket
}

// CONNECT of a registration ID that nobody enrolled: it gets CONNACK 0 all the same, as Azure does.
function connectPacket() {
  const body = Buffer.concat([
    text('MQTT'),
    Buffer.from([4, 0xc2, 0, 60]),
    text('dev1'),
    text(
      `${daemon.profile.idScope}/registrations/dev1/api-version=2019-03-31&ClientVersion=websocket`,
    ),
    text('SharedAccessSignature sr=x&sig=eA%3D%3D&se=1'),
  ])
  assert.ok(body.length >= 128) // a length of two bytes
  return Buffer.concat([Buffer.from([0x10, 0x80 | (body.length & 127), body.length >> 7]), body])
}

const PING = Buffer.from([0xc0, 0])
const repeated = (bytes, times) => Buffer.concat(Array.from({ length: times }, () => bytes))
const CONNACK = Buffer.from([0x20, 2, 0, 0])
const PONG = Buffer.from([0xd0, 0])

// The next N bytes of MQTT, however framed.
async function take(socket, n) {
  let bytes = Buffer.alloc(0)
  while (bytes.length < n) {
    const [data, isBinary] = await once(socket, 'message')
    assert.ok(isBinary)
    bytes = Buffer.concat([bytes, data])
  }
  return bytes
}

// Asks until ASK says yes: the log and a connection's end come when they come.
async function until(ask) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    if (await ask()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.ok(await ask(), `${ask}`)
}

describe('the handshake', () => {
  for (const [path, protocol] of [
    [PATH, 'mqtt'],
    [PATH, 'MQTT'],
    ['/', 'mqtt'],
    ['/%24iothub/websocket', 'mqtt'],
    [`${PATH}?iothub-no-client-cert=true`, 'mqtt'],
  ]) {
    test(`${path} with ${protocol}`, async () => {
      const socket = await open(protocol, { path, origin: 'https://elsewhere' })
      assert.equal(socket.protocol, protocol)
      assert.equal(socket.extensions, '')
      socket.terminate()
    })
  }

  for (const [protocols, status, reason] of [
    ['AMQPWSB10', 501, 'AMQP_UNSERVED'],
    ['chat', 400, 'WEBSOCKET_PROTOCOL'],
    [[], 400, 'WEBSOCKET_PROTOCOL'],
  ]) {
    test(`subprotocol ${protocols.length ? protocols : 'missing'}: ${reason}`, async () => {
      const socket = new WebSocket(`wss://localhost${PATH}`, protocols, options())
      const [request, answer] = await once(socket, 'unexpected-response')
      assert.equal(answer.statusCode, status)
      request.destroy()
      const line = new RegExp(`"websocket refused".*"reason":"${reason}"`)
      await until(() => line.test(daemon.stderr))
      const metrics = await daemon.metrics()
      assert.ok(metrics[`berth_refusals_total{reason="${reason}"}`] > 0)
    })
  }
})

describe('frames', () => {
  test('a packet a frame', async () => {
    const socket = await open()
    socket.send(connectPacket())
    assert.deepEqual(await take(socket, 4), CONNACK)
    socket.send(PING)
    assert.deepEqual(await take(socket, 2), PONG)
    socket.terminate()
  })

  test('a frame a byte, then many packets in one', async () => {
    const socket = await open()
    for (const byte of connectPacket()) socket.send(Buffer.from([byte]))
    assert.deepEqual(await take(socket, 4), CONNACK)
    socket.send(repeated(PING, 500))
    assert.deepEqual(await take(socket, 1000), repeated(PONG, 500))
    socket.terminate()
  })

  test('fragments with pings between them', async () => {
    const socket = await open()
    const packet = connectPacket()
    const pongs = []
    socket.on('pong', (data) => pongs.push(data.toString()))
    for (let i = 0; i < packet.length; i++) {
      socket.send(packet.subarray(i, i + 1), { fin: i === packet.length - 1 })
      if (i % 50 === 0) socket.ping(`${i}`)
    }
    assert.deepEqual(await take(socket, 4), CONNACK)
    assert.deepEqual(pongs, ['0', '50', '100'])
    socket.terminate()
  })

  test('a frame of 90 KiB', async () => {
    const socket = await open()
    socket.send(connectPacket())
    await take(socket, 4)
    // SUBSCRIBEs to a filter that is not granted, together over 64 KiB: a length of eight bytes
    const filter = Buffer.concat([Buffer.from([0, 1]), text('x'.repeat(20)), Buffer.from([1])])
    const subscribe = Buffer.concat([Buffer.from([0x82, filter.length]), filter])
    socket.send(repeated(subscribe, 3500))
    const answers = await take(socket, 3500 * 5)
    assert.ok(answers.equals(repeated(Buffer.from([0x90, 3, 0, 1, 0x80]), 3500)))
    socket.terminate()
  })
})

describe('the end', () => {
  test('the client closes: its status comes back', async () => {
    const socket = await open()
    socket.close(1001, 'going')
    const [code] = await once(socket, 'close')
    assert.equal(code, 1001)
  })

  test('DISCONNECT: closed normally', async () => {
    const socket = await open()
    socket.send(Buffer.concat([connectPacket(), Buffer.from([0xe0, 0])]))
    const [code] = await once(socket, 'close')
    assert.equal(code, 1000)
  })

  test('text instead of binary: 1003', async () => {
    const socket = await open()
    socket.send('text')
    const [code] = await once(socket, 'close')
    assert.equal(code, 1003)
  })

  test('a frame over its bound: 1009', async () => {
    const socket = await open()
    socket.on('error', () => {}) // the daemon does not wait for the rest
    socket.send(Buffer.alloc(1024 * 1024 + 1))
    const [code] = await once(socket, 'close')
    assert.equal(code, 1009)
  })

  // By hand: the ws package masks and numbers its frames well.
  for (const [name, bytes] of [
    ['a frame without mask', [0x82, 1, 0]],
    ['a reserved bit', [0xc2, 0x81, 0, 0, 0, 0, 0]],
    ['a continuation of nothing', [0x80, 0x81, 0, 0, 0, 0, 0]],
  ]) {
    test(`${name}: 1002`, async () => {
      const socket = tls.connect({ host: 'localhost', port: 443, ca: daemon.ca })
      socket.write(
        `GET ${PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
          'Sec-WebSocket-Protocol: mqtt\r\n\r\n',
      )
      socket.write(Buffer.from(bytes))
      const answer = Buffer.concat(await socket.toArray()).toString('latin1')
      assert.match(answer, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/)
      assert.ok(answer.endsWith('\r\n\r\n\x88\x02\x03\xea'))
    })
  }

  test('none of them is left', async () => {
    await until(async () => (await daemon.metrics()).berth_connections_open === 0)
  })
})
