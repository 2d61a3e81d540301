// Backup under load, the directory destroyed, restored on an empty one: every device that was told `assigned` before
// the backup began works with what it had. And what a backup or a restore refuses, or is interrupted at, changes
// nothing.
//
// usage: BERTH=.. node backup.mjs   (after `npm ci` in tests/sdk; ports 443 and 8883 are free)
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import https from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../sdk/daemon.mjs'
import {
  call,
  callForAll,
  deriveKey,
  hubConnectionString,
  request,
  sasToken,
} from '../sdk/rest.mjs'
import { Sdk } from '../sdk/sdk.mjs'

const GROUP = 'line'
const PASSPHRASE = 'correct horse battery'
const TOLD_BEFORE = 150 // devices, before the backup begins
const AT_ONCE = 8
const WAIT_MS = 60_000 // a busy machine included
const SAMPLE = ['dev-0', 'dev-77', `dev-${TOLD_BEFORE - 1}`] // that meet their hub again, with the SDK

let passed = 0
let failed = 0
async function check(name, run) {
  try {
    await run()
    passed++
  } catch (error) {
    failed++
    console.error(`FAILED: ${name}: ${error.stack}`)
  }
}

async function until(what, test) {
  for (let waited = 0; !(await test()); waited += 20) {
    assert.ok(waited < WAIT_MS, `${what}: not within ${WAIT_MS} ms`)
    await sleep(20)
  }
}

const daemon = new Daemon(['--hostname', 'localhost', '--listen', '127.0.0.1'])
let data, work, file, passFile

// ---- berth, as a person at the machine ----

