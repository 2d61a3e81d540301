// The besiegers of siege.mjs, in a process of their own: so many peers of each sort, each opened again
// when the daemon has ended it. Also the list of sorts.
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { deriveKey, sasToken } from '../sdk/rest.mjs'
import { mqtt, webSocketFrame, webSocketRequest } from './raw.mjs'

const DRIP_MS = 4000 // between two bytes of a slow peer
const AGAIN_MS = 500 // before a peer that was ended comes back
const GARBAGE_MS = 5000 // the same for one that cannot stay
const OPENING_MAX = 32 // handshakes under way: the daemon is what is tested, not this process
// Its answers are more than both kernels hold for a connection.
const FLOOD = Buffer.from('GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1000))
const BYTE = Buffer.from('a')
const LONG = 100_000 // bytes promised; over 65,535, so a frame says it in eight bytes

let siege
let ceased = false
const peers = []
const connected = (socket, name) =>
  new Promise((resolve, reject) => {
    socket.once(name, resolve)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed')))
  })

async function openTcp(door) {
  const socket = net.connect({ port: siege.ports[door], host: '127.0.0.1' })
  await connected(socket, 'connect')
  return socket
}

async function openTls(door) {
  const socket = tls.connect({
    ...{ port: siege.ports[door], host: '127.0.0.1', servername: 'localhost' },
    secureContext: (siege.context ??= tls.createSecureContext({ ca: siege.ca })),
  })
  await connected(socket, 'secureConnect')
  return socket
}

const resource = (id) => `${siege.idScope}/registrations/${id}`
const token = (id) => sasToken(resource(id), deriveKey(siege.groupKey, id), 'registration')
const login = (id, keepAlive) =>
  mqtt.connect(`${resource(id)}/api-version=2019-03-31`, token(id), keepAlive, 0xc2, id)

function head(id, more) {
  return (
    `PUT /${resource(id)}/register?api-version=2021-06-01 HTTP/1.1\r\nHost: localhost\r\n` +
    `Content-Type: application/json\r\nAuthorization: ${token(id)}\r\n${more}`
  )
}

// Each opens a connection and says how it goes on: {socket, drip}, where DRIP follows now and then, for
// ever.
const ways = {
  async 'slow handshake'() {
    const socket = await openTcp('https')
    socket.write(Buffer.from('16030102000100', 'hex'))
    return { socket, drip: BYTE }
  },
  async 'TLS, then silent'() {
    return { socket: await openTls('https') }
  },
  async 'slow header'(id) {
    const socket = await openTls('https')
    socket.write(head(id, 'X-Slow: '))
    return { socket, drip: BYTE }
  },
  async 'slow body'(id) {
    const socket = await openTls('https')
    socket.write(head(id, `Content-Length: ${LONG}\r\n\r\n{"payload":"`))
    return { socket, drip: BYTE }
  },
  // Asks for more than it would get, and reads nothing of it.
  async 'never reads'() {
    const socket = await openTls('https')
    socket.pause()
    socket.write(FLOOD)
    return { socket, deaf: true }
  },
  async 'half a CONNECT'(id) {
    const socket = await openTls('mqtts')
    socket.write(login(id, 20).subarray(0, 40))
    return { socket, drip: BYTE }
  },
  async 'MQTT, then silent'(id) {
    const socket = await openTls('mqtts')
    socket.write(Buffer.concat([login(id, 20), mqtt.subscribe()]))
    return { socket }
  },
  async 'WebSocket frame without end'(id) {
    const socket = await openTls('https')
    socket.write(webSocketRequest())
    await connected(socket, 'data')
    socket.write(Buffer.concat([webSocketFrame(0x82, LONG, 8), login(id, 20).subarray(0, 40)]))
    return { socket, drip: BYTE }
  },
  async 'garbage, again and again'() {
    const socket = await openTcp(Math.random() < 0.5 ? 'https' : 'mqtts')
    socket.write(randomBytes(500))
    return { socket }
  },
}

export const sorts = Object.keys(ways)

// One peer for as long as the siege lasts.
async function besiege(peer) {
  while (!ceased) {
    try {
      const { socket, drip, deaf } = await ways[peer.sort](peer.id)
      if (!deaf) socket.resume()
      socket.on('error', () => {})
      Object.assign(peer, { socket, drip })
      peer.stood?.()
      await new Promise((resolve) => socket.once('close', resolve))
    } catch {
      // turned away: it comes again
    }
    peer.socket = undefined
    await sleep(peer.sort.startsWith('garbage') ? GARBAGE_MS : AGAIN_MS)
  }
}

async function begin(message) {
  siege = message
  for (let i = 0; i < message.begin; i += OPENING_MAX) {
    const some = Array.from({ length: Math.min(OPENING_MAX, message.begin - i) }, (_, k) => i + k)
    await Promise.all(
      some.map((n) => {
        const peer = { sort: sorts[n % sorts.length], id: `${siege.name}-${n}` }
        peers.push(peer)
        const stood = new Promise((resolve) => Object.assign(peer, { stood: resolve }))
        besiege(peer)
        return Promise.race([stood, sleep(5000)])
      }),
    )
  }
  setInterval(() => {
    if (ceased) return
    for (const { socket, drip } of peers)
      if (socket?.writableLength === 0 && drip !== undefined) socket.write(drip)
  }, DRIP_MS)
}

const held = () =>
  Object.fromEntries(
    sorts.map((sort) => [
      sort,
      peers.filter((peer) => peer.sort === sort && peer.socket !== undefined).length,
    ]),
  )

// What never reads would never see that it was ended either.
function cease() {
  ceased = true
  setTimeout(() => {
    for (const { sort, socket } of peers) if (sort === 'never reads') socket?.resume()
  }, 32_000)
}

if (process.send !== undefined)
  process.on('message', async (message) => {
    if (message.begin !== undefined) await begin(message)
    if (message.cease) cease()
    process.send(held())
  })
