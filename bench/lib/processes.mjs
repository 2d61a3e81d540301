// Processes that a bench starts, each on its core, and what the kernel says of them.
import { spawn } from 'node:child_process'
import fs from 'node:fs'

export const SERVER_CORE = '0'
export const CLIENT_CORE = '1'
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

const running = new Set()

export function stopAll() {
  for (const child of running) child.kill('SIGKILL')
}

export function track(child) {
  running.add(child)
  child.on('exit', () => running.delete(child))
  return child
}

// Starts a server and waits until a line of its output matches READY, or until it listens on PORT.
export function startServer(argv, { env = {}, ready, port } = {}) {
  const child = track(
    spawn('taskset', ['-c', SERVER_CORE, ...argv], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  return new Promise((resolve, reject) => {
    let out = ''
    let err = ''
    child.stderr.on('data', (d) => {
      err = (err + d).slice(-4000)
    })
    child.stdout.on('data', (d) => {
      out = (out + d).slice(-4000)
      const found = ready?.exec(out)
      if (found) resolve({ child, pid: child.pid, found })
    })
    child.on('exit', (code) => reject(new Error(`${argv[0]} ended with ${code}: ${err.trim()}`)))
    child.on('error', reject)
    if (port !== undefined) untilListens(port).then(() => resolve({ child, pid: child.pid, port }), reject)
  })
}

async function untilListens(port) {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const listens = new RegExp(`^ *\\d+: [0-9A-F]+:${hex} [0-9A-F]+:0000 0A `, 'm')
  for (let i = 0; i < 100; i++) {
    if (listens.test(fs.readFileSync('/proc/net/tcp', 'utf8'))) return
    await sleep(100)
  }
  throw new Error(`nothing listens on port ${port}`)
}

export async function stop(server) {
  const gone = new Promise((done) => server.child.once('exit', done))
  server.child.kill('SIGTERM')
  await gone
}

const threads = (pid) => fs.readdirSync(`/proc/${pid}/task`)

// Nanoseconds on a CPU of each thread, exact once the thread sleeps.
export function clocks(pid) {
  const at = {}
  for (const tid of threads(pid))
    at[tid] = Number(fs.readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0])
  return at
}

export const total = (clock) => Object.values(clock).reduce((a, b) => a + b, 0)

// How often its threads were put to sleep by themselves: each is a wake-up before.
export function wakeUps(pid) {
  return threads(pid).reduce((sum, tid) => {
    const text = fs.readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8')
    return sum + Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(text)[1])
  }, 0)
}

export function residentKiB(pid) {
  return Number(/^VmRSS:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
}

// Seconds that both cores were busy with anything.
export function busySeconds() {
  const cores = fs.readFileSync('/proc/stat', 'utf8').match(/^cpu\d.*$/gm)
  return cores.slice(0, 2).reduce((sum, line) => {
    const [, user, nice, system, , , irq, softirq, steal] = line.split(/ +/).map(Number)
    return sum + (user + nice + system + irq + softirq + steal) / 100
  }, 0)
}
