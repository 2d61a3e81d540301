// Each quantity at start, middle and end; what explains its growth, with a figure; and what is left that nothing explains.
const KIB = 1024
const MIB = 1024 * KIB
// Below this nothing is told from noise: a connection more or less, a page of the allocator.
const HEAP_NOISE = 192 * KIB
const RESIDENT_NOISE = 768 * KIB
// server/store/sqlite: 16,000 pages, a quarter more for each time that a backup was in the way, and the batch that passed it
const WAL_MAX = (16_000 + 2 * 4_000 + 1_000) * (4096 + 24)
const SQLITE_MAX = (16 + 3 * 2 + 3) * MIB // the writer's cache, two loops' and the main thread's, statements
const SPARE = 516 * KIB // a block of a registration: mapped, and touched as far as it was used
const SPARE_MAX = 2 * 64
const WAL_INDEX = 32 * KIB * 8
const DATABASE_NOISE = 384 * KIB // twins that got another property, enrollments that are there or not
const ROOM_MAX = 0.4 // of the pages in use: a page that is split is half full, and fills again
const PROGRAM_MAX = 20 * MIB // the program and its libraries, once all of it was used

// glibc's malloc keeps up to 7 freed chunks of each of 64 sizes for each thread, and counts them as in use. (With
// GLIBC_TUNABLES=glibc.malloc.tcache_count=0 it does not.) What is left then are certificates: sessions keep those they began with,
// and the load has them loaded again each minute.
const THREAD_CACHE = 7 * 64 * 528

const HOUR_MS = 3_600_000

// By least squares, an hour.
function slope(samples, key) {
  const points = samples.map((s) => [s.at / HOUR_MS, s[key]])
  const n = points.length
  const [mx, my] = [0, 1].map((k) => points.reduce((sum, p) => sum + p[k], 0) / n)
  const sxx = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
  return sxx === 0 ? 0 : points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / sxx
}

const registrations = (r) =>
  r.end.metrics.berth_registrations_assigned_total -
  r.start.metrics.berth_registrations_assigned_total

function row(r, what, key, unit, explain) {
  const [start, middle, end] = [r.start, r.middle, r.end].map(
    typeof key === 'function' ? key : (s) => s[key],
  )
  const grown = end - start
  const derived =
    typeof key === 'function' ? r.samples.map((s) => ({ at: s.at, v: key(s) })) : r.samples
  const verdict = explain({ start, middle, end, grown })
  return {
    what,
    unit,
    start,
    middle,
    end,
    hourly: slope(derived, typeof key === 'function' ? 'v' : key),
    perRegistration: grown / Math.max(1, registrations(r)),
    ...verdict,
  }
}

// PARTS: [why, how much]; the rest may be NOISE.
function sum(grown, parts, noise) {
  const explained = parts.filter(([, n]) => n > 0)
  const left = grown - explained.reduce((total, [, n]) => total + n, 0)
  return { ok: left <= noise, parts: explained, left, noise }
}

// As sum, of PARTS [why, of a sample]. ONCE, [why, bound], may explain what grew before the middle, for it is full one day: what still
// grows behind the middle it does not explain.
function filling(r, of, parts, [why, bound], noise) {
  const between = (from, to) =>
    sum(
      of(to) - of(from),
      parts.map(([why, part]) => [why, part(to) - part(from)]),
      noise,
    )
  const whole = between(r.start, r.end)
  const late = between(r.middle, r.end)
  if (whole.ok || late.left > noise || whole.left > bound + noise) return whole
  const left = Math.max(0, late.left)
  return { ...whole, ok: true, parts: [...whole.parts, [why, whole.left - left]], left }
}

const same = ({ grown }) => ({ ok: grown <= 0, parts: [], left: grown, noise: 0 })
const zero = ({ start, middle, end }) => {
  const most = Math.max(start, middle, end)
  return { ok: most === 0, parts: [], left: most, noise: 0 }
}
const atMost =
  (bound) =>
  ({ end }) => ({ ok: end <= bound, parts: [], left: Math.max(0, end - bound), noise: 0, bound })
const within =
  (bound, why) =>
  ({ grown }, most) => ({
    ok: most <= bound,
    parts: grown > 0 && most <= bound ? [[why, grown]] : [],
    left: Math.max(0, most - bound),
    noise: 0,
    bound,
  })

const most = (r, key) => Math.max(...[...r.samples, r.start, r.middle, r.end].map((s) => s[key]))
const delta = (r, key) => r.end[key] - r.start[key]

