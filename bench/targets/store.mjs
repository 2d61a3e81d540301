// Target 11: durable rows.
import { execFileSync } from 'node:child_process'
import { beside } from '../lib/stats.mjs'

const ROUNDS = 7
const ROWS = 64000

export async function run(ctx) {
  ctx.note('store')
  const args = [ctx.dir, ctx.atMost(ROUNDS), ctx.few(ROWS)].map(String)
  const raw = JSON.parse(execFileSync(ctx.program('bench_store'), args, { encoding: 'utf8' }))
  return {
    raw,
    rows: [
      {
        target: '11',
        what: 'durable rows, 64 in flight',
        against: 'one a commit',
        ...beside(raw.many.rows, raw.one.rows, '/s'),
        least: 15,
      },
      { target: '11', what: 'p99 of a commit', against: 'p50', ...beside(raw.many.p99, raw.many.p50, 'us'), most: 3 },
    ],
  }
}
