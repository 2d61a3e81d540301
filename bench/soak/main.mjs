// soak - mixed load on a release daemon for MINUTES; what it holds at start, middle and end, and whether each growth is explained.
// docs/internals/soak.md says how it is read. BERTH: the program, build/release/cli/berth when left out.
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chores, endAll, endPeer } from './chores.mjs'
import { deeds } from './deeds.mjs'
import { tell } from './result.mjs'
import { sample, settledSample } from './sample.mjs'
import { warmUp } from './warm-up.mjs'
import { World } from './world.mjs'

const SAMPLE_S = 10
const SETTLE_MS = 6000 // short deeds end, the store folds its log into the database
const IN_FLIGHT_MAX = 64
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..')

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string', default: '40' }, // deeds a second
    devices: { type: 'string', default: '30000' }, // known ones, which register again and again
    'warm-up': { type: 'string' }, // seconds of the load before the start
    output: { type: 'string', default: path.join(root, 'build/soak') },
    plot: { type: 'string' }, // an SVG file
  },
})
const minutes = Number(values.minutes)
// Idle sessions are all replaced once before the start: 150 of them, by 2 of 67 deeds.
const options = {
  minutes,
  rate: Number(values.rate),
  devices: Number(values.devices),
  warmUpS: Number(values['warm-up'] ?? 60 + Math.ceil(5000 / Number(values.rate))),
}
const hurry = Math.min(1, Math.max(0.2, minutes / 20)) // chores come sooner in a short run
process.env.BERTH ??= path.join(root, 'build/release/cli/berth')
const say = (text) => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`)

// A bag of names as often as their weight says, drawn until it is empty: every deed gets its share in any minute.
function* shuffled() {
  for (;;) {
    const bag = Object.entries(deeds).flatMap(([name, [weight]]) => Array(weight).fill(name))
    while (bag.length > 0) yield bag.splice(Math.floor(Math.random() * bag.length), 1)[0]
  }
}

class Load {
  inFlight = 0
  late = 0
  names = shuffled()
  running = false

  constructor(world) {
    this.world = world
    this.nextChore = Object.fromEntries(
      Object.entries(chores).map(([name, [every]], i) => [
        name,
        Date.now() + every * 1000 * hurry * ((i + 1) / 9),
      ]),
    )
  }

  async #carryOut(name, deed) {
    this.inFlight++
    try {
      await deed(this.world)
      this.world.done[name] = (this.world.done[name] ?? 0) + 1
    } catch (error) {
      this.world.note(`${name}: ${error.code ?? error.name}`, error.stack)
    } finally {
      this.inFlight--
    }
  }

  #chores() {
    for (const [name, [every, deed]] of Object.entries(chores)) {
      if (Date.now() < this.nextChore[name]) continue
      this.nextChore[name] = Date.now() + every * 1000 * hurry
      this.#carryOut(name, deed)
    }
  }

  // For MS, with a sample into SAMPLES now and then.
  async run(ms, samples) {
    const end = Date.now() + ms
    const step = 1000 / options.rate
    let due = Date.now()
    let nextSample = Date.now()
    while (Date.now() < end) {
      this.#chores()
      if (samples !== undefined && Date.now() >= nextSample) {
        nextSample += SAMPLE_S * 1000
        samples.push(await sample(this.world))
      }
      due += step
      if (due < Date.now() - 1000) due = Date.now() // what was missed is not made up for
      if (this.inFlight >= IN_FLIGHT_MAX) {
        this.late++
      } else {
        const name = this.names.next().value
        this.#carryOut(name, deeds[name][1])
      }
      await sleep(Math.max(0, due - Date.now()))
    }
  }

  // Nothing under way but what stays: idle sessions and monitors.
  async settle() {
    const end = Date.now() + 60_000
    while (this.inFlight > 0 && Date.now() < end) await sleep(100)
    endPeer(this.world)
    for (const wire of this.world.held ?? []) wire.reset()
    this.world.held = []
    await sleep(SETTLE_MS)
    return settledSample(this.world)
  }
}

async function nothingLost(w) {
  const kept = await w.kept()
  const lost = [...w.told].filter((id) => kept.get(id) !== 'assigned')
  return { told: w.told.size, kept: kept.size, lost: lost.length, some: lost.slice(0, 5) }
}

const meta = () => ({
  date: new Date().toISOString(),
  cpu: os.cpus()[0].model,
  cores: os.cpus().length,
  kernel: os.release(),
  node: process.version,
  ...options,
})

const world = await World.start(options)
const started = meta()
const samples = []
let code = 1
process.on('exit', () => world.daemon.child?.kill('SIGKILL'))
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    world.daemon.remove()
    process.exit(130)
  })
try {
  say(`daemon ${world.pid}, ${options.devices} known devices, ${options.rate} deeds a second`)
  const load = new Load(world)
  const empty = await sample(world)
  const perDevice = await warmUp(world)
  say(`${options.warmUpS} s of the load, so that what fills once is full`)
  await load.run(options.warmUpS * 1000)
  const begun = await load.settle()
  const warm = { newDevices: world.done['new device'] ?? 0 }
  say(`${minutes} minutes begin`)
  await load.run((minutes * 60_000) / 2, samples)
  const middle = await load.settle()
  say('middle')
  await load.run((minutes * 60_000) / 2, samples)
  const end = await load.settle()
  say('end')
  const fate = await nothingLost(world)
  const result = {
    meta: { ...started, ended: new Date().toISOString() },
    empty,
    start: begun,
    middle,
    end,
    perDevice,
    warm,
    samples,
    done: world.done,
    late: load.late,
    odd: world.odd,
    log: world.log,
    fate,
  }
  code = tell(result, values.output, values.plot) ? 0 : 1
} catch (error) {
  console.error(error.stack, world.odd)
} finally {
  endAll()
  world.daemon.child.kill('SIGTERM')
  const [exit] = await Promise.race([world.daemon.ended, sleep(30_000, ['did not stop'])])
  if (exit !== 0) {
    console.error(`the daemon ended with ${exit}`)
    code = 1
  }
  world.daemon.remove()
}
process.exit(code)
