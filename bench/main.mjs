// Targets 1, 2, 6, 11 and 12 of docs/performance.md, each with its baseline in the same run. docs/performance.md says how.
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import * as servers from './servers.mjs'
import { fileURLToPath } from 'node:url'

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..')
const SETTLE_MS = 1300 // the store folds its log into the database when idle for a second
const AT_ONCE = 64
const WARM_UP = 300
const OTHERS_MAX = 0.1 // of both cores; starting the client and the kernel's own threads come to less
const ATTEMPTS = 5
let repeated = 0
const SHELL_KEYS = 200
const CLI_KEYS = 1000000
const REFUSAL_ROUNDS = 7
const PROGRAM_ROUNDS = 7 // of bench_store and bench_derive, which interleave their own

// Many short rounds rather than few long ones: what a virtual machine's host does to one is then soon over.
const { values: opt, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    verbose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '15' },
    connections: { type: 'string', default: '1000' },
    build: { type: 'string', default: path.join(root, 'build/release') },
    berth: { type: 'string' },
  },
})
const rounds = Number(opt.rounds)
const connections = Number(opt.connections)
const program = (name) => path.join(opt.build, 'bench', name)
const note = (text) => process.stderr.write(`${text}\n`)

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

// ---- targets 1, 2 and 6: the daemon under new connections ----

const GROUP_KEY = Buffer.alloc(64, 7).toString('base64')

async function startServers(dir) {
  const berth = opt.berth ?? path.join(opt.build, 'cli/berth')
  const daemon = await servers.startDaemon(berth, path.join(dir, 'daemon'), false)
  const hs = await servers.startDaemon(berth, path.join(dir, 'hs'), true)
  const bare = await servers.startBare(program('bare'), daemon.dir)
  await servers.putGroup(daemon, 'bench', GROUP_KEY)
  return { daemon, hs, bare }
}

function loadsOf({ daemon, hs, bare }) {
  let serial = 0
  const base = (port, mode) => ({ port, mode, count: connections, atOnce: AT_ONCE, tls: 13 })
  const device = (port, mode) => ({
    ...base(port, mode),
    scope: daemon.scope,
    key: GROUP_KEY,
    prefix: `sn-007-888-abc-mac-a1-b2-c3-d${String(serial++).padStart(3, '0')}`,
  })
  return {
    bare: { server: bare, load: () => base(bare.port, 'close') },
    hs: { server: hs, load: () => base(hs.mqtts, 'close') },
    'bare, echo': { server: bare, load: () => base(bare.port, 'echo') },
    'hs, echo': { server: hs, load: () => base(hs.mqtts, 'echo') },
    mqtt: { server: daemon, load: () => device(daemon.mqtts, 'mqtt'), settle: SETTLE_MS },
    https: { server: daemon, load: () => device(daemon.https, 'http'), settle: SETTLE_MS },
  }
}

// A run that other programs disturbed is repeated: that is told by their share of the cores, not by what came out.
async function measureQuiet(l) {
  let m
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    m = await servers.measure(l.server, program('tlsload'), l.load(), l.settle ?? 0)
    if (m.others <= OTHERS_MAX) break
    repeated++
    await servers.sleep(500)
  }
  return m
}

