// Servers under load: the daemon, its bare mode and the baseline, each on core 0, and the clocks of their threads.
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import fs from 'node:fs'
import https from 'node:https'
import path from 'node:path'

const SERVER_CORE = '0'
const CLIENT_CORE = '1'
const running = new Set()

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

export function stopAll() {
  for (const child of running) child.kill('SIGKILL')
}

// Starts a program and waits until a line of its output matches.
function start(argv, env, ready) {
  const child = spawn('taskset', ['-c', SERVER_CORE, ...argv], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  return new Promise((resolve, reject) => {
    let out = '',
      err = ''
    child.stderr.on('data', (d) => {
      err = (err + d).slice(-4000)
    })
    child.stdout.on('data', (d) => {
      const found = ready.exec((out += d))
      if (found) resolve({ child, pid: child.pid, found })
    })
    child.on('exit', (code) => {
      running.delete(child)
      reject(new Error(`${argv[0]} ended with ${code}: ${err.trim()}`))
    })
    child.on('error', reject)
  })
}

export async function startDaemon(berth, dir, bare) {
  const s = await start(
    [
      berth,
      'serve',
      '--data-dir',
      dir,
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
      '--loops',
      '1',
    ],
    bare ? { BERTH_BENCH_BARE_TLS: '1' } : {},
    /^berth serves https:\/\/\S+:(\d+) and mqtts:\/\/\S+:(\d+); ID scope (\S+)$/m,
  )
  return { ...s, dir, https: +s.found[1], mqtts: +s.found[2], scope: s.found[3] }
}

export async function startBare(program, dir) {
  const s = await start(
    [program, path.join(dir, 'tls/server.pem'), path.join(dir, 'tls/server.key')],
    {},
    /^(\d+)$/m,
  )
  return { ...s, port: +s.found[1] }
}

export async function stop(server) {
  const gone = new Promise((done) => server.child.once('exit', done))
  server.child.kill('SIGTERM')
  await gone
}

// Nanoseconds on a CPU of each thread, exact once the thread sleeps.
function clocks(pid) {
  const at = {}
  for (const tid of fs.readdirSync(`/proc/${pid}/task`))
    at[tid] = Number(fs.readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0])
  return at
}

// The loop is the thread that a load of handshakes keeps busiest: there is one loop.
export async function findLoop(server, load) {
  const before = clocks(server.pid)
  await load()
  const after = clocks(server.pid)
  server.loop = Object.keys(after).reduce((a, b) =>
    after[a] - before[a] >= after[b] - before[b] ? a : b,
  )
}

// Seconds that each core was busy with anything.
function busy() {
  const cores = fs
    .readFileSync('/proc/stat', 'utf8')
    .match(/^cpu\d.*$/gm)
    .slice(0, 2)
  return cores.map((line) => {
    const [, user, nice, system, , , irq, softirq, steal] = line.split(/ +/).map(Number)
    return (user + nice + system + irq + softirq + steal) / 100
  })
}

