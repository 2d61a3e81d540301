// Peers that mean harm, against the real daemon: each attack is bounded, and after each the daemon
// must still serve. In the end nothing may be left of them: no file, no memory, no report.
//
// usage: BERTH=.. node hostile.mjs [attack ..]
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../sdk/daemon.mjs'
import {
  call,
  deriveKey,
  hubConnectionString,
  parseConnectionString,
  request,
  sasToken,
} from '../sdk/rest.mjs'
import {
  ask,
  fileCount,
  letGo,
  mqtt,
  openGated,
  openTcp,
  openTls,
  packet,
  packets,
  publication,
  residentKiB,
  settleFiles,
  statuses,
  webSocketFrame,
  webSocketRequest,
} from './raw.mjs'

const GROUP = 'hostile'
const KEY = Buffer.alloc(64, 7).toString('base64')
const DPS = 'api-version=2021-10-01'
const HUB = 'api-version=2021-04-12'
const GROWTH_MAX_KIB = 200 * 1024 // of the whole process under ASan, all attacks together
const STOP_MS = 60_000
const SLOW_MS = 180_000 // the longest deadline of a slow peer is 30 s; a busy machine included
const FEW_FILES = 260 // 160 of them are no connection's: docs/operations.md

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

const opsPort = await freePort()
const daemon = new Daemon(
  [
    ...['--hostname', 'localhost', '--listen', '127.0.0.1', '--loops', '2'],
    ...['--https-port', '0', '--mqtts-port', '0', '--ops-port', String(opsPort)],
    ...['--peer-failures-per-min', '0', '--log-level', 'error'],
  ],
  // What is freed must not count as memory in use for long.
  { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=8` },
)

// ---- what attacks are made of ----

const resource = (id) => `${daemon.profile.idScope}/registrations/${id}`
const token = (id) => sasToken(resource(id), deriveKey(KEY, id), 'registration')
const login = (id, ...more) =>
  mqtt.connect(`${resource(id)}/api-version=2019-03-31`, token(id), ...more)
const service = (...more) => call(daemon, daemon.profile.connectionString, ...more)
const GET = 'GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n'
const groupPath = `/enrollmentGroups/${GROUP}?${DPS}`
const group = {
  enrollmentGroupId: GROUP,
  attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: KEY, secondaryKey: KEY } },
}

function httpRegister(id, body = '{}') {
  return (
    `PUT /${resource(id)}/register?api-version=2021-06-01 HTTP/1.1\r\nHost: localhost\r\n` +
    `Content-Type: application/json\r\nAuthorization: ${token(id)}\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

const post = (fields, body) => `POST /x HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n\r\n${body}`

// The MQTT answers to BYTES once TEST(packets) holds, and whether the daemon hung up.
async function converse(bytes, test = () => false, ms = undefined) {
  const wire = await openTls(daemon, daemon.mqttsPort)
  wire.write(Buffer.concat(bytes.map((part) => Buffer.from(part))))
  await wire.until((got) => test(packets(got)), ms)
  const answer = { packets: packets(wire.got), closed: wire.ended }
  wire.end()
  return answer
}

const published = (list) => list.filter(({ type }) => type === 3)
const topics = (list) => published(list).map((one) => publication(one).topic)

// ---- HTTP ----

async function smuggling() {
  const both = ['Content-Length: 4', 'Transfer-Encoding: chunked']
  const two = 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'
  const refused = [
    post(both.join('\r\n'), `0\r\n\r\n${GET}`),
    post([...both].reverse().join('\r\n'), `0\r\n\r\n${GET}`),
    post('Content-Length: 0\r\nContent-Length: 0', GET),
    post('Content-Length: 5, 5', `hello${GET}`),
    post('Content-Length: +5', `hello${GET}`),
    post('Transfer-Encoding: xchunked', `0\r\n\r\n${GET}`),
    post(two, `0\r\n\r\n${GET}`),
    `GET /x HTTP/1.1\r\nHost : localhost\r\n\r\n${GET}`,
    `GET /x HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n${GET}`,
    post('Transfer-Encoding : chunked', `0\r\n\r\n${GET}`),
    post('Transfer-Encoding:\r\n chunked', `0\r\n\r\n${GET}`),
    post('Transfer-Encoding: chunked', '1;a\nx\r\n0\r\n\r\n'),
    post('Transfer-Encoding: chunked', '1\r\nx\r\n0\r\nA: b\r\n\r\n'),
    'GET /x HTTP/1.1\nHost: localhost\n\n',
    'GET /x HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n',
    'GET /x HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n',
    `GET /x HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n`,
  ]
  for (const bytes of refused) {
    const wire = await openTls(daemon, daemon.httpsPort)
    wire.write(bytes)
    assert.ok(await wire.closed(), bytes)
    assert.deepEqual(statuses(wire.got), [400], bytes)
  }
}

async function bounds() {
  const target = (n) => `GET /${'a'.repeat(n - 1)} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  const fields = (n) => `GET /x HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(n - 1)}\r\n`
  const header = (n) => `GET /x HTTP/1.1\r\nHost: h\r\nX: ${'v'.repeat(n - 16)}\r\n\r\n`
  const body = (n) => post(`Content-Length: ${n}`, 'z'.repeat(n))
  const chunks = (n) => post('Transfer-Encoding: chunked', `${'1\r\nz\r\n'.repeat(n)}0\r\n\r\n`)
  const cases = [
    [target, 4096, 414],
    [fields, 64, 431],
    [header, 16384, 431],
    [body, 128 * 1024, 413],
    [chunks, 128 * 1024, 413],
  ]
  for (const [make, max, over] of cases) {
    assert.equal(await ask(daemon, make(max)), 404, `${make.name} ${max}`)
    assert.equal(await ask(daemon, make(max + 1)), over, `${make.name} ${max + 1}`)
  }
  assert.equal(await ask(daemon, target(1 << 20)), 414)
  assert.equal(await ask(daemon, fields(100_000)), 431)
}

async function pipelining() {
  const wire = await openTls(daemon, daemon.httpsPort)
  const kinds = [
    (i) => httpRegister(`pipe-${i}`),
    () => GET,
    () => 'DELETE /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    () => post('Transfer-Encoding: chunked', '2\r\n{}\r\n0\r\n\r\n'),
  ]
  wire.write(Array.from({ length: 100 }, (_, i) => kinds[i % 4](i)).join(''))
  await wire.until((got) => statuses(got).length >= 100)
  assert.deepEqual(
    statuses(wire.got),
    Array.from({ length: 100 }, (_, i) => (i % 4 === 0 ? 202 : 404)),
  )
  wire.end()
}

async function byteByByte() {
  const web = await openTls(daemon, daemon.httpsPort)
  for (const byte of httpRegister('bytes-http')) await web.write(byte)
  assert.equal(await web.until((got) => statuses(got)[0]), 202)
  web.end()

  const wire = await openTls(daemon, daemon.mqttsPort)
  const said = Buffer.concat([login('bytes-mqtt'), mqtt.subscribe(), mqtt.register('{}')])
  for (const byte of said) await wire.write(Buffer.from([byte]))
  await wire.until((got) => published(packets(got)).length > 0)
  assert.match(topics(packets(wire.got))[0], /res\/200\//)
  wire.end()
}

async function gonePeers() {
  const rounds = Array.from({ length: 100 }, (_, i) => i)
  for (const i of rounds) {
    const web = await openTls(daemon, daemon.httpsPort)
    await web.write(httpRegister(`gone-http-${i}`) + GET.repeat(i))
    web.reset()
    const wire = await openTls(daemon, daemon.mqttsPort)
    await wire.write(Buffer.concat([login(`gone-mqtt-${i}`), mqtt.subscribe(), mqtt.register()]))
    if (i % 2) wire.reset()
    else wire.end()
  }
}

// A peer that does not read holds up itself alone, at a bounded price.
async function nobodyReads() {
  const wires = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      openTls(daemon, i % 2 ? daemon.httpsPort : daemon.mqttsPort),
    ),
  )
  const before = residentKiB(daemon.child.pid)
  const flood = Buffer.concat(Array.from({ length: 5000 }, () => mqtt.subscribe()))
  wires.forEach((wire, i) => {
    wire.socket.pause()
    if (i % 2 === 0) wire.write(login(`deaf-${i}`))
    for (let n = 0; n < 4; n++) wire.write(i % 2 ? GET.repeat(2000) : flood)
  })
  assert.equal(await ask(daemon, GET), 404)
  await sleep(500)
  const each = (residentKiB(daemon.child.pid) - before) / wires.length
  assert.ok(each < 2048, `${each} KiB each`)
  for (const wire of wires) wire.reset()
}

// A client that ends its side behind its last request reads on: with TLS's goodbye or without.
async function halfClosed() {
  const allowHalfOpen = true
  for (const rude of [false, true]) {
    const end = (wire) => (rude ? wire.under.end() : wire.socket.end())
    const web = await openTls(daemon, daemon.httpsPort, { allowHalfOpen })
    await web.write(httpRegister(`half-http-${rude}`))
    end(web)
    assert.equal(await web.until((got) => statuses(got)[0]), 202, `rude ${rude}`)
    assert.ok(await web.closed())
    web.end()

    const wire = await openTls(daemon, daemon.mqttsPort, { allowHalfOpen })
    await wire.write(Buffer.concat([login(`half-${rude}`), mqtt.subscribe(), mqtt.register('{}')]))
    end(wire)
    await wire.until((got) => published(packets(got)).length > 0)
    assert.match(topics(packets(wire.got))[0], /res\/200\//, `rude ${rude}`)
    assert.ok(await wire.closed())
    wire.end()
  }
}

// Every way to be slow has its deadline, also for a peer that sends a byte now and then.
async function slowPeers() {
  const tcp = await openTcp(daemon.httpsPort)
  const wires = { handshake: tcp }
  for (const name of ['header', 'body', 'reader'])
    wires[name] = await openTls(daemon, daemon.httpsPort)
  wires.connect = await openTls(daemon, daemon.mqttsPort)
  wires.frame = await openWebSocket()
  tcp.write(Buffer.from('16030102000100', 'hex'))
  wires.header.write('GET /x HTTP/1.1\r\nHost: localhost\r\nX: ')
  wires.body.write('POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n')
  let read = 0
  wires.reader.socket.removeAllListeners('data').pause()
  for (let n = 0; n < 20; n++) wires.reader.write(GET.repeat(2000)) // more than kernels hold
  wires.connect.write(login('slow').subarray(0, 40))
  wires.frame.write(webSocketFrame(0x82, 100_000, 8))
  const dripping = ['handshake', 'header', 'body', 'connect', 'frame']
  const drip = setInterval(() => {
    for (const name of dripping) wires[name].write('a')
  }, 1000)
  const reading = letGo(daemon.httpsPort, wires.reader, SLOW_MS).then(() =>
    wires.reader.socket.on('data', (part) => (read += part.length)).resume(),
  )
  try {
    for (const [name, wire] of Object.entries(wires))
      assert.ok(await wire.closed(SLOW_MS), `the slow ${name} is not ended`)
  } finally {
    clearInterval(drip)
    await reading
  }
  assert.deepEqual(statuses(wires.header.got), [408])
  assert.deepEqual(statuses(wires.body.got), [408])
  assert.ok(read < 40_000 * 200, `all that was asked for: ${read} bytes`) // an answer has over 200
  assert.equal(wires.connect.got.length, 0)
  for (const wire of Object.values(wires)) wire.end()
}

// ---- WebSocket ----

async function openWebSocket() {
  const wire = await openTls(daemon, daemon.httpsPort)
  wire.write(webSocketRequest())
  assert.equal(await wire.until((got) => statuses(got)[0]), 101)
  wire.got = Buffer.alloc(0)
  return wire
}

// A sample of what tests/unit/test_malformed_ws.c generates.
async function malformedFrames() {
  const cases = [
    ...Array.from({ length: 16 }, (_, op) => [webSocketFrame(0xc0 | op, 0), 1002]),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((op) => [webSocketFrame(0x80 | op, 0), 1002]),
    ...[8, 9, 10].map((op) => [webSocketFrame(op, 0), 1002]),
    ...[8, 9, 10].map((op) => [webSocketFrame(0x80 | op, 126, 2), 1002]),
    [webSocketFrame(0x82, 5, 0, 0), 1002],
    [webSocketFrame(0x80, 5), 1002],
    [webSocketFrame(0x82, 125, 2), 1002],
    [webSocketFrame(0x82, 65_535, 8), 1002],
    [webSocketFrame(0x82, 2n ** 63n, 8), 1002],
    [webSocketFrame(0x82, 2n ** 62n, 8), 1009],
    [webSocketFrame(0x81, 5), 1003],
    [Buffer.concat([webSocketFrame(0x02, 0), webSocketFrame(0x82, 0)]), 1002],
  ]
  for (const [bytes, code] of cases) {
    const wire = await openWebSocket()
    wire.write(bytes)
    assert.ok(await wire.closed(), bytes.toString('hex'))
    assert.equal(wire.got.toString('hex'), `8802${code.toString(16).padStart(4, '0')}`)
    wire.end()
  }
}

// ---- connection floods ----

// A daemon of its own with few files: it stops accepting while it still has some, for its store and for
// whoever asks how it is; says so; and takes up again.
async function connectionFlood() {
  const dir = mkdtempSync(join(tmpdir(), 'berth-flood-'))
  const few = join(dir, 'berth')
  const real = process.env.BERTH
  writeFileSync(few, `#!/bin/sh\nulimit -n ${FEW_FILES}\nexec '${real}' "$@"\n`, { mode: 0o700 })
  const port = await freePort()
  process.env.BERTH = few
  const flooded = new Daemon([
    ...['--hostname', 'localhost', '--listen', '127.0.0.1', '--loops', '2', '--https-port', '0'],
    ...['--mqtts-port', '0', '--ops-port', String(port)],
  ])
  try {
    await flooded.start()
  } finally {
    process.env.BERTH = real
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await flood(flooded, port)
    await flooded.stop()
  } finally {
    await flooded.kill()
    flooded.remove()
  }
}

async function flood(flooded, port) {
  const figure = async (name) => (await flooded.metrics(port))[`berth_${name}`]
  const until = async (test) => {
    const end = Date.now() + SLOW_MS
    while (!(await test())) {
      const figures = JSON.stringify(await flooded.metrics(port))
      assert.ok(Date.now() < end, `${test}: ${figures}\n${flooded.stderr}`)
      await sleep(100)
    }
  }
  const early = await openTls(flooded, flooded.httpsPort)
  const wires = []
  for (let i = 0; i < 2 * FEW_FILES; i++)
    wires.push(await openTcp(i % 2 ? flooded.httpsPort : flooded.mqttsPort))
  await until(async () => (await figure('connections_open')) === FEW_FILES - 160)
  await until(async () => (await figure('accepting_paused')) >= 2)
  assert.ok(fileCount(flooded.child.pid) < FEW_FILES - 100, 'a reserve of files')
  assert.match(flooded.stderr, /accepting pauses.*the most connections allowed are open/)
  early.write(GET)
  assert.equal(await early.until((got) => statuses(got)[0]), 404, 'present ones are served')
  early.end()
  for (const wire of wires) wire.reset()
  await until(async () => (await figure('accepting_paused')) === 0)
  assert.equal(await ask(flooded, GET), 404)
  assert.match(flooded.stderr, /accepting goes on/)
  assert.ok((await figure('accepting_pauses_total')) >= 2)
}

// ---- TLS ----

async function notTls() {
  for (let i = 0; i < 60; i++) {
    const wire = await openTcp(i % 2 ? daemon.httpsPort : daemon.mqttsPort)
    wire.write(i % 3 ? randomBytes(5 + i * 40) : GET)
    if (i % 4 === 0) wire.reset()
    else await wire.closed(20)
    wire.end()
  }
  const wire = await openTls(daemon, daemon.httpsPort, { maxVersion: 'TLSv1.2' })
  wire.socket.renegotiate({}, () => {})
  assert.ok(await wire.closed())
}

async function silence() {
  const wires = []
  for (let i = 0; i < 500; i++)
    wires.push(await openTcp(i % 2 ? daemon.httpsPort : daemon.mqttsPort))
  // A ClientHello that goes no further.
  for (const wire of wires.slice(0, 100)) wire.write(Buffer.from('1603010200010001fc0303', 'hex'))
  assert.equal(await ask(daemon, GET), 404)
  for (const wire of wires) wire.reset()
}

// Text that waited while a registration was under way is read after OpenSSL has given up.
async function brokenBehindWaiting() {
  for (let i = 0; i < 10; i++) {
    const wire = await openGated(daemon, daemon.mqttsPort)
    await wire.write(login(`broken-${i}`))
    await wire.until((got) => got.length >= 4)
    wire.gate.shut()
    const quiet = mqtt.publish('$dps/registrations/PUT/iotdps-register/?$rid=1', '', 0x30)
    await wire.write(Buffer.concat([quiet, ...Array.from({ length: 3000 }, () => mqtt.ping)]))
    wire.gate.open(Buffer.concat([Buffer.from([0x17, 3, 3, 0, 40]), Buffer.alloc(40, 1)]))
    assert.ok(await wire.closed())
    wire.end()
  }
}

// ---- MQTT ----

async function packetsOutOfOrder() {
  const flags = { 6: 2, 8: 2, 10: 2 }
  for (let type = 0; type < 16; type++) {
    const one = packet((type << 4) | (flags[type] ?? 0), [0, 1, 0, 1])
    const first = await converse([one])
    assert.deepEqual([first.packets.length, first.closed], [0, true], `type ${type} first`)
    const later = await converse([login('order'), one])
    assert.deepEqual([later.packets.length, later.closed], [1, true], `type ${type} later`)
  }
  const twice = await converse([login('order'), login('order')])
  assert.ok(twice.closed)
}

async function malformedPackets() {
  const topic = '$dps/registrations/PUT/iotdps-register/?$rid=1'
  const greeting = [login('malformed'), mqtt.subscribe()]
  const before = [
    [0x10, 0xff, 0xff, 0xff, 0xff, 0x7f],
    [0x10, 0xff, 0xff, 0xff, 0x7f],
    login('malformed', 60, 0xc3),
    login('malformed', 60, 0xe2),
    login('malformed', 60, 0x42),
    packet(0x10, mqtt.text('MQTT'), [4, 0xc2, 0, 0], mqtt.text('x'), [0, 2, 0xc3, 0x28]),
    mqtt.connect(`${resource('a')}/v`, 'x'.repeat(8192)),
  ]
  for (const bytes of before) {
    const answer = await converse([bytes])
    assert.deepEqual([answer.packets.length, answer.closed], [0, true], bytes.toString('hex'))
  }
  const after = [
    mqtt.register('x'.repeat(256 * 1024)),
    mqtt.publish(topic, '', 0x34),
    mqtt.publish(topic, '', 0x36),
    mqtt.publish(topic, '', 0x32, 0),
    mqtt.publish('', ''),
    mqtt.publish('$dps/registrations/PUT/+/#', ''),
    mqtt.publish('devices/x/messages/events/', ''),
    packet(0x30, [0, 4, 0x24, 0xc0, 0x80, 0xff]),
    packet(0x30, [0, 2, 0x24, 0]),
    mqtt.register('', 'r'.repeat(257)),
    packet(0x82, [0, 1], ...Array.from({ length: 1000 }, () => [0, 1, 0x61, 0])),
  ]
  for (const bytes of after) {
    const answer = await converse([...greeting, bytes])
    const name = bytes.toString('hex', 0, 60)
    assert.deepEqual([answer.packets.length, answer.closed], [2, true], name)
  }
}

async function oddButAllowed() {
  const will = packet(
    0x10,
    mqtt.text('MQTT'),
    [4, 0xee, 0, 0],
    mqtt.text('x'),
    mqtt.text('will/t'),
    mqtt.text('bye'),
    mqtt.text(`${resource('odd')}/v`),
    mqtt.text(token('odd')),
  )
  const topic = '$dps/registrations/PUT/iotdps-register/?$rid=1'
  const two = (list) => published(list).length >= 2
  const answer = await converse(
    [will, mqtt.subscribe(), mqtt.publish(topic, '', 0x33), mqtt.register('{}', '2')],
    two,
  )
  assert.deepEqual(
    topics(answer.packets),
    ['1', '2'].map((rid) => `$dps/registrations/res/200/?$rid=${rid}`),
  )
  const start = Date.now()
  const { closed } = await converse([login('odd', 1)])
  assert.ok(closed && Date.now() - start >= 1400, 'keep-alive')
}

async function floods() {
  const wire = await openTls(daemon, daemon.mqttsPort)
  const many = Buffer.concat(Array.from({ length: 500 }, () => mqtt.register('{}')))
  wire.write(Buffer.concat([login('flood'), mqtt.subscribe(), many]))
  await wire.until((got) => published(packets(got)).length >= 500)
  const codes = new Set(topics(packets(wire.got)).map((topic) => topic.slice(23, 26)))
  assert.deepEqual([...codes].sort(), ['200', '429'])
  wire.end()
}

// ---- service APIs ----

async function hostileDocuments() {
  const hub = await hubConnectionString(daemon)
  const members = Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`k${i}`, 1]))
  const texts = [
    '['.repeat(40_000) + ']'.repeat(40_000),
    `${'{"a":'.repeat(15_000)}1${'}'.repeat(15_000)}`,
    JSON.stringify(members),
    '{"enrollmentGroupId":"x","enrollmentGroupId":"x"}',
    '{"a":"\\ud800"}',
    '{"\\u0000":1}',
    '{"a":NaN}',
    Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    '{} x',
    'null',
    '',
  ]
  const authorization = (text) => {
    const { HostName, SharedAccessKeyName, SharedAccessKey } = parseConnectionString(text)
    return sasToken(HostName, SharedAccessKey, SharedAccessKeyName)
  }
  const targets = [
    ['PUT', `/enrollmentGroups/x?${DPS}`, authorization(daemon.profile.connectionString)],
    ['PUT', `/devices/x?${HUB}`, authorization(hub)],
    ['PATCH', `/twins/witness?${HUB}`, authorization(hub)],
  ]
  for (const text of texts)
    for (const [method, path, auth] of targets) {
      const head =
        `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${auth}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`
      const status = await ask(daemon, Buffer.concat([Buffer.from(head), Buffer.from(text)]))
      assert.equal(status, 400, `${method} ${path} ${text.toString().slice(0, 40)}`)
    }
}

