// A daemon for tests: started from $BERTH in a directory of its own, ended by its process ID.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const START_MS = 60_000 // sanitizers and a busy machine included
const STOP_MS = 30_000
const STDERR_MAX = 8 * 1024 * 1024
const READY = /^berth serves https:\/\/\S+:(\d+) and mqtts:\/\/\S+:(\d+);/
const SANITIZER = /(ERROR|WARNING): (Address|Leak|Thread)Sanitizer|runtime error:/

// profile.ini as an object: "id-scope = 0ne.." becomes idScope. Values may hold "=".
function readProfile(path) {
  const profile = {}
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [, key, value] = /^([a-z-]+) = (.*)$/.exec(line) ?? []
    if (key) profile[key.replace(/-(.)/g, (_, c) => c.toUpperCase())] = value
  }
  return profile
}

function timeout(ms, what) {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`${what} within ${ms} ms`)), ms).unref()
  })
}

export class Daemon {
  stderr = ''

  // ARGS go to berth serve beside the data directory, ENV to its environment.
  constructor(args = [], env = {}) {
    this.args = args
    this.env = env
  }

  // Again after kill(): on the same directory.
  async start() {
    assert.ok(process.env.BERTH, 'BERTH must name the berth to test')
    accessSync(process.env.BERTH, constants.X_OK)
    this.dir ??= mkdtempSync(join(tmpdir(), 'berth-sdk-'))
    this.child = spawn(
      process.env.BERTH,
      ['serve', '--data-dir', join(this.dir, 'data'), '--log-format', 'json', ...this.args],
      {
        // Dumpable: LeakSanitizer attaches to the process.
        env: { ...process.env, BERTH_TEST_DUMPABLE: '1', ...this.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    this.ended = once(this.child, 'close')
    this.child.stderr.setEncoding('utf8').on('data', (text) => {
      if (this.stderr.length < STDERR_MAX) this.stderr += text
    })
    try {
      await Promise.race([this.#ready(), timeout(START_MS, 'the daemon does not serve')])
    } catch (error) {
      await this.kill()
      this.remove()
      error.message += `\n${this.stderr}`
      throw error
    }
    return this
  }

  async #ready() {
    for await (const line of createInterface({ input: this.child.stdout })) {
      const ports = READY.exec(line)
      if (!ports) continue
      this.child.stdout.resume()
      this.profile = readProfile(join(this.dir, 'data', 'profile.ini'))
      this.httpsPort = Number(ports[1])
      this.mqttsPort = Number(ports[2])
      this.ca = readFileSync(this.profile.caFile)
      return
    }
    throw new Error('the daemon ended before it served')
  }

  // kill -9: nothing that the daemon holds in memory is saved.
  async kill() {
    this.child?.kill('SIGKILL')
    await this.ended
  }

  // Ends the daemon as an operator would, and fails when it was not well.
  async stop() {
    this.child.kill('SIGTERM')
    try {
      const [code, signal] = await Promise.race([
        this.ended,
        timeout(STOP_MS, 'the daemon does not stop'),
      ])
      assert.doesNotMatch(this.stderr, SANITIZER)
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, this.stderr)
    } finally {
      await this.kill()
      this.remove()
    }
  }

  remove() {
    if (this.dir) rmSync(this.dir, { recursive: true, force: true })
  }

  // Counters of /metrics: name, labels included, to number.
  async metrics(port = 9464) {
    const answer = await once(http.get({ host: '127.0.0.1', port, path: '/metrics' }), 'response')
    const lines = (await answer[0].setEncoding('utf8').toArray()).join('').split('\n')
    return Object.fromEntries(
      lines
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
    )
  }
}
