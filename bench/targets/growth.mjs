// How the cost of a registration grows with the records in the database, with enrollment groups, and with idle connections.
import { deviceLoad, GROUP, startSeeded } from '../lib/daemon.mjs'
import { holdMany, runLoad } from '../lib/load.mjs'
import { findLoop, measure } from '../lib/measure.mjs'
import { stop } from '../lib/processes.mjs'
import { interleave, median, spread } from '../lib/stats.mjs'

const ROUNDS = 5
const RATE = 400 // a second, open loop: neither side is saturated, so that latencies say something
const COUNT = 1000
const IDLE_PEERS = 64
const CLOCKS = ['loop', 'all', 'p50', 'p99']

// An unknown device is tried under every group, within a bound on the loop's time: with many groups only a few a second are served.
const UNKNOWN = { 1: { rate: RATE, count: COUNT }, 100: { rate: 200, count: 400 }, 10000: { rate: 4, count: 16 } }

const AXES = {
  records: { full: [1000, 100000, 1000000], quick: [10, 1000], what: 'registrations and devices in the database' },
  groups: { full: [1, 100, 10000], quick: [1, 10], what: 'enrollment groups' },
  idle: { full: [100, 1000, 15000], quick: [5, 20], what: 'idle connections' },
}

let serial = 0

const newDevices = (daemon, more) => () => deviceLoad(daemon, { mix: 'mqtt', prefix: `new-${serial++}`, atOnce: 1024, ...more })
const sameDevices = (daemon, more) => () => deviceLoad(daemon, { mix: 'mqtt', prefix: 'known', atOnce: 1024, ...more })

async function startPoint(ctx, axis, size) {
  ctx.note(`growth: ${size} ${axis}`)
  const seeds = axis === 'records' ? { records: size } : axis === 'groups' ? { groups: size - 1 } : {}
  // Who is to be known registers while there is one group: later that would take minutes.
  const meet = (one) => runLoad(ctx.program('load'), sameDevices(one, { count: usual(ctx).count, atOnce: 64 })())
  const daemon = await startSeeded(ctx, `${axis}-${size}`, { ...seeds, before: axis === 'groups' ? meet : undefined })
  const point = { size, daemon, release: async () => {} }
  if (axis === 'idle') {
    // From other addresses than the load: finding a port among so many that one address has in use costs a client milliseconds.
    const idle = deviceLoad(daemon, { mix: 'idle', count: size, prefix: 'idle', peers: IDLE_PEERS })
    const held = await holdMany(ctx.program('load'), idle)
    point.release = held.release
  }
  return point
}

const usual = (ctx) => ({ rate: RATE, count: ctx.few(COUNT) })

// name -> how a case of it is run, at each of POINTS.
function casesOf(ctx, axis, points) {
  const cases = {}
  for (const { size, daemon } of points) {
    if (axis !== 'groups') {
      cases[`new ${size}`] = () => measure(ctx, daemon, newDevices(daemon, usual(ctx)), true)
      continue
    }
    const rare = ctx.quick ? usual(ctx) : UNKNOWN[size]
    cases[`known ${size}`] = () => measure(ctx, daemon, sameDevices(daemon, usual(ctx)), true)
    cases[`new ${size}`] = () => measure(ctx, daemon, newDevices(daemon, rare), true)
  }
  return cases
}

// Which thread is the loop.
async function warmUp(ctx, axis, { size, daemon }) {
  const load = axis === 'groups' ? sameDevices(daemon, usual(ctx)) : newDevices(daemon, usual(ctx))
  await findLoop(daemon, () => runLoad(ctx.program('load'), load()))
}

function seriesOf(raw, sizes, name) {
  const at = (size, clock) => raw[`${name} ${size}`].map((m) => m[clock])
  return Object.fromEntries(
    CLOCKS.map((clock) => [clock, sizes.map((size) => ({ size, value: median(at(size, clock)), spread: spread(at(size, clock)) }))]),
  )
}

async function axisOf(ctx, axis) {
  const sizes = ctx.quick ? AXES[axis].quick : AXES[axis].full
  const points = []
  for (const size of sizes) points.push(await startPoint(ctx, axis, size))
  for (const p of points) await warmUp(ctx, axis, p)
  const cases = casesOf(ctx, axis, points)
  const raw = await interleave(cases, ctx.atMost(ROUNDS), (text) => ctx.note(`growth with ${axis}, ${text}`))
  for (const p of points) {
    await p.release()
    await stop(p.daemon)
  }
  const names = [...new Set(Object.keys(cases).map((name) => name.split(' ')[0]))]
  const series = Object.fromEntries(names.map((name) => [name, seriesOf(raw, sizes, name)]))
  return { what: AXES[axis].what, sizes, series, raw }
}

const NAMES = { new: 'new device', known: 'known device' }

function rowsOf(axis, { sizes, series }) {
  return Object.entries(series).flatMap(([name, of]) =>
    sizes.slice(1).map((size, i) => ({
      target: 'g',
      what: `${NAMES[name]}, ${size.toLocaleString('en')} ${axis}, all CPU`,
      figure: of.all[i + 1].value,
      against: `${sizes[0].toLocaleString('en')} ${axis}`,
      baseline: of.all[0].value,
      unit: 'us',
      ratio: of.all[i + 1].value / of.all[0].value,
      spread: of.all[i + 1].spread.map((v) => v / of.all[0].value),
    })),
  )
}

export async function run(ctx) {
  const growth = {}
  for (const axis of Object.keys(AXES)) growth[axis] = await axisOf(ctx, axis)
  return { raw: growth, growth, rows: Object.entries(growth).flatMap(([axis, g]) => rowsOf(axis, g)) }
}
