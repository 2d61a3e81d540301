// secrets/service.mjs - the secrets over the service's and the hubs' APIs: told, kept back, refused.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import {
  API,
  BY_DESIGN,
  GROUP,
  LISTS,
  OPS_PORT,
  OTHERS,
  OTHER_HUB,
  SINGLE,
  asHub,
  asOwner,
  ask,
  attestation,
  daemon,
  hub,
  key,
  keys,
  newKey,
  pair,
  policyKeys,
  seen,
  service,
  text,
  token,
} from './rig.mjs'

async function readPolicies() {
  for (const { keyName, primaryKey, secondaryKey } of await service(
    BY_DESIGN,
    'POST',
    '/berth/v1/listkeys',
  )) {
    key(`${keyName}, primary`, primaryKey)
    key(`${keyName}, secondary`, secondaryKey)
  }
  for (const host of ['localhost', OTHER_HUB]) {
    policyKeys.hub[host] = {}
    for (const one of await service(BY_DESIGN, 'POST', `/berth/v1/hubs/${host}/listkeys`)) {
      policyKeys.hub[host][one.keyName] = key(`${host}'s ${one.keyName}, primary`, one.primaryKey)
      key(`${host}'s ${one.keyName}, secondary`, one.secondaryKey)
    }
  }
}

export async function recordsComeAndGo() {
  policyKeys.service.provisioningserviceowner = /SharedAccessKey=([^;]*)/.exec(
    daemon.profile.connectionString,
  )[1]
  await service(OTHERS, 'PUT', `/berth/v1/hubs/${OTHER_HUB}`, { allocation: false })
  await readPolicies()
  const group = { enrollmentGroupId: GROUP, attestation: attestation(keys.group) }
  const single = { registrationId: SINGLE, attestation: attestation(keys.single) }
  await service(BY_DESIGN, 'PUT', `/enrollmentGroups/${GROUP}?${API}`, group)
  await service(BY_DESIGN, 'PUT', `/enrollments/${SINGLE}?${API}`, single)
  const symmetricKey = keys.device
  await hub(BY_DESIGN, 'PUT', '/devices/made', {
    deviceId: 'made',
    authentication: { type: 'sas', symmetricKey },
  })
  await service(BY_DESIGN, 'PUT', `/enrollments/gone?${API}`, {
    ...single,
    registrationId: 'gone',
    attestation: attestation(pair('deleted enrollment')),
  })
  await service(OTHERS, 'DELETE', `/enrollments/gone?${API}`)
  await service(OTHERS, 'GET', `/enrollmentGroups/${GROUP}?${API}`)
  await service(BY_DESIGN, 'POST', `/enrollmentGroups/${GROUP}/attestationmechanism?${API}`)
  await service(BY_DESIGN, 'POST', `/enrollments/${SINGLE}/attestationmechanism?${API}`)
  await service(OTHERS, 'PATCH', `/berth/v1/enrollmentGroups/${GROUP}/settings`, {
    assigningFirst: false,
  })
  await hub(BY_DESIGN, 'GET', '/devices/made')
  await hub(OTHERS, 'PATCH', '/twins/made', {
    tags: { line: '2' },
    properties: { desired: { rate: 1 } },
  })
}

export async function servicesAreRefused() {
  const owner = policyKeys.service.provisioningserviceowner
  const get = (authorization, query = '') =>
    ask(OTHERS, 'GET', `/enrollments/${SINGLE}?${API}${query}`, { authorization })
  await get(undefined)
  await get(token('localhost', key('no policy key', newKey()), 'provisioningserviceowner'))
  await get(token('localhost', owner, 'nobody'))
  await get(token('elsewhere.example', owner, 'provisioningserviceowner'))
  await get(`HostName=localhost;SharedAccessKey=${owner}`)
  await get(`Bearer ${text('bearer', newKey(24))}`)
  await get(
    undefined,
    `&sig=${encodeURIComponent(token('localhost', owner, 'provisioningserviceowner'))}`,
  )
  const put = (path, body) =>
    ask(OTHERS, 'PUT', `${path}?${API}`, { authorization: asOwner(), body })
  const short = text('key that is too short', randomBytes(15).toString('base64'))
  const broken = text('key that is no base64', `${newKey(24)}*`)
  for (const bad of [short, broken, key('key that is too long', newKey(65))]) {
    await put(`/enrollmentGroups/${GROUP}-2`, {
      enrollmentGroupId: `${GROUP}-2`,
      attestation: attestation({ primaryKey: bad }),
    })
    await put('/enrollments/bad', {
      registrationId: 'bad',
      attestation: attestation({ ...keys.single, secondaryKey: bad }),
    })
    await ask(OTHERS, 'PUT', `/devices/bad?${API}`, {
      authorization: asHub(),
      body: {
        deviceId: 'bad',
        authentication: { type: 'sas', symmetricKey: { primaryKey: bad, secondaryKey: bad } },
      },
    })
  }
  // no number where one belongs, a key where none belongs
  await put('/enrollments/bad', {
    registrationId: 'bad',
    attestation: { type: keys.single.primaryKey },
  })
  await put('/enrollments/bad', {
    registrationId: 'bad',
    provisioningStatus: keys.single.primaryKey,
    attestation: attestation(keys.single),
  })
  await put(`/berth/v1/hubs/${OTHER_HUB}`, { weight: keys.group.primaryKey })
  await put(`/enrollments/${SINGLE}`, {
    registrationId: SINGLE,
    attestation: attestation(keys.single),
  })
}

export async function lists() {
  const query = { query: 'SELECT * FROM enrollments' }
  for (const path of ['enrollmentGroups', 'enrollments'])
    await service(LISTS, 'POST', `/${path}/query?${API}`, query)
  await service(LISTS, 'POST', `/registrations/${GROUP}/query?${API}`)
  for (const path of [
    'registrations',
    'refusals?last=200',
    'audit',
    'hubs',
    'ca',
    'service',
    'policies',
    'hubs/localhost/policies',
  ])
    await service(LISTS, 'GET', `/berth/v1/${path}`)
  await service(LISTS, 'GET', '/berth/v1/hubs/localhost/events?after=0')
  await hub(LISTS, 'POST', '/devices/query', { query: 'SELECT * FROM devices' })
  await hub(LISTS, 'GET', '/statistics/devices')
  await hub(LISTS, 'GET', '/twins/made')
  await hub('the list of devices', 'GET', '/devices') // Azure's has the keys too
}

export async function operations() {
  for (const path of ['metrics', 'healthz', 'elsewhere']) {
    const [answer] = await once(
      http.get({ host: '127.0.0.1', port: OPS_PORT, path: `/${path}` }),
      'response',
    )
    seen(`/${path}`, JSON.stringify(answer.headers), ...(await answer.toArray()))
  }
}
