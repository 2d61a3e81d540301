// secrets/search.mjs - what is left in the end, and what of it may hold which secret.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { find, needlesOf } from '../needles.mjs'
import {
  BY_DESIGN,
  SHOWN,
  check,
  daemon,
  data,
  key,
  places,
  planted,
  secrets,
  seen,
  temporary,
  work,
} from './rig.mjs'
import { read } from './cli.mjs'

function filesBelow(directory) {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
}

// Files that hold a key because they are there for it, each for its owner alone.
const KEY_FILES = /(^|\/)(store\.key|profile\.ini|.*key.*\.pem|.*\.key)$/

export function collectFiles() {
  for (const directory of [data(), join(work, 'restored')])
    for (const path of filesBelow(directory)) {
      const name = path.slice(directory.length + 1)
      seen(KEY_FILES.test(name) ? 'key files' : `file ${name}`, readFileSync(path))
    }
  const home = filesBelow(work).filter(
    (path) => !planted.has(path) && !path.startsWith(join(work, 'restored')),
  )
  seen('the home directory, after the logout', home.join('\n'), ...home.map(read))
  seen('temporary files', ...filesBelow(temporary).map(read), filesBelow(temporary).join('\n'))
  const storeKey = readFileSync(join(data(), 'store.key'))
  key('store key', storeKey.toString('base64'))
}

export function collectProcess() {
  seen('process list', read(`/proc/${daemon.child.pid}/cmdline`))
  const environment = read(`/proc/${daemon.child.pid}/environ`)
  assert.ok(environment.length > 0)
  seen("the daemon's environment", environment)
}

// ---- what must be found where ----

const told = (...names) => new Set(names)
const byDesign = {
  [BY_DESIGN]: told(
    'group, primary',
    'group, secondary',
    'enrollment, primary',
    'device, primary',
    "localhost's iothubowner, primary",
    'provisioningserviceowner, secondary',
  ),
  'the list of devices': told(
    'device, primary',
    'device, secondary',
    'enrollment, primary',
    'derived for c-1, primaryKey',
  ),
  'key files': told('provisioningserviceowner, primary', 'store key'),
  [SHOWN]: told(
    'group, primary',
    'device, secondary',
    'derived for c-1, primaryKey',
    'provisioningserviceowner, primary',
    'regenerated',
  ),
}

export async function search() {
  const needles = needlesOf(secrets)
  let forms = 0
  for (const each of Object.values(secrets)) forms += Object.keys(each).length
  let bytes = 0
  let leaks = 0
  for (const [place, parts] of Object.entries(places)) {
    const all = Buffer.concat(parts.flatMap((part) => [part, Buffer.from([0])]))
    bytes += all.length
    const found = find(needles, all)
    const wanted = byDesign[place]
    if (wanted === undefined) {
      leaks += found.length
      await check(`nothing in ${place}`, () =>
        assert.deepEqual(
          found.map(
            ({ secret, form, at }) =>
              `${secret} as ${form}: ${all.subarray(Math.max(0, at - 60), at + 20).toString('latin1')}`,
          ),
          [],
        ),
      )
    } else {
      await check(`what ${place} are there for`, () => {
        const names = new Set(found.map(({ secret }) => secret))
        for (const name of wanted)
          assert.ok(names.has(name), `${name} is not seen: the test is blind`)
      })
    }
  }
  const names = Object.keys(places)
  console.log(
    `secrets: ${Object.keys(secrets).length} planted, ${forms} forms, looked for in ${names.length} places (${bytes} bytes): ${leaks} found; ` +
      `told by design, and seen: ${Object.keys(byDesign).join(', ')}`,
  )
  console.log(`  ${names.filter((name) => !byDesign[name]).join('; ')}`)
}
