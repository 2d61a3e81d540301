// kill -9 in the middle of registrations: whatever device was told `assigned` is in the registry
// after the restart, and once only. kill -9 leaves the page cache, so this judges the order of
// commit and answer, not the disk.
//
// usage: BERTH=.. node crash.mjs [--rounds N] [--devices N] [--at-once N] [--expect-loss]
// --expect-loss has the daemon answer before it commits, and passes only when the loss is seen.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Daemon } from '../sdk/daemon.mjs'
import {
  call,
  callForAll,
  deriveKey,
  hubConnectionString,
  request,
  sasToken,
} from '../sdk/rest.mjs'

const GROUP = 'crash'
const KILL_MS = [20, 400] // from the first answer, at random

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    devices: { type: 'string', default: '1000' },
    'at-once': { type: 'string', default: '32' },
    'expect-loss': { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const devices = Number(values.devices)
const atOnce = Number(values['at-once'])
const expectLoss = values['expect-loss']
for (const n of [rounds, devices, atOnce]) assert.ok(Number.isInteger(n) && n > 0 && n <= 100_000)

const daemon = new Daemon(
  [
    '--hostname',
    'localhost',
    '--listen',
    '127.0.0.1',
    '--https-port',
    '0',
    '--mqtts-port',
    '0',
    '--ops-port',
    '0',
  ],
  { BERTH_TEST_ANSWER_BEFORE_COMMIT: expectLoss ? '1' : '0' },
)

async function createGroup() {
  const { body } = await call(
    daemon,
    daemon.profile.connectionString,
    'PUT',
    `/enrollmentGroups/${GROUP}?api-version=2021-10-01`,
    { enrollmentGroupId: GROUP, attestation: { type: 'symmetricKey' } },
  )
  return body.attestation.symmetricKey.primaryKey
}

// The status told, or undefined when the daemon went away.
async function register(groupKey, id, agent) {
  const resource = `${daemon.profile.idScope}/registrations/${id}`
  let answer
  try {
    answer = await request(daemon, {
      method: 'PUT',
      path: `/${resource}/register?api-version=2021-06-01`,
      headers: { Authorization: sasToken(resource, deriveKey(groupKey, id), 'registration') },
      body: { registrationId: id },
      agent,
    })
  } catch {
    return undefined
  }
  assert.ok(answer.status < 300, `${id}: ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body.status
}

// Registers IDS, some at once, until UNTIL is true: {told, unanswered}, both lists of IDs.
async function registerAll(groupKey, ids, { onFirst = () => {}, until = () => false } = {}) {
  const agent = new https.Agent({ keepAlive: true, maxSockets: atOnce })
  const told = []
  const unanswered = []
  const queue = ids.values()

  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const id of queue) {
        if (until()) return
        const status = await register(groupKey, id, agent)
        if (status === undefined) unanswered.push(id)
        else if (status === 'assigned' && told.push(id) === 1) onFirst()
      }
    }),
  )
  agent.destroy()
  return { told, unanswered }
}

// Loads the daemon and kills it at a random moment.
async function killInTheMiddle(groupKey, ids) {
  const afterMs = randomInt(...KILL_MS)
  let dead = false
  let killed
  const kill = async () => {
    await sleep(afterMs)
    dead = true
    await daemon.kill()
  }
  const done = await registerAll(groupKey, ids, {
    onFirst: () => (killed = kill()),
    until: () => dead,
  })
  assert.ok(killed, 'nothing was told before the load ended')
  await killed
  return { afterMs, ...done }
}

const twice = (ids) => ids.length - new Set(ids).size
const missing = (wanted, ids) => {
  const there = new Set(ids)
  return wanted.filter((id) => !there.has(id))
}

// What the APIs show, against all that was ever told.
async function check(told) {
  const own = daemon.profile.connectionString
  const hub = await hubConnectionString(daemon)
  const records = await callForAll(daemon, own, '/berth/v1/registrations')
  const identities = await callForAll(daemon, hub, '/devices?api-version=2021-04-12')
  const registered = records
    .filter(({ status }) => status === 'assigned')
    .map((r) => r.registrationId)
  const deviceIds = identities.map(({ deviceId }) => deviceId)
  return {
    registered: registered.length,
    devices: deviceIds.length,
    lost: new Set([...missing(told, registered), ...missing(told, deviceIds)]).size,
    twice: twice(registered) + twice(deviceIds),
    // A record and its device are committed together.
    halves: missing(registered, deviceIds).length + missing(deviceIds, registered).length,
  }
}

const COLUMNS = [
  'round',
  'killed ms',
  'told',
  'unanswered',
  'registered',
  'devices',
  'lost',
  'twice',
  'halves',
]
const print = (cells) =>
  console.log(cells.map((cell, i) => String(cell).padStart(COLUMNS[i].length)).join('  '))

function add(sum, { lost, twice, halves }) {
  sum.lost += lost
  sum.twice += twice
  sum.halves += halves
  sum.bad += lost + twice + halves > 0
}

async function run() {
  const all = []
  const sum = { told: 0, lost: 0, twice: 0, halves: 0, bad: 0 }

  await daemon.start()
  const groupKey = await createGroup()
  const order = expectLoss ? 'answers before commits' : 'commits before answers'
  console.log(`kill -9 during registrations, ${atOnce} at once, ${order}`)
  print(COLUMNS)
  for (let round = 1; round <= rounds; round++) {
    const ids = Array.from({ length: devices }, (_, i) => `dev-${round}-${i}`)
    const { afterMs, told, unanswered } = await killInTheMiddle(groupKey, ids)
    await daemon.start()
    const seen = await check([...all, ...told])
    print([round, afterMs, told.length, unanswered.length, ...Object.values(seen)])
    sum.told += told.length
    add(sum, seen)
    // All come again, as devices do, so that what was lost is not counted in the next round too.
    const again = await registerAll(groupKey, [...told, ...unanswered])
    assert.equal(again.told.length, told.length + unanswered.length)
    all.push(...again.told)
  }
  const last = await check(all)
  print(['end', '', all.length, 0, ...Object.values(last)])
  add(sum, last)
  console.log(
    `${sum.told} told assigned, ${sum.lost} lost, ${sum.twice} twice, ${sum.halves} halves`,
  )
  assert.ok(sum.told > rounds, 'too few were told to prove anything')
  return sum
}

let sum
try {
  sum = await run()
} finally {
  if (sum) await daemon.stop()
  else {
    await daemon.kill()
    daemon.remove()
    console.error(daemon.stderr)
  }
}
if (expectLoss) {
  const seen = sum.lost > 0
  console.log(
    seen ? 'the loss was seen, as it must be' : 'answers came before commits, and no loss was seen',
  )
  console.log(seen ? '1 passed, 0 failed' : '0 passed, 1 failed')
  process.exitCode = seen ? 0 : 1
} else {
  console.log(`${rounds + 1 - sum.bad} passed, ${sum.bad} failed`) // the end is a check too
  process.exitCode = sum.bad === 0 ? 0 : 1
}
