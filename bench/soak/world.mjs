// What the load acts on: a daemon with its groups and hubs, who was told what, and what went otherwise than it should.
import https from 'node:https'
import { once } from 'node:events'
import net from 'node:net'
import { Daemon } from '../../tests/sdk/daemon.mjs'
import {
  call,
  hubConnectionString,
  parseConnectionString,
  request,
  sasToken,
} from '../../tests/sdk/rest.mjs'
import { connector, Device } from './device.mjs'

export const DPS = 'api-version=2021-10-01'
export const HUB = 'api-version=2021-04-12'
const SAMPLES_OF_ODD = 5
const AT_ONCE = 32 // keep-alive connections of what is done before the start

export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

export class World {
  told = new Set() // told `assigned`, and not deleted by us
  done = {} // deed: how often
  odd = {} // what should not have been, how often, and the first of each
  log = { lines: 0, bytes: 0, byMessage: {} }
  groupKey = Buffer.alloc(64, 7).toString('base64')
  otherKey = Buffer.alloc(64, 9).toString('base64')

  static async start(options) {
    const w = new World()
    w.options = options
    w.opsPort = await freePort()
    const [httpsPort, mqttsPort] = [await freePort(), await freePort()]
    w.daemon = new Daemon([
      ...[
        '--hostname',
        'localhost',
        '--listen',
        '127.0.0.1',
        '--loops',
        '2',
        '--log-level',
        'info',
      ],
      ...['--https-port', String(httpsPort), '--mqtts-port', String(mqttsPort)],
      ...['--ops-port', String(w.opsPort)],
    ])
    await w.daemon.start()
    w.#followLog()
    w.pid = w.daemon.child.pid
    w.scope = w.daemon.profile.idScope
    w.hub = 'localhost'
    w.connect = connector(w.daemon)
    await w.#setUp()
    return w
  }

  // Lines are counted by what they say. Daemon keeps their text as well: not here, for hours.
  #followLog() {
    let rest = ''
    this.daemon.child.stderr.removeAllListeners('data')
    this.daemon.child.stderr.on('data', (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      for (const line of lines) {
        this.log.lines++
        this.log.bytes += line.length + 1
        const message = /"level":"(\w+)","event":"([^"]*)"/.exec(line)
        const name = message ? `${message[1]}: ${message[2]}` : 'other'
        this.log.byMessage[name] = (this.log.byMessage[name] ?? 0) + 1
        if (message?.[1] === 'error') this.note('an error in the log', line)
      }
    })
  }

  async #setUp() {
    this.service = this.daemon.profile.connectionString
    for (const [name, key, more] of [
      ['fleet', this.groupKey, { iotHubs: ['localhost'] }],
      ['other', this.otherKey, { iotHubs: ['localhost'] }],
      ['movers', Buffer.alloc(64, 11).toString('base64'), { iotHubs: ['localhost'] }],
      ['closed', Buffer.alloc(64, 13).toString('base64'), { provisioningStatus: 'disabled' }],
    ])
      await this.putGroup(name, key, more)
    await call(this.daemon, this.service, 'PUT', '/berth/v1/hubs/second.localhost', {})
    this.hubService = await hubConnectionString(this.daemon)
  }

  putGroup(name, key, more = {}, headers = {}) {
    return this.api('PUT', `/enrollmentGroups/${name}?${DPS}`, [200], {
      body: {
        enrollmentGroupId: name,
        attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: key } },
        ...more,
      },
      headers,
    })
  }

  note(what, detail = '') {
    const odd = (this.odd[what] ??= { count: 0, first: [] })
    odd.count++
    if (odd.first.length < SAMPLES_OF_ODD)
      odd.first.push(`${new Date().toISOString()} ${String(detail).slice(0, 500)}`)
  }

  // A call of a service API that may come to any of STATUSES; another one is noted.
  async api(method, path, statuses, { body, headers = {}, hub = false, agent } = {}) {
    const { HostName, SharedAccessKeyName, SharedAccessKey } = parseConnectionString(
      hub ? this.hubService : this.service,
    )
    const Authorization = sasToken(HostName, SharedAccessKey, SharedAccessKeyName)
    const answer = await request(this.daemon, {
      method,
      path,
      body,
      agent,
      headers: { Host: HostName, Authorization, ...headers },
    })
    if (!statuses.includes(answer.status))
      this.note(
        `${method} ${path.replace(/[?].*/, '').replace(/\d+/g, 'N')}: ${answer.status}`,
        JSON.stringify(answer.body),
      )
    return answer
  }

  tell(id) {
    this.told.add(id)
  }

  // Many requests of devices over few connections: what is there before the start.
  async seed(count, device, onStatus) {
    const agents = Array.from(
      { length: AT_ONCE },
      (_, i) =>
        new https.Agent({ keepAlive: true, maxSockets: 1, localAddress: `127.2.0.${i + 1}` }),
    )
    let next = 0
    await Promise.all(
      agents.map(async (agent) => {
        for (let i = next++; i < count; i = next++) {
          const { d, token } = device(i)
          const answer = await request(this.daemon, {
            agent,
            method: 'PUT',
            path: `/${d.resource}/register?api-version=2021-06-01`,
            headers: { Authorization: token },
            body: { registrationId: d.id },
          })
          onStatus(d, answer)
        }
        agent.destroy()
      }),
    )
  }

  async metrics() {
    return this.daemon.metrics(this.opsPort)
  }

  // Registration IDs that the service has as assigned.
  async kept() {
    const ids = new Map()
    let next
    do {
      const headers = { 'x-ms-max-item-count': '1000', ...(next && { 'x-ms-continuation': next }) }
      const page = await call(
        this.daemon,
        this.service,
        'GET',
        '/berth/v1/registrations',
        undefined,
        headers,
      )
      for (const r of page.body) ids.set(r.registrationId, r.status)
      next = page.headers['x-ms-continuation']
    } while (next !== undefined)
    return ids
  }

  device(id) {
    return Device.ofGroup(this, id)
  }
}
