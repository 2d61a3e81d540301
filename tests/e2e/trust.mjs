// Certificates change while sessions stay: a hub's name, a reload, a renewal, a CA's roll-over, and the operator's own
// certificates. An idle MQTT connection and an HTTP keep-alive one on each worker must live through all of it; new
// connections get what is new.
//
// usage: BERTH=.. node trust.mjs   (openssl makes the operator's certificates)
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { Daemon } from '../sdk/daemon.mjs'
import { call, deriveKey, parseConnectionString, request, sasToken } from '../sdk/rest.mjs'

const GROUP = 'trust'
const EACH = 6 // connections of a kind: with two workers both have some
const WAIT_MS = 60_000 // a busy machine included
const PINGREQ = Buffer.from([0xc0, 0])
const PINGRESP = Buffer.from([0xd0, 0])

let passed = 0
let failed = 0
async function check(name, run) {
  try {
    await run()
    passed++
  } catch (error) {
    failed++
    console.error(`FAILED: ${name}: ${error.stack}`)
  }
}

async function until(what, test) {
  for (let waited = 0; !(await test()); waited += 50) {
    assert.ok(waited < WAIT_MS, `${what}: not within ${WAIT_MS} ms`)
    await sleep(50)
  }
}

const options = (...more) => [
  ...['--hostname', 'localhost', '--hostname', '127.0.0.1', '--listen', '127.0.0.1'],
  ...['--https-port', '0', '--mqtts-port', '0', '--loops', '2', ...more],
]
const OPS_PORT = 9464

// ---- connections ----

const connect = (port, more) =>
  new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ...more })
    socket.once('secureConnect', () => resolve(socket)).once('error', reject)
  })

// What arrives until it ends in END, on a socket that is asked one thing at a time.
function answer(socket, ended) {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0)
    const onGone = () => reject(new Error('the connection was closed'))
    const onData = (part) => {
      got = Buffer.concat([got, part])
      if (!ended(got)) return
      socket.off('data', onData).off('close', onGone).off('error', reject)
      resolve(got)
    }
    socket.on('data', onData).once('close', onGone).once('error', reject)
    if (socket.destroyed) onGone()
  })
}

function field(text) {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}

function mqttConnect(id, user, password) {
  const body = Buffer.concat([
    field('MQTT'),
    Buffer.from([4, 0xc2, 0x03, 0x84]), // user name, password, clean session; keep-alive 900 s
    ...[id, user, password].map(field),
  ])
  assert.ok(body.length < 128 * 128)
  return Buffer.concat([Buffer.from([0x10, (body.length & 127) | 128, body.length >> 7]), body])
}

class MqttSession {
  static async open(daemon, groupKey, id) {
    const { idScope } = daemon.profile
    const resource = `${idScope}/registrations/${id}`
    const session = new MqttSession()
    session.socket = await connect(daemon.mqttsPort, { ca: daemon.ca })
    session.socket.write(
      mqttConnect(
        id,
        `${resource}/api-version=2019-03-31`,
        sasToken(resource, deriveKey(groupKey, id), 'registration'),
      ),
    )
    const connack = await answer(session.socket, (got) => got.length >= 4)
    assert.deepEqual([...connack], [0x20, 2, 0, 0])
    return session
  }

  async isAlive() {
    const pong = answer(this.socket, (got) => got.length >= PINGRESP.length)
    this.socket.write(PINGREQ)
    assert.deepEqual(await pong, PINGRESP)
  }
}

class HttpSession {
  static async open(daemon) {
    const session = new HttpSession()
    session.daemon = daemon
    session.socket = await connect(daemon.httpsPort, { ca: daemon.ca })
    await session.isAlive()
    return session
  }

  async isAlive() {
    const { HostName, SharedAccessKeyName, SharedAccessKey } = parseConnectionString(
      this.daemon.profile.connectionString,
    )
    const text = answer(this.socket, (got) => got.toString().endsWith('}'))
    this.socket.write(
      `GET /berth/v1/service HTTP/1.1\r\nHost: ${HostName}\r\n` +
        `Authorization: ${sasToken(HostName, SharedAccessKey, SharedAccessKeyName)}\r\n\r\n`,
    )
    assert.match((await text).toString(), /^HTTP\/1.1 200 /)
  }
}

