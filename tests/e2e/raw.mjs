// Bare TLS and TCP connections, MQTT packets and process figures: what attacks are made of.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'

const WAIT_MS = 60_000 // for an answer; sanitizers and a busy machine included

// A connection whose bytes are written and read as they are. Errors end it quietly: whoever
// attacks is often cut off.
export class Wire {
  got = Buffer.alloc(0)
  ended = false

  // UNDER is the TCP socket under a TLS one.
  constructor(socket, under = socket) {
    this.socket = socket
    this.under = under
    this.waiters = new Set()
    socket.setNoDelay(true)
    socket.on('data', (part) => this.#take(part))
    for (const name of ['error', 'end', 'close'])
      socket.on(name, () => {
        this.ended = true
        this.#wake()
      })
  }

  #take(part) {
    this.got = Buffer.concat([this.got, part])
    this.#wake()
  }

  #wake() {
    for (const wake of this.waiters) wake()
  }

  write(bytes) {
    return new Promise((resolve) => {
      if (this.socket.destroyed) resolve()
      else this.socket.write(bytes, resolve)
    })
  }

  // Waits until TEST(bytes) gives something, or the peer ends; undefined then and in the end.
  async until(test, ms = WAIT_MS) {
    const end = Date.now() + ms
    for (;;) {
      const found = test(this.got)
      if (found !== undefined && found !== false) return found
      if (this.ended || Date.now() >= end) return undefined
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, end - Date.now()))
        const wake = () => {
          clearTimeout(timer)
          this.waiters.delete(wake)
          resolve()
        }
        this.waiters.add(wake)
      })
    }
  }

  // True when the peer ended the connection in time.
  async closed(ms = WAIT_MS) {
    await this.until(() => undefined, ms)
    return this.ended
  }

  // With a reset, so that the peer finds it gone in the middle of whatever it does.
  reset() {
    this.under.resetAndDestroy()
    this.socket.destroy()
  }

  end() {
    this.socket.destroy()
  }
}

async function connectTcp(port, options) {
  const socket = net.connect({ port, host: '127.0.0.1', ...options })
  await once(socket, 'connect')
  return socket
}

export async function openTls(daemon, port, options = {}) {
  const under = await connectTcp(port, options)
  const socket = tls.connect({ socket: under, servername: 'localhost', ca: daemon.ca, ...options })
  await once(socket, 'secureConnect')
  return new Wire(socket, under)
}

// Between TLS and its socket: while shut it keeps the records, so that they leave together.
class Gate extends Duplex {
  kept = undefined

  constructor(under) {
    super()
    this.under = under
    under.on('data', (part) => this.push(part))
    under.on('end', () => this.push(null))
    under.on('error', () => this.push(null))
  }

  _read() {}

  _write(chunk, encoding, done) {
    if (this.kept === undefined) this.under.write(chunk)
    else this.kept.push(chunk)
    done()
  }

  shut() {
    this.kept = []
  }

  // Lets them go, with MORE behind: bytes that TLS knows nothing of.
  open(more) {
    this.under.write(Buffer.concat([...this.kept, more]))
    this.kept = undefined
  }
}

export async function openGated(daemon, port) {
  const under = await connectTcp(port)
  const gate = new Gate(under)
  const socket = tls.connect({ socket: gate, servername: 'localhost', ca: daemon.ca })
  await once(socket, 'secureConnect')
  return Object.assign(new Wire(socket, under), { gate })
}

export async function openTcp(port, options) {
  return new Wire(await connectTcp(port, options))
}

// ---- HTTP ----

// Status codes of the answers that have come whole.
export function statuses(bytes) {
  const found = []
  let rest = bytes.toString('latin1')
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return found
    const head = rest.slice(0, end)
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1])
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
    if (rest.length < end + 4 + length) return found
    found.push(status)
    rest = rest.slice(end + 4 + length)
  }
}

// The status of the first answer to BYTES, undefined when none came.
export async function ask(daemon, bytes) {
  const wire = await openTls(daemon, daemon.httpsPort)
  wire.write(bytes)
  const status = await wire.until((got) => statuses(got)[0])
  wire.end()
  return status
}

// ---- WebSocket ----

