// Completion in bash and in zsh against a running daemon: commands, options, their values, and names of what the service has.
//
// usage: BERTH=.. node completion.mjs   (bash; zsh, or its checks fail)
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { tmpdir } from 'node:os'
import { Daemon } from '../sdk/daemon.mjs'

const SCRIPTS = new URL('../../cli/completion', import.meta.url).pathname
const HANG_MS = 15_000 // two names asked for would take 20 s if nothing but their connections' time limits ended them
const PRESSES = 5

let passed = 0
let failed = 0
function check(name, run) {
  try {
    run()
    passed++
  } catch (error) {
    failed++
    console.error(`FAILED: ${name}: ${error.message}`)
  }
}

const work = mkdtempSync(join(tmpdir(), 'berth-completion-'))
const daemon = new Daemon([
  ...['--hostname', 'localhost', '--hostname', '127.0.0.1', '--listen', '127.0.0.1'],
  ...['--ops-port', '0', '--loops', '1'],
])
await daemon.start()
const profile = join(daemon.dir, 'data', 'profile.ini')

mkdirSync(join(work, 'bin'))
symlinkSync(resolve(process.env.BERTH), join(work, 'bin', 'berth'))
mkdirSync(join(work, 'files', 'certificates'), { recursive: true })
writeFileSync(join(work, 'files', 'group one.key'), '')
const env = {
  ...process.env,
  PATH: `${join(work, 'bin')}:${process.env.PATH}`,
  HOME: work,
  XDG_CONFIG_HOME: join(work, 'config'),
  BERTH_PROFILE: profile,
  TERM: 'dumb',
}
const run = (program, args, more = {}) =>
  spawnSync(program, args, {
    env: { ...env, ...more.env },
    cwd: join(work, 'files'),
    encoding: 'utf8',
    ...more.spawn,
  })

function berth(...args) {
  const { status, stdout, stderr } = run('berth', args)
  assert.equal(status, 0, `berth ${args.join(' ')}: ${stderr}`)
  return stdout
}

// ---- bash: the function itself, called with what readline gives it ----

// Readline cuts at these characters, too, and keeps = and : as words.
function cut(line) {
  const words = line.match(/[^\s=:]+|[=:]+/g) ?? []
  return /[\s]$/.test(line) ? [...words, ''] : words
}