async function measureServers(dir) {
  const up = await startServers(dir)
  const loads = Object.entries(loadsOf(up))
  for (const [, l] of loads)
    await servers.findLoop(l.server, () =>
      servers.measure(l.server, program('tlsload'), { ...l.load(), count: WARM_UP }, 0),
    )
  const raw = Object.fromEntries(loads.map(([name]) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    note(`round ${round + 1} of ${rounds}`)
    for (let i = 0; i < loads.length; i++) {
      const [name, l] = loads[(i + round) % loads.length] // none is always first
      raw[name].push(await measureQuiet(l))
    }
  }
  for (const server of Object.values(up)) await servers.stop(server)
  return raw
}

// The ratio is the median of the rounds' ratios: what drifts between rounds drifts for both.
function compare(raw, figure, baseline, clock) {
  const of = (name) => raw[name].map((m) => m[clock])
  const base = of(baseline)
  return {
    figure: median(of(figure)),
    baseline: median(base),
    unit: 'us',
    ratio: median(of(figure).map((v, i) => v / base[i])),
  }
}

function serverRows(raw) {
  const rate = median(raw.mqtt.map((m) => m.rate))
  return [
    {
      target: '1',
      what: 'MQTT registration, loop',
      against: 'hs',
      ...compare(raw, 'mqtt', 'hs', 'loop'),
      most: 1.2,
    },
    {
      target: '2',
      what: 'MQTT registration, all CPU',
      against: 'hs',
      ...compare(raw, 'mqtt', 'hs', 'all'),
      most: 1.35,
    },
    { target: '2', what: 'MQTT registrations per second', figure: rate, unit: '/s', floor: 1500 },
    { target: '6', what: 'hs', against: 'bare', ...compare(raw, 'hs', 'bare', 'all'), most: 1.05 },
    {
      target: '6',
      what: 'hs with an echo',
      against: 'bare',
      ...compare(raw, 'hs, echo', 'bare, echo', 'all'),
      most: 1.05,
    },
    {
      target: '-',
      what: 'MQTT registration, loop',
      against: 'hs, echo',
      ...compare(raw, 'mqtt', 'hs, echo', 'loop'),
    },
    {
      target: '-',
      what: 'MQTT registration, all CPU',
      against: 'hs, echo',
      ...compare(raw, 'mqtt', 'hs, echo', 'all'),
    },
    {
      target: '-',
      what: 'HTTPS registration, all CPU',
      against: 'hs',
      ...compare(raw, 'https', 'hs', 'all'),
    },
    {
      target: '-',
      what: "client's CPU, MQTT",
      figure: median(raw.mqtt.map((m) => m.client)),
      unit: 'us',
    },
  ]
}

// ---- refusals: what a flood of them costs those who are served ----

const FLOOD = 300 // a second, open loop
const FLOOD_PEERS = 60 // so many addresses, so that none is over its bound on failures
const SERVED = 100 // registrations a second whose latency is looked at
const SERVED_COUNT = 300

// Quiet twice: what two quiet runs differ by is noise. "Served" is the same flood with right keys, of devices that are
// known: what any flood of handshakes does to those beside it, on the server's core as on the client's.
async function measureRefusals(dir) {
  const berth = opt.berth ?? path.join(opt.build, 'cli/berth')
  const daemon = await servers.startDaemon(berth, path.join(dir, 'refusals'), false)
  await servers.putGroup(daemon, 'bench', GROUP_KEY)
  let serial = 0
  const load = (more) => ({
    port: daemon.https,
    mode: 'http',
    count: SERVED_COUNT,
    atOnce: 512,
    tls: 13,
    scope: daemon.scope,
    key: GROUP_KEY,
    rate: SERVED,
    prefix: `dev-${serial++}`,
    ...more,
  })
  const flood = (more) =>
    load({
      count: FLOOD * (SERVED_COUNT / SERVED + 1),
      rate: FLOOD,
      peers: FLOOD_PEERS,
      prefix: 'flood',
      ...more,
    })
  const floods = {
    quiet: () => null,
    'quiet again': () => null,
    refusals: () => flood({ mode: 'refused', key: Buffer.alloc(64, 9).toString('base64') }),
    served: () => flood({ mode: 'http' }),
  }
  const run = (name) => servers.measureBeside(daemon, program('tlsload'), load(), floods[name]())
  await servers.findLoop(daemon, () => run('served')) // from now on the flood's devices are known
  const raw = Object.fromEntries(Object.keys(floods).map((name) => [name, []]))
  for (let round = 0; round < REFUSAL_ROUNDS; round++) {
    note(`refusals, round ${round + 1} of ${REFUSAL_ROUNDS}`)
    const names = Object.keys(floods)
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length]
      await servers.sleep(SETTLE_MS)
      raw[name].push(await run(name))
    }
  }
  await servers.stop(daemon)
  return raw
}

function refusalRows(raw) {
  const beside = (name, clock) => {
    const of = raw[name].map((m) => m[clock]),
      base = raw.quiet.map((m) => m[clock])
    return {
      figure: median(of),
      baseline: median(base),
      unit: 'us',
      ratio: median(of.map((v, i) => v / base[i])),
      against: 'quiet',
    }
  }
  const each = (name, clock) =>
    median(
      raw[name].map(
        (m, i) =>
          (m[clock] / m.seconds - raw.quiet[i][clock] / raw.quiet[i].seconds) / 1000 / FLOOD,
      ),
    )
  const rows = []
  for (const clock of ['p50', 'p99']) {
    rows.push({
      target: 'r',
      what: `${clock} of a registration, quiet again`,
      ...beside('quiet again', clock),
    })
    rows.push({
      target: 'r',
      what: `${clock}, beside ${FLOOD} refusals a second`,
      ...beside('refusals', clock),
    })
    rows.push({
      target: 'r',
      what: `${clock}, beside ${FLOOD} served a second`,
      ...beside('served', clock),
    })
  }
  for (const clock of ['loop', 'all']) {
    const refused = each('refusals', clock),
      served = each('served', clock)
    rows.push({
      target: 'r',
      what: `a refusal, ${clock === 'all' ? 'all CPU' : clock}`,
      figure: refused,
      against: 'served',
      baseline: served,
      unit: 'us',
      ratio: refused / served,
    })
  }
  return rows
}

// ---- who it is, by how many groups there are ----

