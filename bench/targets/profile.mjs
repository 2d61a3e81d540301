// Where the time of the server goes in a registration: perf over the daemon under load, by library and by what of it. Explains what
// misses its bound. Not a part of the whole: it wants perf, and the right to use it.
import { execFileSync, spawn } from 'node:child_process'
import path from 'node:path'
import { deviceLoad, startSeeded } from '../lib/daemon.mjs'
import { runLoad } from '../lib/load.mjs'
import { stop, track } from '../lib/processes.mjs'

const TOP = 12

// [share, name] of each line that perf reports by KEY.
function report(file, key) {
  const args = ['report', '-i', file, '--no-children', '-g', 'none', '-F', `overhead,${key}`, '-t', '|', '--stdio']
  const text = execFileSync('perf', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 })
  return text
    .split('\n')
    .map((line) => /^\s*([\d.]+)%\s*\|(.*)$/.exec(line))
    .filter((found) => found !== null)
    .map((found) => ({ share: Number(found[1]), name: found[2].trim() }))
}

async function profileOf(ctx, mix) {
  const daemon = await startSeeded(ctx, `profile-${mix}`)
  const file = path.join(ctx.dir, `${mix}.perf`)
  const load = (prefix) => deviceLoad(daemon, { mix, count: ctx.connections * 4, atOnce: 64, prefix })
  await runLoad(ctx.program('load'), load('warm'))
  const perf = track(spawn('perf', ['record', '-q', '-F', '4999', '-o', file, '-p', String(daemon.pid)], { stdio: 'ignore' }))
  await new Promise((done, failed) => {
    perf.on('spawn', done)
    perf.on('error', () => failed(new Error('perf is not here: it is in the Debian package linux-perf')))
  })
  await runLoad(ctx.program('load'), load('profiled'))
  const gone = new Promise((done) => perf.once('exit', done))
  perf.kill('SIGINT')
  await gone
  await stop(daemon)
  return { libraries: report(file, 'dso'), functions: report(file, 'symbol').slice(0, TOP) }
}

export async function run(ctx) {
  const raw = {}
  for (const mix of ['mqtt', 'https']) {
    ctx.note(`profile, ${mix}`)
    raw[mix] = await profileOf(ctx, mix)
  }
  const rows = Object.entries(raw).flatMap(([mix, p]) =>
    [...p.libraries.filter((l) => l.share >= 0.5), ...p.functions].map((l) => ({
      target: 'p',
      what: `${mix}: ${l.name}`,
      figure: l.share,
      unit: '%',
    })),
  )
  return { raw, rows }
}
