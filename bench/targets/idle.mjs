// Targets 7 and 9: what a connection costs that says nothing, in memory and in time, beside mosquitto's.
import path from 'node:path'
import { deviceLoad, GROUP, startSeeded } from '../lib/daemon.mjs'
import { holdMany, runLoad } from '../lib/load.mjs'
import { startMosquitto } from '../lib/peers.mjs'
import { clocks, residentKiB, sleep, stop, total, wakeUps } from '../lib/processes.mjs'
import { alone, beside, interleave } from '../lib/stats.mjs'

const MEMORY_COUNT = 5000
const MEMORY_ROUNDS = 5
const WARM_UP = 300
const SLEEPERS = 10000
const WINDOW_S = 20
const WINDOWS = 5

const to = (server) => ({ mqtts: server.mqtts, https: server.mqtts, mix: 'idle' })

// A process of its own each time: memory that was used once stays with the process.
async function memoryOf(ctx, server, load) {
  await runLoad(ctx.program('load'), { ...load, count: ctx.few(WARM_UP), prefix: 'warm' })
  const before = residentKiB(server.pid)
  const count = ctx.few(MEMORY_COUNT)
  const held = await holdMany(ctx.program('load'), { ...load, count, prefix: 'idle' })
  await sleep(ctx.quick ? 100 : 1500)
  const each = (residentKiB(server.pid) - before) / count
  await held.release()
  await stop(server)
  return each
}

async function memoryRows(ctx, tls) {
  let serial = 0
  const cases = {
    berth: async () => {
      const daemon = await startSeeded(ctx, `memory-${serial++}`)
      return memoryOf(ctx, daemon, deviceLoad(daemon, { mix: 'idle' }))
    },
    mosquitto: async () => {
      const server = await startMosquitto(ctx, tls)
      return memoryOf(ctx, server, to(server))
    },
  }
  const raw = await interleave(cases, ctx.atMost(MEMORY_ROUNDS), (text) => ctx.note(`memory of idle connections, ${text}`))
  const row = { target: '7', what: 'idle MQTT connection, memory' }
  return {
    raw,
    rows: [
      { ...row, ...alone(raw.berth, 'KiB'), ceiling: 16 },
      { ...row, against: 'mosquitto', ...beside(raw.berth, raw.mosquitto, 'KiB'), most: 1.15 },
    ],
  }
}

// Both stand at once and are looked at in the same windows.
async function sleepRows(ctx, tls) {
  const count = ctx.few(SLEEPERS)
  const servers = { berth: await startSeeded(ctx, 'asleep'), mosquitto: await startMosquitto(ctx, tls, 'asleep') }
  ctx.note(`${count} idle connections to each`)
  const held = [
    await holdMany(ctx.program('load'), deviceLoad(servers.berth, { mix: 'idle', count, prefix: 'idle' })),
    await holdMany(ctx.program('load'), { ...to(servers.mosquitto), count, prefix: 'idle' }),
  ]
  const seconds = ctx.quick ? 1 : WINDOW_S
  const look = () =>
    Object.fromEntries(Object.entries(servers).map(([name, s]) => [name, { cpu: total(clocks(s.pid)), woken: wakeUps(s.pid) }]))
  const raw = { berth: [], mosquitto: [] }
  await sleep(seconds * 1000)
  for (let i = 0; i < ctx.atMost(WINDOWS); i++) {
    ctx.note(`asleep, window ${i + 1}`)
    const before = look()
    await sleep(seconds * 1000)
    const after = look()
    for (const name of Object.keys(raw))
      raw[name].push({
        cpu: (after[name].cpu - before[name].cpu) / 1e6,
        share: ((after[name].cpu - before[name].cpu) / 1e9 / seconds) * 100,
        woken: after[name].woken - before[name].woken,
      })
  }
  for (const h of held) await h.release()
  for (const s of Object.values(servers)) await stop(s)
  const of = (name, what) => raw[name].map((w) => w[what])
  const row = (name, rest) => ({ target: name === 'berth' ? '9' : '-', ...rest })
  const rows = Object.keys(raw).flatMap((name) => [
    row(name, { what: `${name}: core's time, ${count} idle`, ...alone(of(name, 'share'), '%'), ...(name === 'berth' && { ceiling: 0.1 }) }),
    row(name, { what: `${name}: wake-ups in ${seconds} s`, ...alone(of(name, 'woken'), ''), ...(name === 'berth' && { ceiling: 0 }) }),
  ])
  return { raw, rows }
}

export async function run(ctx) {
  const certificates = await startSeeded(ctx, GROUP + '-tls') // mosquitto shows the daemon's own
  const tls = path.join(certificates.dir, 'tls')
  await stop(certificates)
  const memory = await memoryRows(ctx, tls)
  const asleep = await sleepRows(ctx, tls)
  return { raw: { memory: memory.raw, asleep: asleep.raw }, rows: [...memory.rows, ...asleep.rows] }
}