class Sessions {
  static async open(daemon, groupKey) {
    const sessions = new Sessions()
    sessions.all = []
    for (let i = 0; i < EACH; i++) {
      sessions.all.push(await MqttSession.open(daemon, groupKey, `dev-${i}`))
      sessions.all.push(await HttpSession.open(daemon))
    }
    return sessions
  }

  // Not one was dropped, and each still answers.
  live = () => Promise.all(this.all.map((session) => session.isAlive()))

  close() {
    for (const { socket } of this.all) socket.destroy()
  }
}

// The server's certificate as a new connection meets it; an error where it is not trusted.
async function meet(port, { ca, rsa, servername = 'localhost' }) {
  const socket = await connect(port, {
    ca,
    servername,
    ...(rsa && { sigalgs: 'rsa_pss_rsae_sha256' }),
  })
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

// On each port, with either key, and often enough to have met each worker.
async function meetAll(daemon, more) {
  const seen = { ec: new Set(), rsa: new Set() }
  for (const port of [daemon.httpsPort, daemon.mqttsPort])
    for (let i = 0; i < EACH; i++) {
      seen.ec.add(await meet(port, more))
      seen.rsa.add(await meet(port, { ...more, rsa: true }))
    }
  assert.deepEqual([seen.ec.size, seen.rsa.size], [1, 1], 'workers differ')
  return [...seen.ec, ...seen.rsa]
}

const isRefused = (daemon, ca) =>
  assert.rejects(meetAll(daemon, { ca }), { code: /SELF_SIGNED|UNABLE_TO/ })

const own = (daemon, method, path, body) =>
  call(daemon, daemon.profile.connectionString, method, path, body)

// As own, but a refusal is an answer.
function ask(daemon, method, path, body) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parseConnectionString(
    daemon.profile.connectionString,
  )
  const Authorization = sasToken(HostName, SharedAccessKey, SharedAccessKeyName)
  return request(daemon, { method, path, body, headers: { Host: HostName, Authorization } })
}

async function createGroup(daemon) {
  const { body } = await own(daemon, 'PUT', `/enrollmentGroups/${GROUP}?api-version=2021-10-01`, {
    enrollmentGroupId: GROUP,
    attestation: { type: 'symmetricKey' },
  })
  return body.attestation.symmetricKey.primaryKey
}

// Lines of the log since MARK that tell of EVENT.
const lines = (daemon, mark, event) =>
  daemon.stderr
    .slice(mark)
    .split('\n')
    .filter((line) => line.includes(`"${event}"`))

async function hangUp(daemon, event) {
  const mark = daemon.stderr.length
  daemon.child.kill('SIGHUP')
  await until(event, () => lines(daemon, mark, event).length > 0)
  return lines(daemon, mark, event)[0]
}

const USED = 'new certificates in use'
const KEPT = 'certificates are kept as they were'
const split = (pem) => pem.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----\n/g)

// ---- certificates that the daemon makes ----

