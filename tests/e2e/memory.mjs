// The daemon's memory while it runs: what of the secrets that went through it is still there once all is answered.
//
// usage: BERTH=.. node memory.mjs   (in tests/in-netns)
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomBytes } from 'node:crypto'
import { Daemon } from '../sdk/daemon.mjs'
import { call, deriveKey, hubConnectionString, request, sasToken } from '../sdk/rest.mjs'
import { find, keyForms, needlesOf } from './needles.mjs'
import { mqtt, openTls, packets } from './raw.mjs'

const REGION_MAX = 1 << 30 // larger ones are a sanitizer's shadow
const API = 'api-version=2021-10-01'
const newKey = (n = 64) => randomBytes(n).toString('base64')

// [name, bytes] of what the process may write to, and has touched.
function* regions(pid) {
  const fd = openSync(`/proc/${pid}/mem`, 'r')
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to, name] = /^(\w+)-(\w+) rw\S+ \S+ \S+ \S+ *(.*)$/.exec(line) ?? []
      const size = from ? parseInt(to, 16) - parseInt(from, 16) : 0
      if (size === 0 || size > REGION_MAX) continue
      const bytes = Buffer.alloc(size)
      try {
        readSync(fd, bytes, 0, size, parseInt(from, 16))
      } catch {
        continue
      }
      yield [`${name || 'anonymous'}@${from}`, bytes]
    }
  } finally {
    closeSync(fd)
  }
}

function copies(pid, needles) {
  const found = []
  for (const [name, bytes] of regions(pid))
    for (const { secret, form, piece } of needles) {
      let at = -1
      while ((at = bytes.indexOf(piece, at + 1)) >= 0) found.push({ secret, form, name, at, around: bytes.subarray(Math.max(0, at - 40), at + 48).toString('latin1').replace(/[^ -~]/g, '.') })
    }
  return found
}

const daemon = await new Daemon(['--hostname', 'localhost', '--listen', '127.0.0.1', '--loops', '1', '--ops-port', '0']).start()
const own = daemon.profile.connectionString
const group = { primaryKey: newKey(), secondaryKey: newKey() }
const single = { primaryKey: newKey(), secondaryKey: newKey() }
const device = { primaryKey: newKey(32), secondaryKey: newKey(32) }
await call(daemon, own, 'PUT', `/enrollmentGroups/g?${API}`, { enrollmentGroupId: 'g', attestation: { type: 'symmetricKey', symmetricKey: group } })
await call(daemon, own, 'PUT', `/enrollments/single?${API}`, { registrationId: 'single', attestation: { type: 'symmetricKey', symmetricKey: single } })
const hub = await hubConnectionString(daemon)
await call(daemon, hub, 'PUT', `/devices/made?${API}`, { deviceId: 'made', authentication: { type: 'sas', symmetricKey: device } })
await call(daemon, hub, 'GET', `/devices?${API}`)
const scope = (id) => `${daemon.profile.idScope}/registrations/${id}`
const tok = {}
async function reg(id, key) {
  const t = sasToken(scope(id), key, 'registration')
  tok[id] = decodeURIComponent(/sig=([^&]*)/.exec(t)[1])
  return request(daemon, { method: 'PUT', path: `/${scope(id)}/register?api-version=2021-06-01`, headers: { Authorization: t }, body: { registrationId: id } })
}
assert.equal((await reg('d-1', deriveKey(group.primaryKey, 'd-1'))).status, 202)
assert.equal((await reg('single', single.secondaryKey)).status, 202)
assert.equal((await reg('d-2', newKey())).status, 401)
const wire = await openTls(daemon, daemon.mqttsPort)
const ht = sasToken('localhost/devices/made', device.primaryKey)
tok.hub = decodeURIComponent(/sig=([^&]*)/.exec(ht)[1])
wire.write(mqtt.connect('localhost/made/?api-version=2021-04-12', ht, 60, 0xc2, 'made'))
await wire.until((got) => packets(got).find(({ type }) => type === 2))
await sleep(500)
const table = {}
const put = (n, k) => { const f = keyForms(k); table[n] = { bytes: f.bytes, base64: f.base64, url: f['base64, in an URL'] } }
put('group p', group.primaryKey); put('group s', group.secondaryKey)
put('single p', single.primaryKey); put('single s', single.secondaryKey)
put('device p', device.primaryKey); put('device s', device.secondaryKey)
put('derived p', deriveKey(group.primaryKey, 'd-1')); put('derived s', deriveKey(group.secondaryKey, 'd-1'))
put('owner', /SharedAccessKey=([^;]*)/.exec(own)[1])
for (const [k, v] of Object.entries(tok)) put(`token ${k}`, v)
for (const f of copies(daemon.child.pid, needlesOf(table))) console.log(f.secret, f.form, f.name.slice(-40), f.around)
wire.end()
await daemon.stop()