function attestRows() {
  note('attest')
  const text = execFileSync(
    'taskset',
    ['-c', '0', program('bench_attest'), String(PROGRAM_ROUNDS)],
    { encoding: 'utf8' },
  )
  const took = JSON.parse(text)
  return [1, 100, 10000].flatMap((n) => [
    {
      target: 'a',
      what: `a known device attested, ${n} groups`,
      figure: took[`known${n}`],
      against: '1 group',
      baseline: took.known1,
      unit: 'us',
      ratio: took[`known${n}`] / took.known1,
    },
    {
      target: 'a',
      what: `a token of nobody's, ${n} groups`,
      figure: took[`refused${n}`],
      against: 'a group',
      baseline: took[`refused${n}`] / n,
      unit: 'us',
      ratio: n,
    },
  ])
}

// ---- target 11: the store ----

function storeRows(dir) {
  note('store')
  const text = execFileSync(program('bench_store'), [dir, String(PROGRAM_ROUNDS)], {
    encoding: 'utf8',
  })
  const line = (name) => {
    const found = new RegExp(
      `^${name} +(\\d+) rows/s +commit p50 +(\\d+) us +p99 +(\\d+) us`,
      'm',
    ).exec(text)
    if (found === null) throw new Error(`bench_store said: ${text}`)
    return { rows: +found[1], p50: +found[2], p99: +found[3] }
  }
  const one = line('one'),
    many = line('64 in flight')
  if (opt.verbose) note(text.trim())
  return [
    {
      target: '11',
      what: 'durable rows, 64 in flight',
      against: 'one a commit',
      figure: many.rows,
      baseline: one.rows,
      unit: '/s',
      ratio: many.rows / one.rows,
      least: 15,
    },
    {
      target: '11',
      what: 'p99 of a commit',
      against: 'p50',
      figure: many.p99,
      baseline: many.p50,
      unit: 'us',
      ratio: many.p99 / many.p50,
      most: 3,
    },
  ]
}

// ---- target 12: deriving keys ----

function shellKeysPerSecond() {
  const script = `for i in $(seq ${SHELL_KEYS}); do printf 'sn-007-888-abc-mac-a1-b2-c3-d4-%09d' "$i" |
        openssl dgst -sha256 -mac HMAC -macopt hexkey:$KEY -binary | base64; done >/dev/null`
  const began = process.hrtime.bigint()
  execFileSync('taskset', ['-c', '0', 'bash', '-c', script], {
    env: { ...process.env, KEY: '07'.repeat(64) },
  })
  return SHELL_KEYS / (Number(process.hrtime.bigint() - began) / 1e9)
}

// The whole program, from its start to the file on the disk: CPU, as for the others.
function cliKeysPerSecond(dir) {
  const ids = path.join(dir, 'ids.csv')
  const lines = Array.from(
    { length: CLI_KEYS },
    (_, i) => `sn-007-888-abc-mac-a1-b2-c3-d4-${String(i).padStart(9, '0')}`,
  )
  fs.writeFileSync(ids, `registrationId\n${lines.join('\n')}\n`)
  const script = `TIMEFORMAT='%U %S'; time taskset -c 0 "$0" key derive --csv "$1" -o "$2" 2>&1`
  const seconds = Array.from({ length: PROGRAM_ROUNDS }, () => {
    const ran = spawnSync(
      'bash',
      [
        '-c',
        script,
        opt.berth ?? path.join(opt.build, 'cli/berth'),
        ids,
        path.join(dir, 'cli-keys'),
      ],
      { env: { ...process.env, BERTH_KEY: GROUP_KEY }, encoding: 'utf8' },
    )
    if (ran.status !== 0) throw new Error(`berth key derive: ${ran.stdout}${ran.stderr}`)
    return ran.stderr
      .trim()
      .split(' ')
      .reduce((sum, part) => sum + Number(part), 0)
  })
  return CLI_KEYS / median(seconds)
}

function deriveRows(dir) {
  note('derive')
  const out = fs.openSync(path.join(dir, 'keys'), 'w+')
  const report = path.join(dir, 'derive.json')
  const err = fs.openSync(report, 'w')
  execFileSync('taskset', ['-c', '0', program('bench_derive'), String(PROGRAM_ROUNDS)], {
    stdio: ['ignore', out, err],
  })
  fs.closeSync(out)
  fs.closeSync(err)
  const { prepared, atOnce } = JSON.parse(fs.readFileSync(report, 'utf8'))
  const shell = shellKeysPerSecond()
  const cli = cliKeysPerSecond(dir)
  const row = (against, baseline) => ({
    what: 'keys derived and written',
    against,
    figure: prepared,
    baseline,
    unit: '/s',
    ratio: prepared / baseline,
  })
  return [
    {
      target: '12',
      what: 'keys of a CSV file, whole program',
      against: 'HMAC() one-shot',
      figure: cli,
      baseline: atOnce,
      unit: '/s',
      ratio: cli / atOnce,
      floor: 2e6,
    },
    { target: '12', ...row('HMAC() one-shot', atOnce), floor: 2e6 },
    { target: '12', ...row('openssl in a shell', shell), floor: 2e6 },
  ]
}

