// berth's HTTP APIs without an SDK: tokens, derived keys and one request function.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import https from 'node:https'

const TOKEN_S = 3600

const hmac = (key, text) =>
  createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64')

// The key of one device of a group, as the article computes it.
export const deriveKey = (groupKey, registrationId) => hmac(groupKey, registrationId)

export function sasToken(resource, key, policy) {
  const sr = encodeURIComponent(resource)
  const se = Math.floor(Date.now() / 1000) + TOKEN_S
  const sig = encodeURIComponent(hmac(key, `${sr}\n${se}`))
  const skn = policy === undefined ? '' : `&skn=${policy}`
  return `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}${skn}`
}

export function parseConnectionString(text) {
  return Object.fromEntries(text.split(';').map((part) => part.split(/=(.*)/s, 2)))
}

// One request to the daemon: {status, headers, body}. The body is the JSON read, or undefined.
export function request(daemon, { method = 'GET', path, headers = {}, body, agent }) {
  const text = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const asked = https.request(
      {
        host: 'localhost',
        port: daemon.httpsPort,
        ca: daemon.ca,
        method,
        path,
        agent,
        headers: { ...(text && { 'Content-Type': 'application/json' }), ...headers },
      },
      (answer) => {
        const parts = []
        answer.on('data', (part) => parts.push(part))
        answer.on('error', reject)
        answer.on('end', () => {
          const json = Buffer.concat(parts).toString()
          const { statusCode: status, headers } = answer
          resolve({ status, headers, body: json === '' ? undefined : JSON.parse(json) })
        })
      },
    )
    asked.on('error', reject)
    asked.end(text)
  })
}

// A call of a service API under CONNECTION-STRING: what is answered, or an error.
export async function call(daemon, connectionString, method, path, body, headers = {}) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parseConnectionString(connectionString)
  const answer = await request(daemon, {
    method,
    path,
    body,
    headers: {
      Host: HostName,
      Authorization: sasToken(HostName, SharedAccessKey, SharedAccessKeyName),
      ...headers,
    },
  })
  assert.ok(
    answer.status < 300,
    `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`,
  )
  return answer
}

// All of a list that comes in pages.
export async function callForAll(daemon, connectionString, path) {
  const all = []
  let next
  do {
    const headers = next === undefined ? {} : { 'x-ms-continuation': next }
    const page = await call(daemon, connectionString, 'GET', path, undefined, headers)
    all.push(...page.body)
    next = page.headers['x-ms-continuation']
  } while (next !== undefined)
  return all
}

// The connection string of the first hub, whose keys the provisioning service's owner may read.
export async function hubConnectionString(daemon, policy = 'iothubowner') {
  const own = daemon.profile.connectionString
  const { body: service } = await call(daemon, own, 'GET', '/berth/v1/service')
  const { body: keys } = await call(daemon, own, 'POST', `/berth/v1/hubs/${service.hub}/listkeys`)
  const { primaryKey } = keys.find(({ keyName }) => keyName === policy)
  return `HostName=${service.hub};SharedAccessKeyName=${policy};SharedAccessKey=${primaryKey}`
}

// berth's own settings of an enrollment; KIND is enrollmentGroups or enrollments.
export const patchSettings = (daemon, kind, id, settings) =>
  call(
    daemon,
    daemon.profile.connectionString,
    'PATCH',
    `/berth/v1/${kind}/${encodeURIComponent(id)}/settings`,
    settings,
  )
