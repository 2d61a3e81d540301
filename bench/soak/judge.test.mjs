// The judge must not let a leak pass, nor call a leak what has a reason.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge } from './judge.mjs'

const MIB = 1024 * 1024
const base = {
  rss: 60 * MIB,
  anonymous: 45 * MIB,
  mapped: 12 * MIB,
  heapUsed: 80 * MIB,
  heapFree: 5 * MIB,
  sqlite: 10 * MIB,
  events: MIB,
  eventHubs: 2,
  threads: 5,
  sockets: 170,
  pipes: 9,
  eventPolls: 6,
  database: 11,
  otherFiles: 5,
  dataFiles: 13,
  dbUsed: 20 * MIB,
  dbFree: 0,
  dbRoom: 2 * MIB,
  wal: 64 * MIB,
  connections: 160,
  sessions: 150,
  spare: 100,
  underWay: 0,
  queued: 0,
}

// A run at whose end MORE is added to each quantity, HALF at its middle, and MIDWAY at a sample in between.
function run(more = {}, rest = {}, midway = {}, half = {}) {
  const add = (to) =>
    Object.fromEntries(Object.entries(base).map(([k, v]) => [k, v + (to[k] ?? 0)]))
  const at = (minute, s, assigned) => ({
    ...s,
    at: minute * 60_000,
    metrics: { berth_registrations_assigned_total: assigned },
  })
  const [start, end] = [at(0, add({}), 0), at(60, add(more), 50_000)]
  return judge({
    start,
    middle: at(30, add(half), 25_000),
    end,
    samples: [start, at(20, add(midway), 17_000), end],
    done: {},
    warm: { newDevices: 0 },
    perDevice: { rows: 800 },
    odd: {},
    fate: { lost: 0, some: [] },
    ...rest,
  })
}

const bad = (rows) => rows.filter((row) => !row.ok).map((row) => row.what)

test('a steady run is good', () => assert.deepEqual(bad(run()), []))

test('a leak of heap is one, in use and resident', () => {
  const found = bad(run({ heapUsed: MIB, anonymous: MIB, rss: MIB }))
  assert.deepEqual(found, [
    'heap in use',
    'heap but for these three',
    'memory, anonymous',
    'resident memory (RSS)',
  ])
})

test("SQLite's cache may grow to its bound, and no further", () => {
  const grown = (n) => run({ sqlite: n, heapUsed: n, anonymous: n, rss: n })
  assert.deepEqual(bad(grown(15 * MIB)), [])
  assert.ok(bad(grown(16 * MIB)).includes('SQLite memory'))
})

test('what fills once is full by the middle', () => {
  const grown = { heapUsed: MIB, anonymous: MIB, rss: MIB }
  assert.deepEqual(bad(run(grown, {}, {}, grown)), [])
  const more = { heapUsed: 2 * MIB, anonymous: 2 * MIB, rss: 2 * MIB }
  assert.equal(bad(run(more, {}, {}, grown)).length, 4)
  assert.deepEqual(bad(run({ heapUsed: 2 * MIB }, {}, {}, { heapUsed: 2 * MIB })), [
    'heap in use',
    'heap but for these three',
  ])
})

test('a block of a registration more is one, however large', () => {
  assert.deepEqual(bad(run({ spare: 2, heapUsed: MIB })), [])
  assert.deepEqual(bad(run({ spare: 29, heapUsed: 29 * 516 * 1024 })), ['blocks of registrations'])
})

test('a bound that was passed in between is passed', () => {
  assert.deepEqual(bad(run({}, {}, { wal: 40 * MIB })), ['write-ahead log, file'])
})

test('the database may grow by the new devices alone', () => {
  const more = { dbUsed: 4 * MIB }
  const fresh = { done: { 'new device': 5000 } }
  assert.deepEqual(bad(run(more)), ['database, rows', 'database, pages in use'])
  assert.deepEqual(bad(run(more, fresh)), [])
  assert.deepEqual(bad(run({ dbUsed: 8 * MIB }, fresh)).length, 2)
  assert.deepEqual(bad(run({ dbUsed: 8 * MIB, dbRoom: 4 * MIB }, fresh)), [])
  assert.deepEqual(bad(run({ dbUsed: 14 * MIB, dbRoom: 14 * MIB })), ['database, room in pages'])
})

test('open files, threads, queues and sessions come back to what they were', () => {
  for (const [key, what] of [
    ['sockets', 'open files: sockets'],
    ['database', 'open files: database'],
    ['pipes', 'open files: pipes'],
    ['threads', 'threads'],
    ['dataFiles', 'files in the data directory'],
    ['underWay', 'registrations under way'],
    ['queued', 'commits waiting'],
    ['eventHubs', 'hubs with messages or watchers'],
    ['sessions', 'hub sessions'],
  ])
    assert.deepEqual(bad(run({ [key]: 3 })), [what])
  assert.deepEqual(bad(run({ sockets: 3, connections: 3 })), [])
})

test('one lost registration, or one oddity, is one too many', () => {
  assert.deepEqual(bad(run({}, { fate: { lost: 1, some: ['dev-1'] } })), [
    'told assigned, not kept',
  ])
  assert.deepEqual(bad(run({}, { odd: { x: { count: 1, first: [] } } })), [
    'what should not have been',
  ])
})
