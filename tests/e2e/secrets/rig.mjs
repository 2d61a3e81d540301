// secrets/rig.mjs - what is planted, where it is looked for, and the daemon that all of it goes through.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../../sdk/daemon.mjs'
import { deriveKey, request, sasToken } from '../../sdk/rest.mjs'
import { keyForms, passwordForms } from '../needles.mjs'

export const API = 'api-version=2021-10-01'
export const GROUP = 'line'
export const SINGLE = 'single'
export const OTHER_HUB = 'line2.plant.example'
export const OPS_PORT = 9464
const WAIT_MS = 60_000 // a busy machine included
export const newKey = (size = 64) => randomBytes(size).toString('base64')

export let passed = 0
export let failed = 0
export async function check(name, run) {
  try {
    await run()
    passed++
  } catch (error) {
    failed++
    console.error(`FAILED: ${name}: ${error.message}`)
  }
}

export async function until(what, look) {
  for (let waited = 0; waited < WAIT_MS; waited += 20) {
    const found = await look()
    if (found) return found
    await sleep(20)
  }
  throw new Error(`${what}: not within ${WAIT_MS} ms`)
}

// ---- what is planted, and where it is looked for ----

export const secrets = {} // name to forms
export const key = (name, base64) => {
  secrets[name] = keyForms(base64)
  return base64
}
export const text = (name, value) => {
  secrets[name] = passwordForms(value)
  return value
}

export const places = {} // name to what was seen there
export function seen(place, ...parts) {
  places[place] ??= []
  for (const part of parts) places[place].push(Buffer.isBuffer(part) ? part : Buffer.from(part))
}

// A token's signature opens doors as its key does, until it expires.
let tokens = 0
export function token(resource, base64, policy) {
  const made = sasToken(resource, base64, policy)
  key(`token ${++tokens}`, decodeURIComponent(/sig=([^&]*)/.exec(made)[1]))
  return made
}

export const work = mkdtempSync(join(tmpdir(), 'berth-secrets-'))
export const temporary = join(work, 'tmp')
mkdirSync(temporary)
export const planted = new Set()
export const secretFile = (name, value) => {
  const path = join(work, name)
  writeFileSync(path, `${value}\n`, { mode: 0o600 })
  planted.add(path)
  return path
}

export const daemon = new Daemon(
  [
    ...['--hostname', 'localhost', '--listen', '127.0.0.1', '--log-level', 'debug', '--loops', '1'],
    ...['--ops-port', String(OPS_PORT), '--peer-failures-per-min', '0'],
  ],
  { TMPDIR: temporary },
)
export const scope = (id) => `${daemon.profile.idScope}/registrations/${id}`
export const data = () => join(daemon.dir, 'data')

// ---- asking over HTTPS ----

// What an answer may hold: PLACE is 'answers with keys' where the API tells them by its contract.
export async function ask(place, method, path, { authorization, body, host = 'localhost', headers } = {}) {
  const answer = await request(daemon, {
    method,
    path,
    body,
    headers: { Host: host, ...(authorization && { Authorization: authorization }), ...headers },
  })
  const whole = JSON.stringify([answer.headers, answer.body])
  seen(answer.status >= 400 ? 'error answers' : place, whole)
  return answer
}

export const policyKeys = { service: {}, hub: {} }
export const asOwner = () =>
  token('localhost', policyKeys.service.provisioningserviceowner, 'provisioningserviceowner')
export const asHub = (host = 'localhost') => token(host, policyKeys.hub[host].iothubowner, 'iothubowner')
export const service = async (place, method, path, body) => {
  const answer = await ask(place, method, path, { authorization: asOwner(), body })
  assert.ok(
    answer.status < 300,
    `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`,
  )
  return answer.body
}
export const hub = async (place, method, path, body, headers) => {
  const answer = await ask(place, method, `${path}?${API}`, {
    authorization: asHub(),
    body,
    headers,
  })
  assert.ok(
    answer.status < 300,
    `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`,
  )
  return answer.body
}

export const BY_DESIGN = 'answers with keys'
export const LISTS = 'list answers'
export const OTHERS = 'other answers'
export const TOLD = 'output of the command line'
export const SHOWN = 'output that shows keys'

export const pair = (name, size) => ({
  primaryKey: key(`${name}, primary`, newKey(size)),
  secondaryKey: key(`${name}, secondary`, newKey(size)),
})
export const keys = { group: pair('group'), single: pair('enrollment'), device: pair('device', 32) }
export const derived = (id, slot = 'primaryKey') =>
  key(`derived for ${id}, ${slot}`, deriveKey(keys.group[slot], id))

export const attestation = (symmetricKey) => ({ type: 'symmetricKey', symmetricKey })
