// Where the time of a server goes in a connection: perf over it under load, by library, in microseconds a connection and beside what it
// is held against. It explains what misses its bound. Wants perf, and the right to use it.
import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { findLoop } from '../lib/measure.mjs'
import { runLoad } from '../lib/load.mjs'
import { clocks, sleep, stop, total, track } from '../lib/processes.mjs'
import { median } from '../lib/stats.mjs'
import { loadsOf, startServers } from './connections.mjs'

const ROUNDS = 3
const ATTACH_MS = 500 // until perf looks at the process; a server that rests meanwhile gives no samples
const CASES = ['hs', 'mosquitto', 'nginx', 'mqtt', 'https']

// What a shared object is to the reader. The program itself is what none of these names.
const PLACES = [
  ['TLS (libssl, libcrypto)', /^lib(crypto|ssl)\./],
  ['kernel', /^\[(kernel|vdso|guest)/],
  ['libc', /^libc\.|^ld-linux/],
  ['SQLite', /^libsqlite3/],
  ['libuv', /^libuv/],
]
const placeOf = (dso) => PLACES.find(([, names]) => names.test(dso))?.[0] ?? 'the program itself'

// place -> share of all samples, 0 to 1, for the loop and for the other threads.
function sharesOf(file, loop) {
  const args = ['report', '-i', file, '--no-children', '-g', 'none', '-F', 'overhead,pid,dso', '-t', '|', '--stdio']
  const text = execFileSync('perf', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 })
  const shares = {}
  for (const line of text.split('\n')) {
    const found = /^\s*([\d.]+)%\s*\|\s*(\d+):[^|]*\|\s*(\S+)/.exec(line)
    if (!found) continue
    const where = `${found[2] === loop ? '' : 'writer: '}${placeOf(found[3])}`
    shares[where] = (shares[where] ?? 0) + Number(found[1]) / 100
  }
  if (total(shares) < 0.9) throw new Error('perf tells too little: is this process allowed to use it (kernel.perf_event_paranoid)?')
  return shares
}

async function record(file, pid) {
  const perf = track(spawn('perf', ['record', '-q', '-F', '4999', '-o', file, '-p', String(pid)], { stdio: 'ignore' }))
  await new Promise((done, failed) => {
    perf.on('spawn', done)
    perf.on('error', () => failed(new Error('perf is not here: it is in the Debian package linux-perf')))
  })
  await sleep(ATTACH_MS)
  return () => {
    const gone = new Promise((done) => perf.once('exit', done))
    perf.kill('SIGINT')
    return gone
  }
}

// place -> microseconds a connection.
async function profileOf(ctx, name, { server, load }) {
  const file = path.join(ctx.dir, `${name}.perf`)
  const count = ctx.connections * 2
  const end = await record(file, server.pid)
  const before = total(clocks(server.pid))
  await runLoad(ctx.program('load'), { ...load(), count })
  const each = (total(clocks(server.pid)) - before) / 1000 / count
  await end()
  return Object.fromEntries(Object.entries(sharesOf(file, server.loop)).map(([where, share]) => [where, share * each]))
}

export async function run(whole) {
  const ctx = { ...whole, dir: fs.mkdtempSync(path.join(whole.dir, 'profile-')) } // its servers are none of another part's
  const up = await startServers(ctx)
  const loads = loadsOf(ctx, up)
  const raw = Object.fromEntries(CASES.map((name) => [name, []]))
  for (const name of CASES) await findLoop(loads[name].server, () => runLoad(ctx.program('load'), loads[name].load()))
  for (let round = 0; round < ctx.atMost(ROUNDS); round++) {
    ctx.note(`profile, round ${round + 1}`)
    for (const name of CASES) raw[name].push(await profileOf(ctx, name, loads[name]))
  }
  for (const server of Object.values(up)) await stop(server)
  return { raw, rows: [], profile: Object.fromEntries(CASES.map((name) => [name, medians(raw[name])])) }
}

function medians(rounds) {
  const places = [...new Set(rounds.flatMap(Object.keys))]
  return Object.fromEntries(places.map((place) => [place, median(rounds.map((round) => round[place] ?? 0))]))
}
