// What happens now and then beside the load: other programs that come, watch and are killed, backups, certificates loaded again.
import { fork, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fleetId, moveGroup, passingHub } from './deeds.mjs'

const MONITORS = 2
const children = new Set()

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

function start(w, args, options = {}) {
  const env = { ...process.env, BERTH_PROFILE: path.join(w.daemon.dir, 'data/profile.ini') }
  const child = spawn(process.env.BERTH, args, {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...options,
  })
  children.add(child)
  child.on('exit', () => children.delete(child))
  return child
}

// Runs to its end, which must be good.
function run(w, args) {
  return new Promise((done) => {
    const child = start(w, args)
    let err = ''
    child.stderr.on('data', (text) => {
      err = (err + text).slice(-400)
    })
    child.on('close', (code, signal) => {
      if (code !== 0) w.note(`berth ${args[0]} ended with ${code ?? signal}`, err)
      done()
    })
  })
}

async function backup(w) {
  const file = path.join(w.daemon.dir, 'soak.berth')
  const passphrase = path.join(w.daemon.dir, 'passphrase')
  if (!fs.existsSync(passphrase))
    fs.writeFileSync(passphrase, 'long enough for a soak\n', { mode: 0o600 })
  const data = path.join(w.daemon.dir, 'data')
  const args = [
    'backup',
    '--data-dir',
    data,
    '--output',
    file,
    '--force',
    '--passphrase-file',
    passphrase,
  ]
  await run(w, args)
  if (!w.whole) fs.rmSync(file, { force: true })
}

// One more watches, and the oldest is killed.
async function monitor(w) {
  w.monitors ??= []
  w.monitors.push(start(w, ['hub', 'monitor', '--json']))
  if (w.monitors.length > MONITORS) w.monitors.shift().kill('SIGKILL')
}

async function killedPeer(w) {
  w.peer?.kill('SIGKILL')
  const child = fork(new URL('peer.mjs', import.meta.url), { serialization: 'advanced' })
  children.add(child)
  child.on('exit', () => children.delete(child))
  const { mqttsPort, httpsPort, ca } = w.daemon
  const ids = Array.from({ length: 9 }, (_, i) => fleetId(1000 + i))
  child.send({ daemon: { mqttsPort, httpsPort, ca }, scope: w.scope, groupKey: w.groupKey, ids })
  w.peer = child
}

const reload = async (w) => w.daemon.child.kill('SIGHUP')
// Of one ID nothing may be known any more: what is remembered of refusals has a bound, which the load reaches.
const explain = (w) => run(w, ['explain', '--last'])
const list = (w) => run(w, ['device', 'list', '--top', '50'])

// seconds between two, of a run of an hour
export const chores = {
  'backup made': [180, backup],
  'certificates loaded again': [60, reload],
  'moving group names another hub': [60, moveGroup],
  'hub made, used and deleted': [60, passingHub],
  'monitor killed': [30, monitor],
  'process of devices killed': [45, killedPeer],
  'berth explain': [60, explain],
  'berth device list': [60, list],
}

// What comes and goes goes before a sample is taken.
export function endPeer(w) {
  w.peer?.kill('SIGKILL')
  w.peer = undefined
}

export function endAll() {
  for (const child of children) child.kill('SIGKILL')
}