async function hostilePaths() {
  const long = ['a'.repeat(129), 'a'.repeat(3900)]
  const ids = [...long, '%00', 'a%2fb', 'a%', 'a%zz', '%ff%fe', '%0d%0aX:y']
  for (const id of ids)
    for (const path of [`/enrollmentGroups/${id}`, `/devices/${id}`, `/${resource(id)}/register`]) {
      const status = await ask(daemon, `GET ${path}?${DPS} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      assert.ok([400, 401, 404, 405].includes(status), `${path.slice(0, 60)}: ${status}`)
    }
  for (const token of ['x', '!!!!', '%', '/+/+', 'a'.repeat(513)])
    await assert.rejects(
      service(
        'POST',
        `/enrollmentGroups/query?${DPS}`,
        { query: '*' },
        {
          'x-ms-continuation': token,
        },
      ),
      /: 400 /,
    )
}

// One group and its devices, changed and deleted from all sides at once.
async function contention() {
  const hub = await hubConnectionString(daemon)
  const agent = new https.Agent({ keepAlive: true, maxSockets: 24 })
  const end = Date.now() + 4000
  const seen = new Set()
  let n = 0
  const note = async (answer) => seen.add((await answer).status)
  const quietly = (promise) =>
    promise.catch((error) => assert.match(error.message, /: (404|409|412|429|503) /))
  const any = { 'If-Match': '*' }
  const jobs = [
    () => quietly(service('PUT', groupPath, group)),
    () => quietly(service('PUT', groupPath, group, any)),
    () => quietly(service('DELETE', groupPath)).then(() => sleep(40)),
    async () => {
      const { body } = await service('GET', groupPath).catch(() => ({}))
      if (body !== undefined)
        await Promise.all(
          [1, 2, 3].map(() => quietly(service('PUT', groupPath, group, { 'If-Match': body.etag }))),
        )
    },
    () => quietly(call(daemon, hub, 'DELETE', `/devices/many-${n++ % 20}?${HUB}`, undefined, any)),
    () => quietly(call(daemon, hub, 'PATCH', `/twins/many-${n++ % 20}?${HUB}`, { tags: { n } })),
    () => quietly(service('DELETE', `/registrations/many-${n++ % 20}?${DPS}`)),
    ...Array.from({ length: 4 }, () => async () => {
      const id = `many-${n++ % 20}`
      await note(
        request(daemon, {
          agent,
          method: 'PUT',
          path: `/${resource(id)}/register?api-version=2021-06-01`,
          headers: { Authorization: token(id) },
          body: { registrationId: id },
        }),
      )
    }),
    ...Array.from({ length: 4 }, () => async () => {
      const id = `many-${n++ % 20}`
      const answer = await converse(
        [login(id), mqtt.subscribe(), mqtt.register('{}', '1'), mqtt.register('{}', '2')],
        (list) => published(list).length >= 2,
      )
      for (const topic of topics(answer.packets)) seen.add(Number(topic.slice(23, 26)))
    }),
  ]
  await Promise.all(
    jobs.map(async (job) => {
      while (Date.now() < end) await job()
    }),
  )
  agent.destroy()
  await quietly(service('PUT', groupPath, group))
  assert.ok(seen.has(200) && seen.has(202), [...seen].join())
  // Unknown while the group is away, too often, or never twice the same: nothing else may go wrong.
  for (const status of seen) assert.ok([200, 202, 401, 429, 503].includes(status), String(status))
}

// ---- the run ----

async function health() {
  const asked = http.get({ host: '127.0.0.1', port: opsPort, path: '/healthz' })
  const [answer] = await once(asked, 'response')
  answer.resume()
  return answer.statusCode
}

// Both transports, and the device stands in the hub.
async function serves() {
  assert.equal(await ask(daemon, httpRegister('witness')), 202)
  const answer = await converse(
    [login('witness-2'), mqtt.subscribe(), mqtt.register('{}')],
    (list) => published(list).length > 0,
  )
  const { topic, payload } = publication(published(answer.packets)[0])
  assert.match(topic, /res\/200\//)
  assert.equal(JSON.parse(payload).status, 'assigned')
  const hub = await hubConnectionString(daemon)
  for (const id of ['witness', 'witness-2']) {
    const { body } = await call(daemon, hub, 'GET', `/devices/${id}?${HUB}`)
    assert.equal(body.status, 'enabled')
  }
  assert.equal(await health(), 200)
}

// Ends the daemon by SIGNALS in a row; its exit code, or undefined when it hangs.
async function end(...signals) {
  for (const signal of signals) daemon.child.kill(signal)
  const ended = await Promise.race([daemon.ended, sleep(STOP_MS, undefined, { ref: false })])
  assert.doesNotMatch(daemon.stderr, /(Address|Leak|Thread)Sanitizer|runtime error:/)
  return ended?.[0]
}

// Connections of all kinds are open, and half of them have just asked for something.
async function stopUnderLoad() {
  const wires = []
  for (let i = 0; i < 60; i++) {
    const port = i % 3 === 1 ? daemon.mqttsPort : daemon.httpsPort
    wires.push(i % 3 === 2 ? await openTcp(port) : await openTls(daemon, port))
  }
  wires.forEach((wire, i) => {
    const id = `stop-${i}`
    if (i % 3 === 0) wire.write(httpRegister(id) + GET + httpRegister(id))
    if (i % 3 === 1)
      wire.write(Buffer.concat([login(id), mqtt.subscribe(), mqtt.register(), mqtt.register()]))
  })
  await sleep(Math.random() * 30)
  assert.equal(await end('SIGTERM'), 0)
  for (const wire of wires) wire.end()
}

async function startsAndStops() {
  for (let i = 0; i < 6; i++) {
    await daemon.start()
    assert.equal(await end(i % 2 ? 'SIGINT' : 'SIGTERM'), 0)
  }
  await daemon.start()
  await serves()
  await stopUnderLoad()
  await daemon.start()
  // The second one ends it at once, unless the first already has.
  assert.ok([0, 143].includes(await end('SIGTERM', 'SIGTERM')))
  await daemon.start()
  await serves()
}

const attacks = [
  ...[smuggling, bounds, pipelining, byteByByte, gonePeers, nobodyReads],
  ...[halfClosed, slowPeers, malformedFrames, connectionFlood],
  ...[notTls, silence, brokenBehindWaiting],
  ...[packetsOutOfOrder, malformedPackets, oddButAllowed, floods],
  ...[hostileDocuments, hostilePaths, contention],
]
const chosen = process.argv.slice(2)
let passed = 0
let failed = 0

async function check(name, test) {
  const start = Date.now()
  try {
    await test()
    passed++
    console.log(`ok ${name} ${Date.now() - start} ms`)
  } catch (error) {
    failed++
    console.log(`FAILED ${name}: ${error.stack}`)
  }
}

process.on('exit', () => daemon.child?.kill('SIGKILL')) // also when this ends before its time
await daemon.start()
try {
  await service('PUT', groupPath, group)
  await serves()
  await sleep(100) // the witnesses' connections are none of the baseline
  const files = fileCount(daemon.child.pid)
  const memory = residentKiB(daemon.child.pid)
  for (const attack of attacks) {
    if (chosen.length > 0 && !chosen.includes(attack.name)) continue
    await check(attack.name, attack)
    assert.equal(daemon.child.exitCode, null, 'the daemon is gone')
  }
  await check('still serves', serves)
  await check('no file is left open', async () => {
    const left = await settleFiles(daemon.child.pid, files)
    assert.ok(left <= files, `${left}, not ${files}`)
  })
  await check('memory is bounded', async () => {
    const grown = residentKiB(daemon.child.pid) - memory
    assert.ok(grown < GROWTH_MAX_KIB, `${grown} KiB more`)
  })
  await check('stops in order', async () => assert.equal(await end('SIGTERM'), 0))
  await check('starts and stops', startsAndStops)
} catch (error) {
  failed++
  console.log(`FAILED: ${error.stack}\n${daemon.stderr.slice(0, 4000)}`)
} finally {
  await check('no report', async () => assert.equal(await end('SIGTERM'), 0))
  await daemon.kill()
  daemon.remove()
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
