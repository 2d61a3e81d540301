// Target 10: what a second loop is worth when both are saturated.
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { startDaemon } from '../lib/daemon.mjs'
import { stop } from '../lib/processes.mjs'
import { beside } from '../lib/stats.mjs'

const ROUNDS = 7

export async function run(ctx) {
  const daemon = await startDaemon(ctx, 'loops')
  await stop(daemon)
  ctx.note('loops')
  const files = ['server.pem', 'server.key'].map((name) => path.join(daemon.dir, 'tls', name))
  const args = [...files, ctx.atMost(ROUNDS), ctx.quick ? 20 : 1000].map(String)
  const raw = JSON.parse(execFileSync(ctx.program('bench_loops'), args, { encoding: 'utf8' }))
  return {
    raw,
    rows: [
      { target: '10', what: 'handshakes, two loops', against: 'one loop', ...beside(raw.two, raw.one, '/s'), least: 1.7 },
      { target: '-', what: 'the same, one context for both', against: 'one loop', ...beside(raw.shared, raw.one, '/s') },
    ],
  }
}
