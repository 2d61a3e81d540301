// One load against one server: CPU of the server for each connection, latencies, and what else ran meanwhile.
import { runLoad } from './load.mjs'
import { busySeconds, clocks, sleep, total } from './processes.mjs'

const OTHERS_MAX = 0.1 // of both cores; starting the client and the kernel's own threads come to less
const ATTEMPTS = 5

let repeated = 0
let disturbed = 0
let runs = 0

// The loop is the thread that a load keeps busiest: there is one loop.
export async function findLoop(server, load) {
  const before = clocks(server.pid)
  await load()
  const after = clocks(server.pid)
  server.loop = Object.keys(after).reduce((a, b) =>
    after[a] - (before[a] ?? 0) >= after[b] - (before[b] ?? 0) ? a : b,
  )
}

// SETTLE: the store's own work that follows a second later counts too.
async function once(ctx, server, load, settle) {
  const before = clocks(server.pid)
  const busyBefore = busySeconds()
  const began = performance.now()
  const report = await runLoad(ctx.program('load'), load)
  await sleep(20)
  const seconds = (performance.now() - began) / 1000
  const used = busySeconds() - busyBefore
  const last = clocks(server.pid)
  if (settle) await sleep(ctx.settleMs)
  const after = clocks(server.pid)
  const per = (ns) => ns / 1000 / load.count
  const ours = (total(last) - total(before)) / 1e9 + report.processCpuUs / 1e6
  return {
    loop: per(after[server.loop] - before[server.loop]),
    all: per(total(after) - total(before)),
    later: per(total(after) - total(last)),
    client: report.cpuEachUs,
    rate: report.perSecond,
    p50: report.p50Us,
    p99: report.p99Us,
    others: Math.max(0, used - ours) / seconds / 2,
  }
}

// A run that other programs disturbed is repeated: that is told by their share of the cores, not by what came out.
export async function measure(ctx, server, makeLoad, settle) {
  let m
  for (let attempt = 0; attempt < ctx.attempts(ATTEMPTS); attempt++) {
    m = await once(ctx, server, makeLoad(), settle)
    if (m.others <= OTHERS_MAX) break
    repeated++
    await sleep(500)
  }
  runs++
  if (m.others > OTHERS_MAX) disturbed++
  return m
}

export const timesRepeated = () => repeated

// What the figures are worth when the machine was not ours alone; "" when it was.
export function disturbance() {
  if (disturbed === 0) return ''
  return (
    `Other programs took more than ${OTHERS_MAX * 100} % of the two cores in ${disturbed} of ${runs} runs, each tried up to ` +
    `${ATTEMPTS} times: measure again when the machine is quiet.`
  )
}
