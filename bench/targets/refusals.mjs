// What a flood of refusals costs those who are served beside it.
import { deviceLoad, startSeeded } from '../lib/daemon.mjs'
import { runLoad } from '../lib/load.mjs'
import { findLoop } from '../lib/measure.mjs'
import { clocks, sleep, stop, total } from '../lib/processes.mjs'
import { beside, interleave, median, spread } from '../lib/stats.mjs'

const FLOOD = 300 // a second, open loop
const FLOOD_PEERS = 60 // so many addresses, so that none is over its bound on failures
const SERVED = 100 // registrations a second whose latency is looked at
const SERVED_COUNT = 300
const ROUNDS = 7
const WRONG_KEY = Buffer.alloc(64, 9).toString('base64')

// LOAD at its rate, with FLOOD (or null) around it: its latency, and what the server's threads used meanwhile, in ns. The flood's
// client gives way to the other on their core.
async function measureBeside(ctx, server, load, flood) {
  const around = flood === null ? null : runLoad(ctx.program('load'), { ...flood, nice: 19 })
  await sleep(flood === null ? 0 : 300) // it starts up first
  const before = clocks(server.pid)
  const began = performance.now()
  const report = await runLoad(ctx.program('load'), load)
  const seconds = (performance.now() - began) / 1000
  const after = clocks(server.pid)
  if (around !== null) await around
  const used = Object.fromEntries(Object.entries(after).map(([tid, ns]) => [tid, ns - (before[tid] ?? 0)]))
  return { p50: report.p50Us, p99: report.p99Us, seconds, loop: used[server.loop], all: total(used) }
}

// Quiet twice: what two quiet runs differ by is noise. "Served" is the same flood with right keys, of devices that are
// known: what any flood of handshakes does to those beside it, on the server's core as on the client's.
export async function run(ctx) {
  const daemon = await startSeeded(ctx, 'refusals')
  let serial = 0
  const count = ctx.few(SERVED_COUNT)
  const load = () => deviceLoad(daemon, { mix: 'https', count, rate: SERVED, atOnce: 512, prefix: `dev-${serial++}` })
  const flood = (more) =>
    deviceLoad(daemon, {
      mix: 'https',
      count: Math.ceil(FLOOD * (count / SERVED + 1)),
      rate: FLOOD,
      atOnce: 512,
      peers: FLOOD_PEERS,
      prefix: 'flood',
      ...more,
    })
  const floods = {
    quiet: () => null,
    'quiet again': () => null,
    refusals: () => flood({ refused: true, key: WRONG_KEY }),
    served: () => flood({}),
  }
  const once = (name) => measureBeside(ctx, daemon, load(), floods[name]())
  await findLoop(daemon, () => once('served')) // from now on the flood's devices are known
  const cases = Object.fromEntries(
    Object.keys(floods).map((name) => [name, () => sleep(ctx.settleMs).then(() => once(name))]),
  )
  const raw = await interleave(cases, ctx.atMost(ROUNDS), (text) => ctx.note(`refusals, ${text}`))
  await stop(daemon)
  return { raw, rows: rowsOf(raw) }
}

function rowsOf(raw) {
  const against = (name, clock) =>
    beside(
      raw[name].map((m) => m[clock]),
      raw.quiet.map((m) => m[clock]),
      'us',
    )
  const rate = (m, clock) => m[clock] / m.seconds
  const each = (name, clock) => raw[name].map((m, i) => (rate(m, clock) - rate(raw.quiet[i], clock)) / 1000 / FLOOD)
  const rows = ['p50', 'p99'].flatMap((clock) => [
    { target: 'r', what: `${clock} of a registration, quiet again`, against: 'quiet', ...against('quiet again', clock) },
    { target: 'r', what: `${clock}, beside ${FLOOD} refusals a second`, against: 'quiet', ...against('refusals', clock) },
    { target: 'r', what: `${clock}, beside ${FLOOD} served a second`, against: 'quiet', ...against('served', clock) },
  ])
  for (const clock of ['loop', 'all']) {
    const refused = each('refusals', clock)
    const served = median(each('served', clock))
    rows.push({
      target: 'r',
      what: `a refusal, ${clock === 'all' ? 'all CPU' : clock}`,
      figure: median(refused),
      against: 'served',
      baseline: served,
      unit: 'us',
      ratio: median(refused) / served,
      spread: spread(refused.map((v) => v / served)),
    })
  }
  return rows
}
