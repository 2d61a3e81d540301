// Recognisable keys, tokens and passphrases go through everything that berth does; then they are looked for, in every form, in everything
// that berth has left, told or shown. Where a key is told on purpose it must be found: that is the proof that this test can see.
//
// usage: BERTH=.. node secrets.mjs   (in tests/in-netns, after `npm ci` in tests/sdk)
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { find, keyForms, needlesOf } from './needles.mjs'
import { arguments_, backups, verbs } from './secrets/cli.mjs'
import { devicesAreRefused, devicesRegister, session } from './secrets/devices.mjs'
import { check, daemon, failed, newKey, passed, seen, work } from './secrets/rig.mjs'
import { collectFiles, collectProcess, search } from './secrets/search.mjs'
import { lists, operations, recordsComeAndGo, servicesAreRefused } from './secrets/service.mjs'

await check('every form is found where it is', () => {
  const forms = keyForms(newKey())
  for (const [form, value] of Object.entries(forms))
    assert.ok(
      find(
        needlesOf({ it: forms }),
        Buffer.concat([randomBytes(99), Buffer.from(value), randomBytes(99)]),
      ).length > 0,
      form,
    )
})

await daemon.start()
try {
  await recordsComeAndGo()
  await devicesRegister()
  await devicesAreRefused()
  await servicesAreRefused()
  await session()
  await sleep(300) // forensics run behind the answers
  await verbs()
  await arguments_()
  await backups()
  await lists()
  await operations()
  collectProcess()
  collectFiles()
} finally {
  await daemon.stop().catch((error) => check('the daemon was well', () => Promise.reject(error)))
}
seen('log', daemon.stderr)
await check('the log was at work', () => assert.match(daemon.stderr, /"registration_id":"f-1"/))
await search()
rmSync(work, { recursive: true, force: true })
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