function runLoad(program, args, key, nice = 0) {
  return new Promise((resolve, reject) => {
    const child = spawn(
      'nice',
      ['-n', nice, 'taskset', '-c', CLIENT_CORE, program, ...args].map(String),
      {
        env: { ...process.env, TLSLOAD_KEY: key ?? '' },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let out = ''
    running.add(child)
    child.stdout.on('data', (d) => {
      out += d
    })
    child.on('error', reject)
    child.on('close', (code) => {
      running.delete(child)
      const result = out ? JSON.parse(out) : {}
      if (code === 0) resolve(result)
      else
        reject(
          new Error(
            `${result.errors ?? 'all'} connections failed: ${result.firstError ?? `code ${code}`}`,
          ),
        )
    })
  })
}

// One load; microseconds of CPU per connection, and the share of both cores that others took meanwhile. SETTLE-MS lets
// the store fold its log into the database: that is work, too.
export async function measure(server, program, load, settleMs) {
  const before = clocks(server.pid)
  const args = [
    '-p',
    load.port,
    '-m',
    load.mode,
    '-n',
    load.count,
    '-k',
    load.atOnce,
    '-t',
    load.tls,
  ]
  const busyBefore = busy(),
    began = performance.now()
  const result = await runLoad(
    program,
    load.scope ? [...args, '-s', load.scope, '-r', load.prefix] : args,
    load.key,
  )
  await sleep(20)
  const seconds = (performance.now() - began) / 1000
  const used = busy().reduce((a, b) => a + b, 0) - busyBefore.reduce((a, b) => a + b, 0)
  const last = clocks(server.pid)
  if (settleMs > 0) await sleep(settleMs)
  const after = clocks(server.pid)
  const sum = (c) => Object.values(c).reduce((a, b) => a + b, 0)
  const per = (ns) => ns / 1000 / load.count
  const ours = (sum(last) - sum(before)) / 1e9 + result.totalCpuUs / 1e6
  return {
    loop: per(after[server.loop] - before[server.loop]),
    all: per(sum(after) - sum(before)),
    later: per(sum(after) - sum(last)),
    client: result.cpuUs / load.count,
    others: Math.max(0, used - ours) / seconds / 2,
    rate: load.count / (result.wallUs / 1e6),
  }
}

const argsOf = (load) => [
  '-p',
  load.port,
  '-m',
  load.mode,
  '-n',
  load.count,
  '-k',
  load.atOnce,
  '-t',
  load.tls,
  '-s',
  load.scope,
  '-r',
  load.prefix,
  '-e',
  load.rate,
  '-f',
  load.peers ?? 0,
]

// LOAD at its rate, with FLOOD (or null) around it: its latency, and what the server's threads used meanwhile, in ns. The flood's
// client gives way to the other on their core.
export async function measureBeside(server, program, load, flood) {
  const beside = flood === null ? null : runLoad(program, argsOf(flood), flood.key, 19)
  await sleep(flood === null ? 0 : 300) // it makes its tokens first
  const before = clocks(server.pid),
    began = performance.now()
  const result = await runLoad(program, argsOf(load), load.key)
  const seconds = (performance.now() - began) / 1000
  const after = clocks(server.pid)
  if (beside !== null) await beside
  const used = Object.entries(after).map(([tid, ns]) => [tid, ns - (before[tid] ?? 0)])
  return {
    p50: result.p50Us,
    p99: result.p99Us,
    seconds,
    loop: Object.fromEntries(used)[server.loop],
    all: used.reduce((sum, [, ns]) => sum + ns, 0),
  }
}

function readProfile(dir) {
  const text = fs.readFileSync(path.join(dir, 'profile.ini'), 'utf8')
  const [, host, policy, key] =
    /^connection-string = HostName=([^;]*);SharedAccessKeyName=([^;]*);SharedAccessKey=(.*)$/m.exec(
      text,
    )
  return { host, policy, key }
}

function serviceToken({ host, policy, key }) {
  const se = Math.floor(Date.now() / 1000) + 600
  const sig = createHmac('sha256', Buffer.from(key, 'base64'))
    .update(`${host}\n${se}`)
    .digest('base64')
  return `SharedAccessSignature sr=${host}&sig=${encodeURIComponent(sig)}&se=${se}&skn=${policy}`
}

// An enrollment group with this key, for the devices of the load.
export function putGroup(server, name, key) {
  const body = JSON.stringify({
    enrollmentGroupId: name,
    attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: key } },
  })
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: '127.0.0.1',
        servername: 'localhost',
        port: server.https,
        method: 'PUT',
        path: `/enrollmentGroups/${name}?api-version=2021-10-01`,
        ca: fs.readFileSync(path.join(server.dir, 'tls/ca.pem')),
        headers: {
          host: 'localhost',
          authorization: serviceToken(readProfile(server.dir)),
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          connection: 'close',
        },
      },
      (answer) => {
        let text = ''
        answer.on('data', (d) => {
          text += d
        })
        answer.on('end', () =>
          answer.statusCode === 200
            ? resolve()
            : reject(new Error(`group: ${answer.statusCode} ${text}`)),
        )
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}
