// secrets/cli.mjs - the secrets through the command line: files, environment, arguments, backups.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  GROUP,
  SHOWN,
  SINGLE,
  TOLD,
  check,
  daemon,
  data,
  derived,
  key,
  keys,
  newKey,
  policyKeys,
  secretFile,
  seen,
  temporary,
  text,
  until,
  work,
} from './rig.mjs'

export const read = (path) => {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0) // it has ended, or may not be looked at
  }
}

// Runs berth to its end; what ps shows is looked at all the while.
async function berth(place, args, { env = {}, code = 0 } = {}) {
  const child = spawn(process.env.BERTH, args, {
    env: {
      ...process.env,
      HOME: work,
      XDG_CONFIG_HOME: join(work, '.config'),
      TMPDIR: temporary,
      BERTH_PROFILE: join(data(), 'profile.ini'),
      ...env,
    },
    cwd: work,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  const parts = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => parts.push(part))
  while (child.exitCode === null && child.signalCode === null) {
    seen('process list', read(`/proc/${child.pid}/cmdline`))
    await sleep(2)
  }
  await ended
  const out = Buffer.concat(parts).toString()
  seen(place, out)
  assert.equal(child.exitCode, code, `berth ${args.join(' ')}: ${out}`)
  return out
}

export async function verbs() {
  const groupFile = secretFile('group', keys.group.primaryKey)
  const otherFile = secretFile('other', key('group by file', newKey()))
  await berth(TOLD, ['enrollment-group', 'create', 'g-2', '--primary-key-file', otherFile])
  await berth(TOLD, ['enrollment-group', 'create', 'g-2', '--primary-key-file', otherFile], {
    code: 4,
  })
  await berth(TOLD, [
    'enrollment-group',
    'update',
    'g-2',
    '--secondary-key-file',
    groupFile,
    '--json',
  ])
  const made = JSON.parse(
    await berth(SHOWN, [
      'enrollment-group',
      'keys',
      'regenerate',
      'g-2',
      '--key-type',
      'primary',
      '--json',
    ]),
  )
  key('regenerated', made.primaryKey)
  const policyFile = secretFile('policy', key('policy by file', newKey(32)))
  await berth(TOLD, [
    'policy',
    'create',
    'mes',
    '--rights',
    'EnrollmentRead',
    '--primary-key-file',
    policyFile,
  ])
  await berth(TOLD, ['policy', 'show', 'mes', '--json'])
  await berth(SHOWN, ['policy', 'keys', 'show', 'mes'])
  const login = ['login', '--profile', 'away', '--ca', daemon.profile.caFile]
  const string = daemon.profile.connectionString
  await berth(TOLD, [...login, '--connection-string-file', secretFile('login', string)])
  await berth(TOLD, [
    ...login,
    '--url',
    'https://localhost',
    '--policy',
    'mes',
    '--key-file',
    policyFile,
  ])
  await berth(
    TOLD,
    [...login, '--connection-string-file', secretFile('bad login', `${string.slice(0, -9)}*`)],
    { code: 2 },
  )
  await berth(TOLD, ['service', 'show', '--profile', 'away'])
  await berth(TOLD, ['logout', '--profile', 'away'])
  const kinds = [
    'enrollment-group',
    'enrollment',
    'registration',
    'hub',
    'ca',
    'device',
    'policy',
    'login',
  ]
  for (const kind of kinds)
    for (const more of [[], ['--json']]) await berth(TOLD, [kind, 'list', ...more])
  for (const args of [
    ['enrollment-group', 'show', GROUP],
    ['enrollment', 'show', SINGLE],
    ['registration', 'show', SINGLE],
    ['device', 'show', 'made'],
    ['device', 'show', 'made', '--twin'],
    ['service', 'show'],
    ['explain', '--last'],
    ['explain', 'f-1'],
    ['explain', 'm-4'],
    ['enrollment', 'disable', SINGLE],
    ['enrollment', 'enable', SINGLE],
    ['device', 'disable', 'made'],
    ['device', 'enable', 'made'],
    ['ca', 'rollover'],
  ])
    for (const more of args[1] === 'rollover' || args[1].endsWith('able') ? [[]] : [[], ['--json']])
      await berth(TOLD, [...args, ...more]).catch((error) => {
        if (args[0] !== 'explain') throw error // nothing may be known of m-4
      })
  await berth(TOLD, [
    'device',
    'provision',
    '--enrollment-group',
    GROUP,
    '--registration-id',
    'c-1',
  ])
  derived('c-1')
  await berth(TOLD, ['device', 'provision', '--registration-id', 'c-2', '--transport', 'https'], {
    env: { BERTH_KEY: derived('c-2') },
  })
  await berth(TOLD, ['device', 'provision', '--registration-id', 'c-3'], {
    env: { BERTH_KEY: key('nobody', newKey()) },
    code: 5,
  })
  await berth(SHOWN, ['key', 'derive', '--key-file', groupFile, '--registration-id', 'c-1'])
  await berth(SHOWN, ['enrollment-group', 'show', GROUP, '--show-keys'])
  await berth(SHOWN, ['device', 'show', 'made', '--show-keys', '--json'])
  await berth(SHOWN, ['connection-string', 'show'])
  for (const name of ['BERTH_LOGIN', 'BERTH_KEY'])
    await berth(TOLD, ['key', 'derive', '--registration-id', 'x'], {
      env: { [name]: text(`broken $${name}`, `x${newKey()}*`) },
      code: name === 'BERTH_KEY' ? 2 : 2,
    })
}

// A key on the command line stands there until it has been read, and no longer.
async function keyInArguments(name, args, secret) {
  const child = spawn(process.env.BERTH, args, {
    env: { ...process.env, HOME: work, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const parts = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => parts.push(part))
  await check(`${name} leaves the process list`, async () => {
    await until('the key is gone', () => {
      const line = read(`/proc/${child.pid}/cmdline`).toString()
      assert.equal(child.exitCode, null, Buffer.concat(parts).toString())
      return line.startsWith(process.env.BERTH) && !line.includes(secret)
    })
  })
  child.kill('SIGKILL')
  await once(child, 'close')
  seen(TOLD, ...parts)
}

export async function arguments_() {
  const owner = policyKeys.service.provisioningserviceowner
  const login = `HostName=localhost;SharedAccessKeyName=provisioningserviceowner;SharedAccessKey=${owner}`
  await keyInArguments(
    '--login',
    ['hub', 'monitor', '--login', login, '--ca-file', daemon.profile.caFile],
    owner,
  )
  await keyInArguments(
    '--login=',
    ['hub', 'monitor', `--login=${login}`, '--ca-file', daemon.profile.caFile],
    owner,
  )
}

export async function backups() {
  const passphrase = text('passphrase', `correct horse ${randomBytes(12).toString('hex')} battery`)
  const file = join(work, 'backup')
  const from = ['--passphrase-file', secretFile('passphrase', passphrase)]
  await berth(TOLD, ['backup', '--output', file, '--data-dir', data(), ...from])
  await berth(TOLD, ['restore', file, '--list', ...from])
  await berth(TOLD, ['restore', file, '--data-dir', join(work, 'restored'), ...from])
  const wrong = secretFile(
    'wrong',
    text('wrong passphrase', `no horse ${randomBytes(12).toString('hex')}`),
  )
  await berth(
    TOLD,
    ['restore', file, '--data-dir', join(work, 'again'), '--passphrase-file', wrong],
    { code: 5 },
  ).catch(() => {})
  seen('backup', read(file))
}
