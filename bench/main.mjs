// What berth costs, against baselines in the same run, and how that grows. docs/performance.md says how.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { disturbance, timesRepeated } from './lib/measure.mjs'
import { peerVersions } from './lib/peers.mjs'
import { stopAll } from './lib/processes.mjs'
import { drifted, joined, plotsOf, publish, savedBeside } from './lib/publish.mjs'
import { judge, profileOf, tableOf } from './lib/table.mjs'

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..')
const PARTS = ['connections', 'refusals', 'attest', 'idle', 'loops', 'store', 'derive', 'growth']
const EXTRA = ['profile'] // when named, and when saved
const QUICK_CONNECTIONS = 20
const SETTLE_MS = 1300 // the store folds its log into the database when idle for a second

const USAGE = `usage: bench/run [OPTION..] [PART..]

Parts, all of them when none is named: ${PARTS.join(', ')}.
By name, and with --save: ${EXTRA.join(', ')} (where the server's time goes, by perf).

  --rounds N          of the connections (15: many short rounds, so that what disturbs one is soon over); of the rest at most
  --connections N     of each round (1000)
  --json              the results as JSON
  --save              write docs/performance/ and what docs/performance.md and README.md quote; with parts named, these are measured
                      again and the rest stays, if it is of the same machine
  --check             nothing is measured: do the pages say what the saved results say?
  --quick             tiny counts: does every part still work? Its figures say nothing
  --build DIRECTORY   of the programs (build/release)
  --berth PROGRAM     another daemon than the build's
`

function options() {
  const flag = { type: 'boolean', default: false }
  return parseArgs({
    allowPositionals: true,
    options: {
      json: flag,
      save: flag,
      check: flag,
      quick: flag,
      help: { ...flag, short: 'h' },
      rounds: { type: 'string', default: '15' },
      connections: { type: 'string', default: '1000' },
      build: { type: 'string', default: path.join(root, 'build/release') },
      berth: { type: 'string' },
    },
  })
}

const note = (text) => process.stderr.write(`${text}\n`)

function contextOf(opt, dir) {
  return {
    dir,
    note,
    quick: opt.quick,
    rounds: opt.quick ? 1 : Number(opt.rounds),
    connections: opt.quick ? QUICK_CONNECTIONS : Number(opt.connections),
    few: (count) => (opt.quick ? Math.min(count, QUICK_CONNECTIONS) : count),
    settleMs: opt.quick ? 50 : SETTLE_MS,
    atMost: (count) => (opt.quick ? 1 : Math.min(count, Number(opt.rounds))), // rounds of what needs fewer
    attempts: (count) => (opt.quick ? 1 : count),
    berth: opt.berth ?? path.join(opt.build, 'cli/berth'),
    program: (name) => path.join(opt.build, 'bench', name),
  }
}

function machine(ctx) {
  return {
    date: new Date().toISOString(),
    cpu: os.cpus()[0].model,
    cores: os.cpus().length,
    kernel: os.release(),
    openssl: execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim().replace(/ \d+ \w+ \d+.*/, ''),
    ...peerVersions(),
    rounds: ctx.rounds,
    connections: ctx.connections,
    tls: '1.3',
  }
}

async function measureParts(ctx, parts) {
  const results = { machine: machine(ctx), rows: [], seconds: {}, rounds: {} }
  for (const part of parts) {
    const began = performance.now()
    const { run } = await import(`./targets/${part}.mjs`)
    const { rows, raw, growth, profile } = await run(ctx)
    results.rows.push(...rows.map((r) => ({ part, ...r, ...judge(r) })))
    results.rounds[part] = growth ? undefined : raw
    if (growth) results.growth = growth
    if (profile) results.profile = profile
    results.seconds[part] = Math.round((performance.now() - began) / 1000)
    note(`${part}: ${results.seconds[part]} s`)
  }
  return { ...results, repeated: timesRepeated(), disturbance: disturbance() }
}

function print(results, json) {
  const m = results.machine
  if (json) {
    console.log(JSON.stringify(results, null, 1))
    return
  }
  console.log(`${m.date}  ${m.cores} cores ${m.cpu}, Linux ${m.kernel}, ${m.openssl}`)
  console.log(`TLS 1.3, ${m.connections} connections a run, 64 at once, ${m.rounds} rounds; CPU of the server per connection, medians\n`)
  if (results.rows.length > 0) console.log(tableOf(results.rows))
  if (results.profile) console.log(profileOf(results.profile))
  if (results.disturbance) console.log(`\n${results.disturbance}`)
}

// A part that gives no figure has rotted, however small the counts.
function checkFigures(results) {
  const bad = results.rows.filter((r) => !Number.isFinite(r.figure) || (r.against !== undefined && !Number.isFinite(r.baseline)))
  if (bad.length > 0) throw new Error(`no figure: ${bad.map((r) => r.what).join('; ')}`)
  plotsOf(results)
}

function check() {
  const names = drifted(root)
  for (const name of names) note(`${name} does not say what docs/performance/results.json says: bench/run --save`)
  process.exit(names.length === 0 ? 0 : 1)
}

async function main() {
  const { values: opt, positionals } = options()
  const unknown = positionals.filter((name) => ![...PARTS, ...EXTRA].includes(name))
  if (opt.help) return void process.stdout.write(USAGE)
  if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')}. Parts: ${PARTS.join(', ')}`)
  if (opt.check) check()
  if (os.cpus().length < 2) throw new Error('needs two cores: one for the server, one for the client')
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-bench-'))
  process.on('exit', () => {
    stopAll()
    fs.rmSync(dir, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
  const all = [...PARTS, ...EXTRA]
  const parts = positionals.length > 0 ? all.filter((name) => positionals.includes(name)) : opt.save ? all : PARTS
  const ctx = contextOf(opt, dir)
  const kept = opt.save && parts.length < all.length ? savedBeside(root, parts, machine(ctx)) : undefined // before minutes of work
  const results = await measureParts(ctx, parts)
  if (opt.quick) checkFigures(results)
  if (opt.save) publish(root, kept ? joined(kept, results, all) : results)
  print(results, opt.json)
}

main().catch((e) => {
  note(`bench: ${e.message}`)
  process.exit(1)
})
