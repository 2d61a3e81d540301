// A part that is measured again takes the place of its old figures, and only of those; figures of two machines are never one page.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { filled, joined, savedBeside } from './publish.mjs'

const ALL = ['connections', 'store', 'growth', 'profile']
const machine = { date: '2026-01-02T03:04:05.000Z', cpu: 'A', cores: 2, kernel: '6', openssl: '3', nginx: '1', mosquitto: '2', rounds: 15, connections: 1000 }
const row = (part, figure) => ({ part, target: '1', what: part, figure, unit: 'us' })
const saved = { machine, rows: ALL.slice(0, 3).map((part) => row(part, 1)), seconds: { store: 1 }, rounds: { store: [1] }, growth: { old: 1 }, disturbance: '' }

function atRoot(t) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-publish-'))
  t.after(() => fs.rmSync(root, { recursive: true }))
  fs.mkdirSync(path.join(root, 'docs/performance'), { recursive: true })
  fs.writeFileSync(path.join(root, 'docs/performance/results.json'), JSON.stringify(saved))
  return root
}

test('a part again', (t) => {
  const later = { ...machine, date: '2026-01-02T04:00:00.000Z' }
  const kept = savedBeside(atRoot(t), ['store', 'profile'], later)
  const again = { machine: later, rows: [row('store', 2)], seconds: { store: 2, profile: 3 }, rounds: { store: [2] }, profile: { hs: { kernel: 5 } }, disturbance: 'disturbed' }
  const all = joined(kept, again, ALL)
  assert.deepEqual(all.rows, [row('connections', 1), row('store', 2), row('growth', 1)])
  assert.deepEqual([all.growth, all.profile], [{ old: 1 }, { hs: { kernel: 5 } }])
  assert.deepEqual([all.seconds, all.rounds], [{ store: 2, profile: 3 }, { store: [2] }])
  assert.equal(all.machine.date, machine.date)
  assert.equal(all.disturbance, 'disturbed')
  const page = filled('<!-- results: machine -->\n<!-- end -->', all)
  assert.match(page, /^2026-01-02 03:04, .*Measured again: store, 2026-01-02 04:00\. Measured again: profile, 2026-01-02 04:00\.$/m)
})

test('another machine', (t) => {
  const root = atRoot(t)
  for (const name of ['cpu', 'kernel', 'rounds', 'connections'])
    assert.throws(() => savedBeside(root, ['store'], { ...machine, [name]: 'other' }), new RegExp(`the saved run had ${name} .*, this one has other`))
})