// ---- the table ----

// What the figures are worth when the machine was not ours alone; "" when it was.
function disturbance(raw) {
  const shares = Object.values(raw)
    .flat()
    .map((m) => m.others)
  const disturbed = shares.filter((share) => share > OTHERS_MAX).length
  if (disturbed === 0) return ''
  return (
    `Other programs took more than ${OTHERS_MAX * 100} % of the two cores in ${disturbed} of ${shares.length} runs, each tried ` +
    `${ATTEMPTS} times: measure again when the machine is quiet.`
  )
}

function number(value) {
  if (value === undefined) return ''
  return value >= 1000 ? String(Math.round(value)) : value.toFixed(1)
}

function judge(r) {
  if (r.most !== undefined) return { bound: `<= ${r.most.toFixed(2)} x`, met: r.ratio <= r.most }
  if (r.least !== undefined) return { bound: `>= ${r.least} x`, met: r.ratio >= r.least }
  if (r.floor !== undefined) return { bound: `>= ${r.floor}/s`, met: r.figure >= r.floor }
  return { bound: '', met: undefined }
}

function printTable(rows) {
  const lines = [['', 'what', 'figure', 'against', 'baseline', 'ratio', 'bound', '']]
  for (const r of rows) {
    const { bound, met } = judge(r)
    const unit = (v) => (v === undefined ? '' : `${number(v)} ${r.unit}`)
    lines.push([
      r.target,
      r.what,
      unit(r.figure),
      r.against ?? '',
      unit(r.baseline),
      r.ratio === undefined ? '' : r.ratio >= 100 ? r.ratio.toFixed(0) : r.ratio.toFixed(2),
      bound,
      met === undefined ? '' : met ? 'met' : 'NOT MET',
    ])
  }
  const widths = lines[0].map((_, i) => Math.max(...lines.map((l) => l[i].length)))
  const right = new Set([2, 4, 5])
  for (const l of lines)
    console.log(
      l
        .map((cell, i) => (right.has(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
        .join('  ')
        .trimEnd(),
    )
}

function printRounds(raw) {
  for (const [name, list] of Object.entries(raw)) {
    const show = (clock) => list.map((m) => number(m[clock])).join(' ')
    console.log(
      `\n${name}: us of CPU per connection\n  loop   ${show('loop')}\n  all    ${show('all')}`,
    )
    console.log(
      `  later  ${show('later')}   (of all: after the load, the store's checkpoint)\n  client ${show('client')}\n  per s  ${show('rate')}`,
    )
    console.log(
      `  others ${list.map((m) => `${Math.round(m.others * 100)} %`).join(' ')}   (of both cores: what else ran meanwhile)`,
    )
  }
}

function machine() {
  return {
    date: new Date().toISOString(),
    cpu: os.cpus()[0].model,
    cores: os.cpus().length,
    kernel: os.release(),
    openssl: execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim(),
    rounds,
    connections,
    tls: '1.3',
  }
}

async function main() {
  const wanted = (name) => positionals.length === 0 || positionals.includes(name)
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-bench-'))
  let rows = [],
    raw = {}
  if (os.cpus().length < 2)
    throw new Error('needs two cores: one for the server, one for the client')
  process.on('exit', () => {
    servers.stopAll()
    fs.rmSync(dir, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
  const about = machine()
  if (wanted('berth')) {
    raw = await measureServers(dir)
    rows = serverRows(raw)
  }
  if (wanted('refusals')) rows.push(...refusalRows(await measureRefusals(dir)))
  if (wanted('attest')) rows.push(...attestRows())
  if (wanted('store')) rows.push(...storeRows(dir))
  if (wanted('derive')) rows.push(...deriveRows(dir))
  if (opt.json) {
    console.log(
      JSON.stringify(
        {
          machine: about,
          repeated,
          disturbance: disturbance(raw),
          rows: rows.map((r) => ({ ...r, ...judge(r) })),
          rounds: raw,
        },
        null,
        1,
      ),
    )
    return
  }
  console.log(
    `${about.date}  ${about.cores} cores ${about.cpu}, Linux ${about.kernel}, ${about.openssl}`,
  )
  console.log(
    `TLS 1.3, ${connections} connections a run, ${AT_ONCE} at once, ${rounds} rounds; CPU of the server per connection, medians\n`,
  )
  printTable(rows)
  if (disturbance(raw)) console.log(`\n${disturbance(raw)}`)
  if (opt.verbose) printRounds(raw)
}

main().catch((e) => {
  note(`bench: ${e.message}`)
  process.exit(1)
})
