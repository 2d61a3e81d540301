// Target 12: device keys from a group's key, beside OpenSSL's one-shot HMAC(), Python's hmac and the shell line of the documentation.
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { GROUP_KEY } from '../lib/daemon.mjs'
import { beside, interleave } from '../lib/stats.mjs'

const ROUNDS = 7
const SHELL_KEYS = 60 // a round
const PYTHON_KEYS = 200000
const CLI_KEYS = 1000000
const ID = 'sn-007-888-abc-mac-a1-b2-c3-d4-'

function shell(keys) {
  const script = `for i in $(seq ${keys}); do printf '${ID}%09d' "$i" |
        openssl dgst -sha256 -mac HMAC -macopt hexkey:$KEY -binary | base64; done >/dev/null`
  const began = process.hrtime.bigint()
  execFileSync('taskset', ['-c', '0', 'bash', '-c', script], { env: { ...process.env, KEY: '07'.repeat(64) } })
  return keys / (Number(process.hrtime.bigint() - began) / 1e9)
}

// CPU of the loop alone: the key prepared once and copied, which is the fastest that its standard library has.
const PYTHON = `
import base64, hmac, sys, time
n, out = int(sys.argv[1]), open(sys.argv[2], "wb")
group = hmac.new(bytes([7]) * 64, digestmod="sha256")
began = time.process_time()
for i in range(n):
    id = b"${ID}%09d" % i
    h = group.copy(); h.update(id)
    out.write(id + b"," + base64.b64encode(h.digest()) + b"\\n")
out.close()
print(n / (time.process_time() - began))
`
function python(keys, dir) {
  const args = ['-c', '0', 'python3', '-c', PYTHON, String(keys), path.join(dir, 'python-keys')]
  return Number(execFileSync('taskset', args, { encoding: 'utf8' }))
}

// In a program made for it: prepared, and with HMAC() each time.
function program(ctx, keys) {
  const out = fs.openSync(path.join(ctx.dir, 'keys'), 'w+')
  const report = path.join(ctx.dir, 'derive.json')
  const err = fs.openSync(report, 'w')
  execFileSync('taskset', ['-c', '0', ctx.program('bench_derive'), '1', String(keys)], { stdio: ['ignore', out, err] })
  fs.closeSync(out)
  fs.closeSync(err)
  return JSON.parse(fs.readFileSync(report, 'utf8'))
}

// The whole program, from its start to the file on the disk: user and system time.
function commandLine(ctx, ids, keys) {
  const script = `TIMEFORMAT='%U %S'; time taskset -c 0 "$0" key derive --csv "$1" -o "$2" 2>&1`
  const ran = spawnSync('bash', ['-c', script, ctx.berth, ids, path.join(ctx.dir, 'cli-keys')], {
    env: { ...process.env, BERTH_KEY: GROUP_KEY },
    encoding: 'utf8',
  })
  if (ran.status !== 0) throw new Error(`berth key derive: ${ran.stdout}${ran.stderr}`)
  const seconds = ran.stderr.trim().split(' ').map(Number)
  return keys / Math.max(0.001, seconds[0] + seconds[1])
}

function writeIds(ctx, keys) {
  const ids = path.join(ctx.dir, 'ids.csv')
  const lines = Array.from({ length: keys }, (_, i) => `${ID}${String(i).padStart(9, '0')}`)
  fs.writeFileSync(ids, `registrationId\n${lines.join('\n')}\n`)
  return ids
}

export async function run(ctx) {
  const keys = ctx.few(CLI_KEYS)
  const ids = writeIds(ctx, keys)
  const cases = {
    program: () => program(ctx, ctx.few(PYTHON_KEYS * 2)),
    cli: () => commandLine(ctx, ids, keys),
    python: () => python(ctx.few(PYTHON_KEYS), ctx.dir),
    shell: () => shell(ctx.few(SHELL_KEYS)),
  }
  const raw = await interleave(cases, ctx.atMost(ROUNDS), (text) => ctx.note(`derive, ${text}`))
  const prepared = raw.program.map((p) => p.prepared)
  const atOnce = raw.program.map((p) => p.atOnce)
  const row = (what, figures, against, baselines) => ({ target: '12', what, against, ...beside(figures, baselines, '/s'), floor: 2e6 })
  return {
    raw,
    rows: [
      row('keys of a CSV file, whole program', raw.cli, 'HMAC() one-shot', atOnce),
      row('keys of a CSV file, whole program', raw.cli, 'Python', raw.python),
      row('keys of a CSV file, whole program', raw.cli, 'openssl in a shell', raw.shell),
      row('keys derived and written', prepared, 'HMAC() one-shot', atOnce),
    ],
  }
}