async function ownCertificates() {
  const daemon = await new Daemon(options()).start()
  const dir = join(daemon.dir, 'data', 'tls')
  const roll = async (step) => (await own(daemon, 'POST', '/berth/v1/ca/rollover', { step })).body
  try {
    const old = daemon.ca.toString()
    const sessions = await Sessions.open(daemon, await createGroup(daemon))
    let latest = await meetAll(daemon, { ca: old })
    const isNew = async (more) => {
      const now = await meetAll(daemon, more)
      assert.notEqual(now[0], latest[0])
      assert.notEqual(now[1], latest[1])
      latest = now
    }

    await check('a hub: its name is in the certificate when the answer comes', async () => {
      const { body } = await own(daemon, 'PUT', '/berth/v1/hubs/line2.plant.example', {})
      assert.equal(body.certificateCovers, true)
      await isNew({ ca: old, servername: 'line2.plant.example' })
    })
    await check('a hub: sessions live', sessions.live)
    await check('hubs at once, each covered', async () => {
      const names = ['a', 'b', 'c', 'd'].map((name) => `${name}.plant.example`)
      const answers = await Promise.all(
        names.map((name) => own(daemon, 'PUT', `/berth/v1/hubs/${name}`, {})),
      )
      for (const { body } of answers) assert.equal(body.certificateCovers, true)
      for (const servername of names) await meet(daemon.httpsPort, { ca: old, servername })
      latest = await meetAll(daemon, { ca: old })
    })
    await check('SIGHUP loads again and drops nobody', async () => {
      assert.match(await hangUp(daemon, USED), /"why":"reload"/)
      assert.deepEqual(await meetAll(daemon, { ca: old }), latest)
      await sessions.live()
    })
    await check('a certificate with few days left is renewed', async () => {
      const file = (name) => join(dir, name)
      const pem = file('server.pem')
      const x509 = (input, ...args) =>
        execFileSync('openssl', ['x509', '-copy_extensions', 'copyall', ...args], {
          encoding: 'utf8',
          input,
          stdio: ['pipe', 'pipe', 'ignore'],
        })
      const issuer = split(readFileSync(pem, 'utf8'))[1]
      const wish = x509('', '-x509toreq', '-in', pem, '-signkey', file('server.key'))
      const by = ['-CA', file('ca.pem'), '-CAkey', file('ca.key')]
      const short = x509(wish, '-req', ...by, '-days', '20')
      writeFileSync(pem, short + issuer)
      await hangUp(daemon, USED)
      const ecOnly = await meetAll(daemon, { ca: old })
      assert.notEqual(ecOnly[0], latest[0])
      assert.equal(ecOnly[1], latest[1])
      latest = ecOnly
      await sessions.live()
    })
    await check('a broken ca.pem: all stays as it was, and it is told', async () => {
      const pem = join(dir, 'ca.pem')
      const good = readFileSync(pem)
      writeFileSync(pem, 'garbage')
      assert.match(await hangUp(daemon, KEPT), /ca\.pem: not a PEM file/)
      assert.deepEqual(await meetAll(daemon, { ca: old }), latest)
      await sessions.live()
      writeFileSync(pem, good)
      await hangUp(daemon, USED)
    })
    await check('expiry in the metrics', async () => {
      const metrics = await daemon.metrics(OPS_PORT)
      for (const name of ['ca', 'server', 'server-rsa'])
        assert.ok(
          metrics[`berth_certificate_expiry_seconds{name="${name}"}`] > Date.now() / 1000 + 86400,
          name,
        )
    })

    let both, fresh
    await check('roll-over begun: either CA will do', async () => {
      const { certificates, pem } = await roll('begin')
      assert.deepEqual(
        certificates.map(({ name }) => name),
        ['ca', 'ca-next', 'server', 'server-rsa'],
      )
      both = pem
      assert.equal(split(pem).length, 2)
      assert.equal(split(pem)[0], old)
      fresh = split(pem)[1]
      assert.equal(readFileSync(daemon.profile.caFile, 'utf8'), pem)
      await isNew({ ca: old })
      for (const ca of [fresh, both]) assert.deepEqual(await meetAll(daemon, { ca }), latest)
    })
    await check('roll-over begun: sessions live', sessions.live)
    await check('a step out of order is refused', async () => {
      const { status, body } = await ask(daemon, 'POST', '/berth/v1/ca/rollover', {
        step: 'retire',
      })
      assert.deepEqual([status, body.errorCode], [409, 409211])
      const unknown = await ask(daemon, 'POST', '/berth/v1/ca/rollover', { step: 'dance' })
      assert.equal(unknown.status, 400)
    })
    await check('roll-over activated: the new CA issues, either will do', async () => {
      await roll('activate')
      await isNew({ ca: fresh })
      for (const ca of [old, both]) assert.deepEqual(await meetAll(daemon, { ca }), latest)
    })
    await check('roll-over activated: sessions live', sessions.live)
    await check('a hub made meanwhile', async () => {
      await own(daemon, 'PUT', '/berth/v1/hubs/meanwhile.plant.example', {})
      for (const ca of [old, fresh])
        await meetAll(daemon, { ca, servername: 'meanwhile.plant.example' })
    })
    await check('the old CA retired: the new one alone will do', async () => {
      await roll('retire')
      daemon.ca = fresh
      await isRefused(daemon, old)
      latest = await meetAll(daemon, { ca: fresh })
      assert.equal(readFileSync(daemon.profile.caFile, 'utf8'), fresh)
    })
    await check('the old CA retired: sessions live', sessions.live)
    sessions.close()

    await check('a restart changes nothing', async () => {
      await daemon.kill()
      await daemon.start()
      assert.deepEqual(await meetAll(daemon, { ca: fresh }), latest)
    })
  } finally {
    await daemon.stop()
  }
}