function memory(r) {
  const sqlite = ['SQLite, within its bound', (s) => Math.min(s.sqlite, SQLITE_MAX)]
  const kept = ['messages kept for monitors', (s) => s.events]
  const spare = ['blocks of registrations', (s) => s.spare * SPARE]
  const free = ['heap free, kept by malloc', (s) => s.heapFree]
  const mapped = ['mapped files', (s) => s.mapped]
  const rest = (s) => s.heapUsed - s.sqlite - s.events - s.spare * SPARE
  const caches = [
    'filled once: malloc, certificates of older sessions',
    r.start.threads * THREAD_CACHE,
  ]
  const touched = ['free heap used for the first time', r.end.heapFree]
  const heap = (of, parts) => () => filling(r, of, parts, caches, HEAP_NOISE)
  const resident = (key, parts) => () => filling(r, (s) => s[key], parts, touched, RESIDENT_NOISE)
  const bounded = (key, bound, why) => (v) => within(bound, why)(v, most(r, key))
  return [
    row(r, 'SQLite memory', 'sqlite', 'MiB', bounded('sqlite', SQLITE_MAX, 'page caches')),
    row(r, 'messages kept', 'events', 'MiB', (v) =>
      within(4 * MIB, 'rings of two hubs')(v, r.end.events),
    ),
    row(r, 'blocks of registrations', 'spare', '', bounded('spare', SPARE_MAX, '64 of each loop')),
    row(
      r,
      'heap in use',
      'heapUsed',
      'MiB',
      heap((s) => s.heapUsed, [sqlite, kept, spare]),
    ),
    row(r, 'heap but for these three', rest, 'MiB', heap(rest, [])),
    row(r, 'heap free, kept', 'heapFree', 'MiB', (v) => sum(v.grown, [], 4 * MIB)),
    row(r, 'memory, anonymous', 'anonymous', 'MiB', resident('anonymous', [sqlite, kept, free])),
    row(
      r,
      'memory, mapped files',
      'mapped',
      'MiB',
      bounded('mapped', PROGRAM_MAX + WAL_INDEX, 'pages of the program first used'),
    ),
    row(r, 'resident memory (RSS)', 'rss', 'MiB', resident('rss', [sqlite, kept, free, mapped])),
  ]
}

function files(r) {
  const connected = delta(r, 'connections')
  return [
    row(r, 'open files: sockets', 'sockets', '', (v) =>
      sum(v.grown, [['connections open', connected]], 2),
    ),
    ...['database', 'pipes', 'eventPolls', 'otherFiles'].map((key) =>
      row(r, `open files: ${key}`, key, '', (v) => same(v)),
    ),
    row(r, 'threads', 'threads', '', same),
    row(r, 'files in the data directory', 'dataFiles', '', same),
  ]
}

function disk(r) {
  const fresh = (r.done['new device'] ?? 0) - r.warm.newDevices
  const devices = ({ grown }) => [`${fresh} new devices`, Math.min(grown, fresh * r.perDevice.rows)]
  const settled = { ...r, samples: [r.start, r.middle, r.end] } // the room is known of these alone
  const rows = (s) => s.dbUsed - s.dbRoom
  return [
    row(settled, 'database, rows', rows, 'MiB', (v) => sum(v.grown, [devices(v)], DATABASE_NOISE)),
    row(settled, 'database, room in pages', 'dbRoom', 'MiB', (v) =>
      within(r.end.dbUsed * ROOM_MAX, 'pages split by rows in between')(v, v.end),
    ),
    row(r, 'database, pages in use', 'dbUsed', 'MiB', (v) =>
      sum(v.grown, [devices(v), ['room in pages', delta(r, 'dbRoom')]], DATABASE_NOISE),
    ),
    row(r, 'database, pages free', 'dbFree', 'MiB', (v) => sum(v.grown, [], MIB)),
    row(r, 'write-ahead log, file', 'wal', 'MiB', (v) =>
      within(WAL_MAX, 'log to its bound')(v, most(r, 'wal')),
    ),
  ]
}

function state(r) {
  return [
    row(r, 'hub sessions', 'sessions', '', atMost(151)),
    row(r, 'registrations under way', 'underWay', '', zero),
    row(r, 'commits waiting', 'queued', '', zero),
    row(r, 'hubs with messages or watchers', 'eventHubs', '', atMost(2)),
  ]
}

function count(what, n, detail = '') {
  return {
    what,
    unit: '',
    start: 0,
    middle: 0,
    end: n,
    ok: n === 0,
    parts: [],
    left: n,
    noise: 0,
    detail,
  }
}

export function judge(r) {
  return [
    ...memory(r),
    ...files(r),
    ...disk(r),
    ...state(r),
    count('told assigned, not kept', r.fate.lost, r.fate.some.join(' ')),
    count(
      'what should not have been',
      Object.values(r.odd).reduce((total, { count }) => total + count, 0),
      Object.keys(r.odd).join('; '),
    ),
  ]
}
