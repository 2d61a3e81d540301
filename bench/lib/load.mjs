// The load generator, build/*/bench/load, on the client's core.
import { spawn } from 'node:child_process'
import { CLIENT_CORE, track } from './processes.mjs'

function argsOf(l) {
  const args = ['localhost', '--no-verify', '--json', '--tls', '1.3', '--mix', l.mix, '--count', l.count]
  const add = (option, value) => value !== undefined && args.push(option, value)
  add('--https-port', l.https)
  add('--mqtts-port', l.mqtts)
  add('--concurrency', l.atOnce)
  add('--id-scope', l.scope)
  add('--prefix', l.prefix)
  add('--rate', l.rate)
  add('--peers', l.peers)
  if (l.refused) args.push('--expect-refusal')
  if (l.hold) args.push('--hold')
  return args.map(String)
}

function start(program, l) {
  const argv = ['-n', String(l.nice ?? 0), 'taskset', '-c', CLIENT_CORE, program, ...argsOf(l)]
  return track(
    spawn('nice', argv, {
      env: { ...process.env, BERTH_KEY: l.key ?? '' },
      stdio: [l.hold ? 'pipe' : 'ignore', 'pipe', 'inherit'],
    }),
  )
}

// Any device that is not served fails the run: its figures would be of something else.
function judge(text) {
  if (text === '') throw new Error('the load generator gave no report')
  const report = JSON.parse(text)
  if (report.failed > 0) throw new Error(`${report.failed} connections failed: ${JSON.stringify(report.failures)}`)
  return report
}

export function runLoad(program, l) {
  return new Promise((resolve, reject) => {
    const child = start(program, l)
    let out = ''
    child.stdout.on('data', (d) => {
      out += d
    })
    child.on('error', reject)
    child.on('close', () => {
      try {
        resolve(judge(out))
      } catch (e) {
        reject(e)
      }
    })
  })
}

// L.count connections that stay; resolves once all stand. release() lets them go.
export function holdLoad(program, l) {
  return new Promise((resolve, reject) => {
    const child = start(program, { ...l, hold: true })
    const gone = new Promise((done) => child.once('exit', done))
    let out = ''
    child.stdout.on('data', (d) => {
      out += d
      if (!out.includes('\n')) return
      try {
        const report = judge(out)
        resolve({
          report,
          release: () => {
            child.stdin.end()
            return gone
          },
        })
      } catch (e) {
        reject(e)
      }
    })
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`the load generator ended with ${code}`)))
  })
}

// As many clients as the bound on files of one process asks for.
const FILES_OF_ONE = 15000
export async function holdMany(program, l) {
  const clients = []
  for (let from = 0; from < l.count; from += FILES_OF_ONE) {
    const count = Math.min(FILES_OF_ONE, l.count - from)
    clients.push(await holdLoad(program, { ...l, count, atOnce: 64, prefix: `${l.prefix}-${from}` }))
  }
  return { release: () => Promise.all(clients.map((c) => c.release())) }
}