// ---- the operator's own ----

// A certificate that signed itself, for NAMES.
function makeOwn(certificate, key, names) {
  const alt = names.map((name) => `DNS:${name}`).join(',')
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'],
      ...['-keyout', key, '-out', certificate, '-days', '90', '-subj', `/CN=${names[0]}`],
      ...['-addext', `subjectAltName=${alt}`],
    ],
    { stdio: 'ignore' },
  )
  return readFileSync(certificate, 'utf8')
}

async function operatorsCertificates() {
  const daemon = new Daemon()
  daemon.dir = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
  const [certificate, key] = ['own.pem', 'own.key'].map((name) => join(daemon.dir, name))
  const first = makeOwn(certificate, key, ['localhost', 'line2.plant.example'])
  daemon.args = options('--tls-certificate', certificate, '--tls-key', key)
  await daemon.start()
  try {
    const sessions = await Sessions.open(daemon, await createGroup(daemon))
    const meetOne = (ca, servername) => meet(daemon.httpsPort, { ca, servername })
    const old = await meetOne(first)

    await check("the operator's: a name it lacks is told", () =>
      until('a warning', () => {
        const [line] = lines(daemon, 0, 'the certificate lacks a name')
        return line !== undefined && line.includes('"127.0.0.1"')
      }),
    )
    await check("the operator's: hubs that it has and lacks", async () => {
      const has = await own(daemon, 'PUT', '/berth/v1/hubs/line2.plant.example', {})
      assert.equal(has.body.certificateCovers, true)
      const lacks = await own(daemon, 'PUT', '/berth/v1/hubs/line3.plant.example', {})
      assert.equal(lacks.body.certificateCovers, false)
      assert.match(lacks.body.certificateProblem, /operator/)
      assert.equal(await meetOne(first, 'line2.plant.example'), old)
    })
    await check("the operator's: a broken file changes nothing and is told", async () => {
      writeFileSync(certificate, 'garbage')
      assert.match(await hangUp(daemon, KEPT), /own\.pem/)
      assert.equal(await meetOne(first), old)
      await sessions.live()
    })
    await check("the operator's: a key of another certificate, too", async () => {
      writeFileSync(certificate, first)
      makeOwn(join(daemon.dir, 'other.pem'), key, ['localhost'])
      assert.match(await hangUp(daemon, KEPT), /own\.key/)
      assert.equal(await meetOne(first), old)
      await sessions.live()
    })
    await check("the operator's: SIGHUP takes a new one, sessions live", async () => {
      const second = makeOwn(certificate, key, ['localhost'])
      await hangUp(daemon, USED)
      assert.notEqual(await meetOne(second), old)
      await assert.rejects(meetOne(first))
      await sessions.live()
      daemon.ca = second
    })
    await check("the operator's: one renewed in silence is taken up by the next job", async () => {
      const third = makeOwn(certificate, key, ['localhost', 'line4.plant.example'])
      const { body } = await own(daemon, 'PUT', '/berth/v1/hubs/line4.plant.example', {})
      assert.equal(body.certificateCovers, true)
      daemon.ca = third
      await meetOne(third, 'line4.plant.example')
      await sessions.live()
    })
    await check("the operator's: no CA of ours to roll over, what to trust is told", async () => {
      const refused = await ask(daemon, 'POST', '/berth/v1/ca/rollover', { step: 'begin' })
      assert.deepEqual([refused.status, refused.body.errorCode], [409, 409211])
      const { body } = await own(daemon, 'GET', '/berth/v1/ca')
      assert.equal(body.source, 'operator')
      assert.equal(body.pem, daemon.ca)
    })
    sessions.close()
  } finally {
    await daemon.stop()
  }
}

await ownCertificates()
await operatorsCertificates()
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
