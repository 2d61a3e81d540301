// Who a device is, by how many groups there are.
import { execFileSync } from 'node:child_process'

const ROUNDS = 7
const TRIES = 200000

export async function run(ctx) {
  ctx.note('attest')
  const args = ['-c', '0', ctx.program('bench_attest'), String(ctx.atMost(ROUNDS)), String(ctx.quick ? 1000 : TRIES)]
  const raw = JSON.parse(execFileSync('taskset', args, { encoding: 'utf8' }))
  const rows = [1, 100, 10000].flatMap((n) => [
    {
      target: 'a',
      what: `a known device attested, ${n} groups`,
      figure: raw[`known${n}`],
      against: '1 group',
      baseline: raw.known1,
      unit: 'us',
      ratio: raw[`known${n}`] / raw.known1,
    },
    {
      target: 'a',
      what: `a token of nobody's, ${n} groups`,
      figure: raw[`refused${n}`],
      against: 'a group',
      baseline: raw[`refused${n}`] / n,
      unit: 'us',
      ratio: n,
    },
  ])
  return { raw, rows }
}