function bash(line, more = {}) {
  const words = cut(line)
  const script = `set -u; source "$1"; shift
    COMP_LINE=$1 COMP_POINT=\${#1}; shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _berth
    printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, status } = run(
    'bash',
    ['--norc', '-c', script, 'bash', join(SCRIPTS, 'berth.bash'), line, ...words],
    more,
  )
  assert.equal(status, 0, stderr)
  assert.equal(stderr, '')
  return stdout.split('\n').filter((each) => each !== '')
}

// Whoever presses TAB is not kept waiting: after 0.9 s completion ends with what it has. On a busy machine that can be nothing, and
// one presses again.
function again(name, run) {
  check(name, () => {
    for (let presses = 1; ; presses++)
      try {
        return run()
      } catch (error) {
        if (presses === PRESSES) throw error
      }
  })
}

function offers(line, ...want) {
  again(`bash: ${line}`, () => assert.deepEqual(bash(line).sort(), want.sort()))
}
function has(line, ...want) {
  again(`bash: ${line}`, () => {
    const got = bash(line)
    for (const each of want) assert.ok(got.includes(each), `no ${each} in: ${got.join(' ')}`)
  })
}

// ---- zsh: a terminal in which somebody types, and presses TAB ----

// What stands on the command line after TAB.
function zsh(line) {
  const script = `zmodload zsh/zpty
    zpty z zsh -f -i
    zpty -w z 'PS1=; unsetopt zle_bracketed_paste beep; fpath=($FPATH_BERTH $fpath); autoload -Uz compinit; compinit -u -D'
    zpty -w z 'shown() { zle complete-word; print -r -- "<<$BUFFER>>"; zle -I; BUFFER=; zle accept-line }; zle -N shown; bindkey "^T" shown; print rea""dy'
    zpty -r -m z got '*ready*'
    zpty -w -n z "$1"$'\\x14'
    zpty -r -m z got '*<<*>>*'
    print -r -- "$got"
    zpty -d z`
  const { stdout, stderr, error } = run('zsh', ['-f', '-c', script, 'zsh', line], {
    env: { FPATH_BERTH: SCRIPTS },
    spawn: { timeout: 30_000 },
  })
  assert.equal(error, undefined, `${error?.message}: is zsh installed? tools/need test`)
  const found = /<<(.*?)>>/s.exec(stdout)
  assert.ok(found, `${stdout}${stderr}`)
  return found[1].trimEnd()
}

function becomes(line, want) {
  again(`zsh: ${line}`, () => assert.equal(zsh(line), want))
}

try {
  berth('enrollment-group', 'create', 'mylegacydevices')
  berth('enrollment-group', 'create', 'myother')
  berth('enrollment', 'create', 'pump-12')
  berth('enrollment', 'create', 'pump:13')
  berth('hub', 'create', 'line2.plant.example', '--no-allocation')
  for (const id of ['sn-007', 'sn-008'])
    berth('device', 'provision', '--enrollment-group', 'mylegacydevices', '--registration-id', id)

  has('berth ', 'serve', 'enrollment-group', 'hub', 'explain')
  check('bash: hidden verbs stay hidden', () => assert.ok(!bash('berth ').includes('complete')))
  offers('berth enrollment-g', 'enrollment-group')
  has('berth enrollment-group ', 'create', 'keys', 'list')
  offers('berth enrollment-group keys ', 'show', 'regenerate')
  offers('berth enrollment-group keys re', 'regenerate')
  offers('berth device dis', 'disable')
  offers('berth enrollment update some-id --et', '--etag')
  offers('berth help ke', 'key')
  offers('berth nonsense ')
  has('berth hub list --', '--json', '--profile', '--help')
  has('berth serve --tls', '--tls-certificate', '--tls-key')
  offers('berth connection-string show --key-', '--key-type')

  offers('berth enrollment-group show ', 'mylegacydevices', 'myother')
  offers('berth enrollment-group show myl', 'mylegacydevices')
  offers('berth enrollment-group show --show-keys myo', 'myother')
  offers('berth enrollment-group show myother ')
  offers('berth enrollment-group show -- my', 'mylegacydevices', 'myother')
  offers('berth enrollment-group create ')
  offers('berth enrollment-group show --gid myl', 'mylegacydevices')
  offers('berth enrollment-group show --gid=myl', 'mylegacydevices')
  offers('berth key derive --enrollment-group myo', 'myother')
  offers('berth key derive --enr=myo', 'myother')
  offers('berth enrollment delete ', 'pump-12', 'pump:13')
  offers('berth enrollment show pump:', '13')
  offers('berth registration show sn', 'sn-007', 'sn-008')
  offers('berth explain sn-00', 'sn-007', 'sn-008')
  offers('berth device list --hub ', 'line2.plant.example', 'localhost')
  offers('berth device list --hub=line', 'line2.plant.example')
  offers('berth device show ', 'sn-007', 'sn-008')
  offers('berth device show --hub line2.plant.example ')
  offers('berth device show --hub no.such.example ')
  has('berth connection-string show --policy-name ', 'provisioningserviceowner')
  has(
    'berth connection-string show --hub line2.plant.example --policy-name ',
    'iothubowner',
    'registryRead',
  )

  offers('berth policy show pro', 'provisioningserviceowner')
  offers('berth policy show --hub localhost reg', 'registryRead', 'registryReadWrite')
  offers('berth policy create ')
  offers('berth policy list --rights Registry', 'RegistryRead', 'RegistryWrite')
  offers('berth login ', 'list', 'use', 'remove')
  offers('berth login --fetch', '--fetch-ca')
  offers('berth login use ')
  const string = join(work, 'string')
  writeFileSync(string, berth('connection-string', 'show'), { mode: 0o600 })
  berth(
    'login',
    '--profile',
    'line2',
    '--connection-string-file',
    string,
    '--ca',
    daemon.profile.caFile,
  )
  offers('berth login use ', 'line2')
  offers('berth logout l', 'line2')
  has('berth hub list --profile ', 'line2')
  offers('berth enrollment-group show --profile line2 myl', 'mylegacydevices')
  berth('logout')

  offers('berth connection-string show --key-type ', 'primary', 'secondary')
  offers('berth connection-string show --key-type=s', 'secondary')
  offers('berth enrollment-group update myother --provisioning-status ', 'enabled', 'disabled')
  offers('berth enrollment-group update myother --edge-enabled=f', 'false')
  offers('berth device provision --transport ', 'mqtt', 'https')
  offers('berth serve --log-format ', 'json', 'text', 'auto')
  offers('berth key derive --key-file ', 'group one.key', 'certificates')
  offers('berth key derive --key-file=gro', 'group one.key')
  offers('berth serve --data-dir ', 'certificates')
  offers('berth hub list --top ')

  again('bash: a profile on the line', () => {
    const none = { env: { BERTH_PROFILE: join(work, 'none.ini') } }
    assert.deepEqual(bash('berth hub create --', none).includes('--json'), true)
    assert.deepEqual(bash('berth enrollment-group show my', none), [])
    assert.deepEqual(bash(`berth enrollment-group show --profile ${profile} myl`, none), [
      'mylegacydevices',
    ])
    assert.deepEqual(
      bash(`berth enrollment-group show --data-dir=${join(daemon.dir, 'data')} myl`, none),
      ['mylegacydevices'],
    )
  })
  check("no key on another process's line", () => {
    // A program that stands for berth and tells its arguments.
    const dir = join(work, 'spy')
    mkdirSync(dir)
    writeFileSync(join(dir, 'berth'), '#!/bin/sh\necho "$*" >"$SPY"\n', { mode: 0o755 })
    bash('berth key derive --key AAAAsecret --registration-id ', {
      env: { PATH: `${dir}:${env.PATH}`, SPY: join(work, 'spied') },
    })
    assert.equal(run('cat', [join(work, 'spied')]).stdout, 'complete\n')
  })

  becomes('berth enrollment-gr', 'berth enrollment-group')
  becomes('berth enrollment-group show myl', 'berth enrollment-group show mylegacydevices')
  becomes('berth enrollment show pump:', 'berth enrollment show pump:13')
  becomes('berth device list --hub li', 'berth device list --hub line2.plant.example')
  becomes('berth device list --hub=li', 'berth device list --hub=line2.plant.example')
  becomes(
    'berth connection-string show --key-type s',
    'berth connection-string show --key-type secondary',
  )
  becomes('berth hub list --pro', 'berth hub list --profile')
  becomes('berth key derive --key-file gro', 'berth key derive --key-file group\\ one.key')
  becomes('berth key derive --key-file=gro', 'berth key derive --key-file=group\\ one.key')
} finally {
  await daemon.stop()
}

// ---- nobody there ----

check('bash: the daemon is gone', () => {
  const gone = {
    env: {
      BERTH_LOGIN:
        'HostName=localhost:1;SharedAccessKeyName=a;SharedAccessKey=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
      BERTH_PROFILE: '',
    },
  }
  assert.deepEqual(bash('berth enrollment-group show ', gone), [])
  assert.deepEqual(bash('berth enrollment-group sh', gone), ['show'])
})
{
  // Takes connections and says nothing: the shell must have its prompt back. It is the kernel that takes them.
  const silent = net.createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const login = `HostName=localhost:${silent.address().port};SharedAccessKeyName=a;SharedAccessKey=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`
  check('a service that does not answer', () => {
    const { status, stdout, stderr } = run('berth', ['complete'], {
      env: { BERTH_LOGIN: login },
      spawn: { input: 'explain\0\0', timeout: HANG_MS },
    })
    assert.deepEqual([status, stdout, stderr], [0, 'words\n', ''])
  })
  silent.close()
}
for (const [name, input] of [
  ['no words', ''],
  ['a word without its end', 'enrollment-group'],
  ['513 words', 'a\0'.repeat(513)],
  ['65537 bytes', `${'a'.repeat(65536)}\0`],
])
  check(`berth complete: ${name}`, () => {
    const { status, stdout, stderr } = run('berth', ['complete'], { spawn: { input } })
    assert.deepEqual([status, stdout, stderr], [0, '', ''])
  })
check('berth complete: 512 words', () => {
  const input = `hub\0list\0${'a\0'.repeat(509)}--js\0`
  assert.match(run('berth', ['complete'], { spawn: { input } }).stdout, /--json/)
})

rmSync(work, { recursive: true, force: true })
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