// INPUT is written to its standard input, which stays open when it is undefined.
function start(args, input) {
  const child = spawn(process.env.BERTH, args, {
    env: { ...process.env, BERTH_TEST_DUMPABLE: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const run = { child, out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (run.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (run.err += text))
  child.stdin.on('error', () => {}) // it may end before all is read
  if (input !== undefined) child.stdin.end(input)
  run.ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  return run
}

async function berth(code, args, input = '') {
  const run = start(args, input)
  const end = await run.ended
  assert.deepEqual(end, { code, signal: null }, `berth ${args.join(' ')}\n${run.err}`)
  return run
}

const passphrase = () => ['--passphrase-file', passFile]
const backup = (code, output, ...more) =>
  berth(code, ['backup', '--output', output, '--data-dir', data, ...passphrase(), ...more])
const restore = (code, from, ...more) =>
  berth(code, ['restore', from, '--data-dir', data, ...passphrase(), ...more])

// ---- devices ----

async function createGroup() {
  const own = daemon.profile.connectionString
  const put = (path, body) => call(daemon, own, 'PUT', `${path}?api-version=2021-10-01`, body)
  const { body } = await put(`/enrollmentGroups/${GROUP}`, {
    enrollmentGroupId: GROUP,
    attestation: { type: 'symmetricKey' },
    initialTwin: { tags: {}, properties: { desired: { interval: 30 } } },
  })
  const solo = await put('/enrollments/solo', {
    registrationId: 'solo',
    attestation: { type: 'symmetricKey' },
  })
  return {
    group: body.attestation.symmetricKey.primaryKey,
    solo: solo.body.attestation.symmetricKey.primaryKey,
  }
}

async function register(id, key, agent) {
  const resource = `${daemon.profile.idScope}/registrations/${id}`
  const { status, body } = await request(daemon, {
    method: 'PUT',
    path: `/${resource}/register?api-version=2021-06-01`,
    headers: { Authorization: sasToken(resource, key, 'registration') },
    body: { registrationId: id },
    agent,
  })
  assert.ok(status < 300, `${id}: ${status} ${JSON.stringify(body)}`)
  return body
}

// Registers dev-0, dev-1, .. until it is stopped; TOLD grows by what was answered `assigned`.
function load(groupKey) {
  const agent = new https.Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const run = { told: [], stopped: false }
  let next = 0

  const one = async () => {
    while (!run.stopped) {
      const id = `dev-${next++}`
      const body = await register(id, deriveKey(groupKey, id), agent)
      if (body.status === 'assigned') run.told.push(id)
    }
  }
  const all = Promise.all(Array.from({ length: AT_ONCE }, one))
  run.stop = async () => {
    run.stopped = true
    await all
    agent.destroy()
  }
  return run
}

// What the registry says of each device, by its ID: its keys, and which one of that name it is.
async function identities() {
  const hub = await hubConnectionString(daemon)
  const list = await callForAll(daemon, hub, '/devices?api-version=2021-04-12')
  assert.ok(list.every((d) => d.generationId))
  return new Map(
    list.map((d) => [d.deviceId, { ...d.authentication.symmetricKey, is: d.generationId }]),
  )
}

// ---- directories ----

function contents(dir, prefix = '') {
  return Object.fromEntries(
    readdirSync(dir, { withFileTypes: true })
      .filter(({ name }) => name !== 'berth.lock')
      .flatMap((entry) =>
        entry.isDirectory()
          ? Object.entries(contents(join(dir, entry.name), `${prefix}${entry.name}/`))
          : [[prefix + entry.name, readFileSync(join(dir, entry.name)).toString('base64')]],
      ),
  )
}

const beside = () =>
  readdirSync(daemon.dir)
    .filter((name) => name.startsWith('data'))
    .sort()

// RUN, after which the data directory and what is beside it are as they were.
async function changesNothing(run) {
  const before = [contents(data), beside()]
  await run()
  assert.deepEqual([contents(data), beside()], before)
}

function flip(path, at) {
  const fd = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(fd, byte, 0, 1, at)
  byte[0] ^= 1
  writeSync(fd, byte, 0, 1, at)
  closeSync(fd)
}

// ---- the story ----

async function main() {
  await daemon.start()
  data = join(daemon.dir, 'data')
  work = join(daemon.dir, 'work')
  file = join(work, 'monday.berth')
  passFile = join(work, 'passphrase')
  mkdirSync(work)
  writeFileSync(passFile, `${PASSPHRASE}\n`, { mode: 0o600 })
  const keys = await createGroup()
  const own = daemon.profile.connectionString
  const { ca } = daemon
  const sdk = new Sdk(daemon)
  const soloHub = (await register('solo', keys.solo)).registrationState?.assignedHub
  const running = load(keys.group)
  await until('devices', () => running.told.length >= TOLD_BEFORE)

  const connection = (id) =>
    `HostName=localhost;DeviceId=${id};SharedAccessKey=${deriveKey(keys.group, id)}`
  const meet = async (id) => {
    await sdk.device('openDevice', {
      name: id,
      connectionString: connection(id),
      transport: 'mqtt',
    })
  }
  await check('a device reports before the backup', async () => {
    await meet('dev-0')
    await sdk.device('reportTwin', 'dev-0', { firmware: '1.10' })
    await sdk.device('closeDevice', 'dev-0')
  })

  let told
  await check('backup under load', async () => {
    told = running.told.slice()
    const run = await backup(0, file)
    const meanwhile = running.told.length - told.length
    assert.ok(meanwhile > 0, 'no device registered while the backup was made')
    assert.match(run.out, /^backed up .*: \d+ files, \d+ bytes$/m)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    console.log(`${told.length} devices told before the backup, ${meanwhile} while it was made`)
  })
  await running.stop()
  const had = await identities()
  await check('the copy of the database is gone', () => {
    assert.deepEqual(
      readdirSync(data).filter((name) => name.startsWith('berth.db.')),
      [],
    )
  })
  await check('nothing of it can be read without the passphrase', () => {
    const bytes = readFileSync(file)
    for (const text of ['SQLite', 'PRIVATE KEY', 'dev-0', 'SharedAccessKey', GROUP, 'store.key'])
      assert.equal(bytes.indexOf(text), -1, text)
    assert.equal(bytes.indexOf(readFileSync(join(data, 'store.key'))), -1, 'the key')
  })
  await check('what is in it', async () => {
    const { out } = await berth(0, ['restore', '--list', file, '--json', ...passphrase()])
    const { manifest } = JSON.parse(out)
    const names = manifest.files.map(({ name }) => name)
    assert.equal(manifest.format, 1)
    assert.deepEqual(manifest.hubs, ['localhost'])
    for (const name of ['berth.db', 'store.key', 'profile.ini', 'tls/ca.pem', 'tls/ca.key'])
      assert.ok(names.includes(name), name)
    const table = await berth(0, ['restore', '--list', file, ...passphrase()])
    assert.match(table.out, /^FILE +BYTES +FROM$/m)
  })
  await check('a file that is there is kept', async () => {
    const before = readFileSync(file)
    assert.match((await backup(4, file)).err, /--force/)
    assert.deepEqual(readFileSync(file), before)
    const other = join(work, 'other.berth')
    writeFileSync(other, 'in the way')
    await backup(0, other, '--force')
    await berth(0, ['restore', '--list', other, ...passphrase()])
  })
  await check('a running daemon keeps a restore away', () =>
    changesNothing(async () => {
      const { err } = await restore(4, file, '--replace')
      assert.match(err, /another berth serve \(pid \d+\)/)
    }),
  )

  // The machine is lost.
  await daemon.kill()
  rmSync(data, { recursive: true })
  mkdirSync(data)
  await check('restore on an empty directory', async () => {
    const { out } = await restore(0, file)
    assert.match(out, /^restored /m)
    assert.deepEqual(beside(), ['data'])
  })
  await daemon.start()

  await check('same CA, same ID scope, same owner', async () => {
    assert.deepEqual(daemon.ca, ca)
    assert.equal(daemon.profile.connectionString, own)
    await call(daemon, own, 'GET', '/berth/v1/service')
  })
  await check('every device that was told has its identity, with the same keys', async () => {
    const now = await identities()
    for (const id of [...told, 'solo']) assert.deepEqual(now.get(id), had.get(id), id)
  })
  await check('and registers with its key, to the same hub', async () => {
    for (const id of told) {
      const { status, registrationState } = await register(id, deriveKey(keys.group, id))
      assert.equal(status, 'assigned', id)
      assert.equal(registrationState.assignedHub, 'localhost')
    }
    const solo = await register('solo', keys.solo)
    assert.equal(solo.registrationState.assignedHub, soloHub)
  })
  for (const id of SAMPLE)
    await check(`${id} meets its hub with the SDK that it had`, async () => {
      await meet(id)
      const { desired, reported } = await sdk.device('readTwin', id)
      assert.equal(desired.interval, 30)
      assert.equal(reported.firmware, id === 'dev-0' ? '1.10' : undefined)
      await sdk.device('closeDevice', id)
    })
  await check('the simulated device too', async () => {
    const key = join(work, 'device.key')
    writeFileSync(key, deriveKey(keys.group, 'dev-1'), { mode: 0o600 })
    const profile = ['--profile', join(data, 'profile.ini')]
    const device = ['--registration-id', 'dev-1', '--key-file', key]
    const { out } = await berth(0, ['device', 'provision', ...device, ...profile, '--json'])
    assert.equal(JSON.parse(out).status, 'assigned')
  })
  await sdk.stop()
  await daemon.kill()

  // ---- refused and interrupted: with data there, in the state that kill -9 left ----

  await check('an old directory is not taken the place of', () =>
    changesNothing(async () => assert.match((await restore(4, file)).err, /--replace/)),
  )
  await check('a wrong passphrase', () =>
    changesNothing(async () => {
      const args = ['restore', file, '--replace', '--data-dir', data, '--passphrase-file', '-']
      assert.match((await berth(5, args, 'wrong horse battery\n')).err, /passphrase is not the one/)
    }),
  )
  await check('no passphrase', async () => {
    await berth(2, ['restore', '--list', file])
    await berth(2, ['restore', '--list', file, '--passphrase-file', '-'], '\n')
    const args = ['backup', '--output', join(work, 'x'), '--data-dir', data]
    assert.match((await berth(2, [...args, '--passphrase-file', '-'], 'short\n')).err, /too short/)
    assert.match((await berth(2, args)).err, /--passphrase-file/)
    assert.ok(!existsSync(join(work, 'x')))
  })
  // Planted by the daemon's user, who waits for root.
  const bait = join(work, 'bait')
  writeFileSync(bait, 'root alone')
  await check('a link for the lock is not written through', () =>
    changesNothing(async () => {
      const lock = join(data, 'berth.lock')
      rmSync(lock)
      symlinkSync(bait, lock)
      assert.match((await restore(1, file, '--replace')).err, /berth\.lock is a link; remove it/)
      rmSync(lock)
      assert.equal(readFileSync(bait, 'utf8'), 'root alone')
    }),
  )
  await check('a link among the certificates is not taken', async () => {
    const planted = join(data, 'tls', 'more.key')
    symlinkSync(bait, planted)
    assert.match((await backup(1, join(work, 'x'))).err, /more\.key is a link/)
    rmSync(planted)
    assert.ok(!existsSync(join(work, 'x')))
  })
  const size = statSync(file).size
  for (const at of [0, 8, 9, 20, 50, 80, 1000, 66_000, size - 20, size - 1])
    await check(`a flipped bit in byte ${at}`, () =>
      changesNothing(async () => {
        const bad = join(work, 'flipped.berth')
        writeFileSync(bad, readFileSync(file))
        flip(bad, at)
        const run = start(['restore', bad, '--replace', '--data-dir', data, ...passphrase()], '')
        assert.ok([1, 5].includes((await run.ended).code), run.err)
      }),
    )
  for (const n of [0, 79, 80, 5000, 80 + 65552, size - 1])
    await check(`cut after ${n} bytes`, () =>
      changesNothing(async () => {
        const bad = join(work, 'cut.berth')
        writeFileSync(bad, readFileSync(file).subarray(0, n))
        await restore(1, bad, '--replace')
      }),
    )

  // Half of the archive comes through a pipe: it waits for more in the middle of its work.
  const hang = async () => {
    const run = start(['restore', '-', '--replace', '--data-dir', data, ...passphrase()])
    run.child.stdin.write(readFileSync(file).subarray(0, size - 30_000))
    await until('unpacking', () => existsSync(join(`${data}.restoring`, 'store.key')))
    return run
  }
  await check('Ctrl-C during a restore', () =>
    changesNothing(async () => {
      const run = await hang()
      run.child.kill('SIGINT')
      assert.deepEqual(await run.ended, { code: null, signal: 'SIGINT' }, run.err)
    }),
  )
  await check('kill -9 during a restore leaves the old state', async () => {
    const before = contents(data)
    const run = await hang()
    run.child.kill('SIGKILL')
    await run.ended
    assert.deepEqual(contents(data), before)
    await daemon.start()
    await register('dev-2', deriveKey(keys.group, 'dev-2'))
    await daemon.kill()
  })
  await check('the next one cleans up, keeps the old state and succeeds', async () => {
    const before = contents(data)
    const { out } = await restore(0, file, '--replace', '--json')
    const { kept, dataDir } = JSON.parse(out)
    assert.equal(dataDir, data)
    assert.deepEqual(contents(kept), before)
    assert.deepEqual(beside(), ['data', kept.slice(kept.lastIndexOf('/') + 1)])
    rmSync(kept, { recursive: true })
  })
  await check('a full disk during a backup leaves no file', async () => {
    const limit = Math.floor(size / 1024) - 8 // the copy of the database fits, the backup does not
    const run = spawn(
      'bash',
      ['-c', `ulimit -f ${limit}; exec "$@"`, '-', process.env.BERTH].concat([
        'backup',
        '--output',
        join(work, 'full.berth'),
        '--data-dir',
        data,
        ...passphrase(),
      ]),
      { stdio: 'ignore' },
    )
    const [code] = await once(run, 'close')
    assert.notEqual(code, 0)
    assert.deepEqual(
      readdirSync(work).filter((name) => name.startsWith('full')),
      [],
    )
    assert.ok(!existsSync(join(data, 'berth.db.copy')))
  })
  await check('a backup without a daemon, of what kill -9 left', async () => {
    await daemon.start()
    await register('late', deriveKey(keys.group, 'late'))
    await daemon.kill()
    const late = join(work, 'late.berth')
    await backup(0, late)
    renameSync(data, `${data}.lost`)
    await restore(0, late)
    await daemon.start()
    assert.ok((await identities()).has('late'))
  })
}

let done = false
try {
  await main()
  done = true
} finally {
  if (!done) {
    await daemon.kill()
    daemon.remove()
    console.error(daemon.stderr.slice(-4000))
  }
}
await check('the daemon was well', () => daemon.stop())
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
