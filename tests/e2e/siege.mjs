// A siege: thousands of slow and hostile peers are held on the daemon while the official Node SDK goes
// on registering, over each transport. Every registration must succeed; what a peer costs is bounded;
// when the deadlines have passed nothing is left of the peers. Times are printed, not judged.
//
// usage: BERTH=.. node siege.mjs [peers] [registrations per transport and phase]
// Needs ports 443 and 8883 (tests/in-netns), and the modules of tests/sdk. Give loopback the MTU of a
// network before (ip link set lo mtu 1500): with its own of 64 KiB the kernel would take megabytes for each
// peer that does not read, and the daemon would hold none of them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fork } from 'node:child_process'
import { setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../sdk/daemon.mjs'
import { call, deriveKey } from '../sdk/rest.mjs'
import { Sdk } from '../sdk/sdk.mjs'
import { fileCount, residentKiB, settleFiles } from './raw.mjs'
import { sorts } from './siege-peers.mjs'

const PEERS = Number(process.argv[2] ?? 500)
const ROUNDS = Number(process.argv[3] ?? 10)
const GROUP = 'siege'
const KEY = Buffer.alloc(64, 9).toString('base64')
const GROUP_PATH = `/enrollmentGroups/${GROUP}?api-version=2021-10-01`
const TRANSPORTS = ['http', 'mqtt', 'mqtt_ws']
const OPS_PORT = 9465
const HOLDERS = 2 // processes: each stays far below a file limit of 20,000
// What docs/internals/net.md says that a peer may cost, on the mean of all sorts, and what the process
// keeps for good once it has been busy: a build with sanitizers remembers what it freed.
const PEER_MAX_KIB = 64
const ONCE_MAX_KIB = 64 * 1024
const QUIET_MS = 5000 // after the peers have come, and after the SDK has gone
const SETTLE_MS = 240_000 // the longest deadline of a peer held here is 75 s

let passed = 0
let failed = 0

function check(name, held, told = '') {
  if (held) passed++
  else failed++
  console.log(`${held ? 'ok' : 'FAILED'} ${name}${told === '' ? '' : `: ${told}`}`)
}

const daemon = new Daemon([
  ...['--hostname', 'localhost', '--listen', '127.0.0.1', '--loops', '2', '--log-level', 'error'],
  ...['--ops-port', String(OPS_PORT), '--peer-failures-per-min', '0'],
], { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=8` })

// ---- what is measured ----

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]

function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

async function figures() {
  const metrics = await daemon.metrics(OPS_PORT)
  return {
    rss: residentKiB(daemon.child.pid),
    files: fileCount(daemon.child.pid),
    open: metrics.berth_connections_open,
    accepted: metrics.berth_connections_accepted_total,
    cpu: cpuMs(daemon.child.pid),
  }
}

let number = 0

// One registration after the other, the transports in turn; milliseconds by transport.
async function registrations(sdk, rounds) {
  const times = Object.fromEntries(TRANSPORTS.map((transport) => [transport, []]))
  for (let i = 0; i < rounds; i++)
    for (const transport of TRANSPORTS) {
      const registrationId = `besieged-${number++}`
      const start = performance.now()
      const result = await sdk.register({
        transport,
        idScope: daemon.profile.idScope,
        registrationId,
        key: deriveKey(KEY, registrationId),
      })
      assert.equal(result.deviceId, registrationId)
      times[transport].push(performance.now() - start)
    }
  return times
}

function tell(phase, figures, times) {
  for (const transport of TRANSPORTS) {
    const sorted = [...times[transport]].sort((a, b) => a - b)
    console.log(
      `${phase.padEnd(7)} ${transport.padEnd(8)} ${String(sorted.length).padStart(4)} registered` +
        `   p50 ${at(sorted, 0.5).toFixed(1).padStart(7)} ms   longest ${at(sorted, 1).toFixed(1).padStart(7)} ms`,
    )
  }
  console.log(
    `${phase.padEnd(7)} daemon: ${(figures.rss / 1024).toFixed(1)} MiB resident, ${figures.files} files, ` +
      `${figures.open} connections, ${figures.cpu} ms of CPU so far`,
  )
}

// ---- the besiegers, in processes of their own ----

class Holder {
  constructor(index) {
    this.child = fork(new URL('siege-peers.mjs', import.meta.url), { serialization: 'advanced' })
    // Besiegers have machines of their own; here they shall not take the daemon's and the SDK's time.
    setPriority(this.child.pid, 19)
    this.index = index
  }

  async #say(message) {
    this.child.send(message)
    const [answer] = await once(this.child, 'message')
    return answer
  }

  // Opens COUNT peers, and each again whenever the daemon has ended it.
  begin(count) {
    const { httpsPort, mqttsPort, ca, profile } = daemon
    return this.#say({
      ...{ begin: count, ca, ports: { https: httpsPort, mqtts: mqttsPort } },
      ...{ idScope: profile.idScope, groupKey: KEY, name: `peer-${this.index}` },
    })
  }

  // How many of its peers stand, by sort.
  held() {
    return this.#say({})
  }

  // From now on none is opened again, and what stands says nothing more.
  cease() {
    return this.#say({ cease: true })
  }

  end() {
    this.child.kill('SIGKILL')
  }
}

const sum = (counts) =>
  Object.fromEntries(sorts.map((sort) => [sort, counts.reduce((n, one) => n + one[sort], 0)]))
const total = (held) => Object.values(held).reduce((a, b) => a + b, 0)

const heldBy = async (holders) => sum(await Promise.all(holders.map((one) => one.held())))

// Waits until the daemon has ended every peer by itself; how many are left of each sort.
async function outlast(holders) {
  const end = Date.now() + SETTLE_MS
  for (;;) {
    const held = await heldBy(holders)
    if (total(held) === 0 || Date.now() >= end) return held
    await sleep(1000)
  }
}

// ---- the run ----

async function besieged(sdk, holders, before) {
  await Promise.all(holders.map((one) => one.begin(Math.ceil(PEERS / HOLDERS))))
  await sleep(QUIET_MS)
  const first = await heldBy(holders)
  const start = await figures()
  const times = await registrations(sdk, ROUNDS)
  const last = await heldBy(holders)
  const end = await figures()
  tell('during', end, times)
  for (const sort of sorts)
    console.log(`        ${sort}: ${first[sort]} at first, ${last[sort]} in the end`)

  const count = Math.min(total(first), total(last))
  const grown = Math.max(start.rss, end.rss) - before.rss
  const open = Math.min(start.open, end.open) - before.open
  console.log(
    `        ${(grown / count).toFixed(1)} KiB for each peer; ${end.accepted - before.accepted} accepted`,
  )
  // On a busy machine besiegers take their time to notice their end and to come back.
  check('peers are held while devices register', count >= PEERS / 2, `${count} of ${PEERS}`)
  check('the daemon holds them too', open >= PEERS / 3, `${open} connections`)
  const bound = PEER_MAX_KIB * count + ONCE_MAX_KIB
  check('memory is bounded', grown < bound, `${grown} of ${bound} KiB`)
}

async function afterwards(sdk, holders, before) {
  await Promise.all(holders.map((one) => one.cease()))
  const left = await outlast(holders)
  check('deadlines end every peer', total(left) === 0, JSON.stringify(left))
  const files = await settleFiles(daemon.child.pid, before.files)
  check('no file is left open', files <= before.files, `${files}, ${before.files} before`)
  const times = await registrations(sdk, ROUNDS)
  const after = await figures()
  tell('after', after, times)
  const kept = after.rss - before.rss
  check('memory is given back', kept < ONCE_MAX_KIB, `${kept} KiB more than before`)
}

async function siege() {
  const sdk = new Sdk(daemon)
  const holders = Array.from({ length: HOLDERS }, (_, i) => new Holder(i))
  try {
    await registrations(sdk, 3) // what is loaded once
    const times = await registrations(sdk, ROUNDS)
    await sleep(QUIET_MS)
    const before = await figures()
    tell('before', before, times)
    await besieged(sdk, holders, before)
    await afterwards(sdk, holders, before)
    check('every registration succeeded', true, String(number))
  } finally {
    for (const one of holders) one.end()
    await sdk.stop()
  }
}

process.on('exit', () => daemon.child?.kill('SIGKILL')) // also when this ends before its time
try {
  await daemon.start()
  await call(daemon, daemon.profile.connectionString, 'PUT', GROUP_PATH, {
    enrollmentGroupId: GROUP,
    attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: KEY, secondaryKey: KEY } },
  })
  await siege()
  await daemon.stop()
  check('stops in order', true)
} catch (error) {
  check('the siege is stood', false, `${error.stack}\n${daemon.stderr.slice(0, 4000)}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
