// What the daemon has at one moment: memory, open files by kind, threads, database, metrics.
import fs from 'node:fs'
import path from 'node:path'

const PAGE = 4096
const TICK_S = 100

function fields(file) {
  const found = {}
  for (const [, name, kb] of fs.readFileSync(file, 'utf8').matchAll(/^(\w+):\s+(\d+)(?: kB)?$/gm))
    found[name] = Number(kb)
  return found
}

function kindOf(target) {
  if (target.startsWith('socket:')) return 'sockets'
  if (target.startsWith('pipe:')) return 'pipes'
  if (target.startsWith('anon_inode:')) return 'eventPolls'
  if (/berth\.db/.test(target)) return 'database'
  return 'otherFiles'
}

function openFiles(pid) {
  const kinds = { sockets: 0, pipes: 0, eventPolls: 0, database: 0, otherFiles: 0 }
  for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
    try {
      kinds[kindOf(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))]++
    } catch {
      continue // closed meanwhile
    }
  }
  return kinds
}

const sizeOf = (file) => (fs.existsSync(file) ? fs.statSync(file).size : 0)

// Pages in use and free, as of the last checkpoint: from the header, for no other program may open the live file.
function database(dir) {
  const file = path.join(dir, 'data/berth.db')
  const head = Buffer.alloc(100)
  const fd = fs.openSync(file, 'r')
  fs.readSync(fd, head, 0, 100, 0)
  fs.closeSync(fd)
  return {
    file: sizeOf(file),
    wal: sizeOf(`${file}-wal`),
    used: (head.readUInt32BE(28) - head.readUInt32BE(36)) * PAGE,
    free: head.readUInt32BE(36) * PAGE,
  }
}

const B_TREE_PAGES = new Map([
  [2, 12],
  [5, 12],
  [10, 8],
  [13, 8],
]) // type to size of its head, as in SQLite's file format

function roomIn(page, at) {
  const head = B_TREE_PAGES.get(page[at])
  if (head === undefined) return 0
  const cells = page.readUInt16BE(at + 3)
  let room = page.readUInt16BE(at + 5) - (at + head + 2 * cells) + page[at + 7]
  for (let block = page.readUInt16BE(at + 1), n = 0; block !== 0 && n < PAGE / 4; n++) {
    room += page.readUInt16BE(block + 2)
    block = page.readUInt16BE(block)
  }
  return room
}

// Bytes of the database's pages that no row takes. When nothing is under way, for then all is in the file itself.
function roomInPages(dir) {
  const text = fs.readFileSync(path.join(dir, 'data/berth.db'))
  let room = 0
  for (let from = 0; from + PAGE <= text.length; from += PAGE)
    room += roomIn(text.subarray(from, from + PAGE), from === 0 ? 100 : 0)
  return room
}

function cpuSeconds(pid) {
  const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
  const rest = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(rest[11]) + Number(rest[12])) / TICK_S
}

const files = (dir) => fs.readdirSync(dir, { recursive: true }).length

// Resident bytes of each anonymous mapping, by its address: where memory grew.
function mappings(pid) {
  const found = {}
  let at
  for (const line of fs.readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)$/.exec(line)
    if (head) at = `${head[1]} ${head[5] || head[3]}`
    const n = /^Anonymous: +(\d+) kB$/.exec(line)
    if (n) found[at] = Number(n[1]) * 1024
  }
  return found
}

// When nothing is under way: what takes longer to find out, too.
export async function settledSample(w) {
  return {
    ...(await sample(w)),
    mappings: mappings(w.pid),
    dbRoom: roomInPages(w.daemon.dir),
  }
}

export async function sample(w) {
  const status = fields(`/proc/${w.pid}/status`)
  const rollup = fields(`/proc/${w.pid}/smaps_rollup`)
  const metrics = await w.metrics()
  const db = database(w.daemon.dir)
  const own = process.cpuUsage()
  const kib = 1024
  return {
    at: Date.now(),
    rss: status.VmRSS * kib,
    anonymous: status.RssAnon * kib,
    mapped: status.RssFile * kib,
    pss: rollup.Pss * kib,
    heapUsed: metrics.berth_heap_used_bytes,
    heapFree: metrics.berth_heap_free_bytes,
    sqlite: metrics.berth_store_memory_bytes,
    events: metrics.berth_hub_events_bytes,
    eventHubs: metrics.berth_hub_events_hubs,
    threads: status.Threads,
    ...openFiles(w.pid),
    dataFiles: files(path.join(w.daemon.dir, 'data')),
    dbFile: db.file,
    dbUsed: db.used,
    dbFree: db.free,
    wal: db.wal,
    connections: metrics.berth_connections_open,
    sessions: metrics.berth_hub_sessions_open,
    underWay: metrics.berth_registrations_open,
    spare: metrics.berth_registrations_spare,
    queued: metrics.berth_store_queued,
    logBytes: w.log.bytes,
    logLines: w.log.lines,
    cpu: cpuSeconds(w.pid),
    clientCpu: (own.user + own.system) / 1e6,
    told: w.told.size,
    deeds: Object.values(w.done).reduce((a, b) => a + b, 0),
    metrics,
  }
}