export function webSocketRequest() {
  const fields = [
    ...['Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade'],
    ...[`Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`, 'Sec-WebSocket-Version: 13'],
    'Sec-WebSocket-Protocol: mqtt',
  ]
  return `GET /$iothub/websocket HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`
}

// A head that promises N bytes in a length of FORM bytes, masked with zeros.
export function webSocketFrame(first, n, form = 0, mask = 0x80) {
  const size = Buffer.alloc(form)
  if (form === 2) size.writeUInt16BE(n)
  if (form === 8) size.writeBigUInt64BE(BigInt(n))
  const second = mask | (form === 0 ? n : form === 2 ? 126 : 127)
  return Buffer.concat([Buffer.from([first, second]), size, Buffer.alloc(mask ? 4 : 0)])
}

// ---- MQTT ----

const u16 = (n) => Buffer.from([n >> 8, n & 255])
const text = (s) => Buffer.concat([u16(Buffer.byteLength(s)), Buffer.from(s)])

export function packet(first, ...parts) {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)))
  const length = []
  let n = body.length
  do {
    length.push((n & 127) | (n > 127 ? 128 : 0))
    n >>= 7
  } while (n > 0)
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

export const mqtt = {
  connect: (user, password, keepAlive = 60, flags = 0xc2, id = 'client') => {
    const credentials = [text(id), text(user), text(password)]
    return packet(0x10, text('MQTT'), [4, flags], u16(keepAlive), ...credentials)
  },
  subscribe: (filter = '$dps/registrations/res/#', id = 1) =>
    packet(0x82, u16(id), text(filter), [1]),
  unsubscribe: (filter = '$dps/registrations/res/#', id = 1) => packet(0xa2, u16(id), text(filter)),
  publish: (topic, payload = '', first = 0x32, id = 7) =>
    packet(first, text(topic), first & 6 ? u16(id) : [], Buffer.from(payload)),
  register: (payload = '', rid = '1') =>
    mqtt.publish(`$dps/registrations/PUT/iotdps-register/?$rid=${rid}`, payload),
  ping: packet(0xc0),
  disconnect: packet(0xe0),
  text,
  u16,
}

// The packets in BYTES that have come whole: {type, body}.
export function packets(bytes) {
  const found = []
  let at = 0
  for (;;) {
    let n = 0
    let i = at + 1
    for (let shift = 0; ; shift += 7, i++) {
      if (i >= bytes.length) return found
      n |= (bytes[i] & 127) << shift
      if (bytes[i] < 128) break
    }
    const from = i + 1
    if (bytes.length < from + n) return found
    found.push({ type: bytes[at] >> 4, body: bytes.subarray(from, from + n) })
    at = from + n
  }
}

// Topic and payload of a QoS 1 publish, as the daemon sends its answers.
export function publication({ body }) {
  const n = body.readUInt16BE(0)
  return { topic: body.subarray(2, 2 + n).toString(), payload: body.subarray(2 + n + 2).toString() }
}

// ---- the process ----

export const fileCount = (pid) => readdirSync(`/proc/${pid}/fd`).length

export function residentKiB(pid) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
}

// Waits until the process has at most COUNT files open; what it had in the end.
export async function settleFiles(pid, count, ms = WAIT_MS) {
  const end = Date.now() + ms
  while (fileCount(pid) > count && Date.now() < end) await sleep(50)
  return fileCount(pid)
}

// Has a process of this machine still a socket from PORT to PEER_PORT? What the kernel alone still holds has no inode.
function isHeld(port, peerPort) {
  const hex = (n) => `:${n.toString(16).toUpperCase().padStart(4, '0')}`
  return ['tcp', 'tcp6']
    .flatMap((name) => readFileSync(`/proc/net/${name}`, 'utf8').trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .some(([, local, remote, ...rest]) => local.endsWith(hex(port)) && remote.endsWith(hex(peerPort)) && rest[6] !== '0')
}

// Waits, without reading from WIRE, until the daemon behind PORT has closed its end, or the time is up.
export async function letGo(port, wire, ms = WAIT_MS) {
  const end = Date.now() + ms
  while (isHeld(port, wire.under.localPort) && Date.now() < end) await sleep(500)
}
