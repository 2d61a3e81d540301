// Before the start: what grows to a bound is grown to it, so that whatever grows later has no such excuse.
import { openTcp, mqtt } from '../../tests/e2e/raw.mjs'
import { address, Device, mistaken } from './device.mjs'
import { fillIdle, fleetId } from './deeds.mjs'
import { settledSample } from './sample.mjs'

const REFUSALS = 4600 // more than are kept, of devices
const SERVICE_REFUSALS = 1100
const CONNECTIONS = 1100
const EVENTS = 4400
const BURSTS = 12
const BURST = 160 // more registrations at once than each loop keeps the memory of

async function devices(w) {
  await w.seed(
    w.options.devices,
    (i) => {
      const d = w.device(fleetId(i))
      return { d, token: d.token() }
    },
    (d, answer) => {
      if (answer.body?.status === 'assigned') w.tell(d.id)
      else w.note(`before the start: ${answer.status}`, d.id)
    },
  )
}

const refusals = (w) =>
  w.seed(
    REFUSALS,
    (i) => {
      const d = w.device(`wrong-${i % 500}`)
      return { d, token: mistaken(d, 'a key from nowhere') }
    },
    (d, answer) => {
      if (answer.status !== 401 && answer.status !== 429)
        w.note(`before the start, refused: ${answer.status}`)
    },
  )

async function serviceRefusals(w) {
  for (let i = 0; i < SERVICE_REFUSALS; i++)
    await w.api('GET', '/enrollments/x?api-version=2021-10-01', [401, 429], {
      headers: { Authorization: `SharedAccessSignature sr=x&sig=${i}&se=1&skn=y` },
    })
}

// Each from another address: repetitions of one are one entry.
async function connections(w) {
  for (let i = 0; i < CONNECTIONS; i++) {
    const wire = await openTcp(w.daemon.mqttsPort, { localAddress: address(2000 + i) })
    await wire.write('GET / HTTP/1.1\r\n\r\n')
    await wire.closed(2000)
    wire.end()
  }
}

async function events(w) {
  const device = w.device(fleetId(0))
  const talk = await device.session()
  for (let from = 0; from < EVENTS; from += 100) {
    for (let i = 0; i < 100; i++) device.telemetry(talk, i)
    await talk.until(4, from + 99)
  }
  talk.end()
}

async function bursts(w) {
  const some = Array.from({ length: BURST }, (_, i) => w.device(fleetId(i)))
  const wires = await Promise.all(
    some.map((_, i) => w.connect(w.daemon.httpsPort, { localAddress: `127.3.0.${(i % 100) + 1}` })),
  )
  for (let n = 0; n < BURSTS; n++) {
    const said = some.map((d) => d.httpRequest())
    wires.forEach((wire, i) => wire.write(said[i]))
    await Promise.all(
      wires.map((wire) =>
        wire.until((got) => got.toString('latin1').split('HTTP/1.1').length > n + 1),
      ),
    )
  }
  for (const wire of wires) wire.end()
}

async function ownDevices(w) {
  for (let i = 0; i < 200; i++) {
    const mover = Device.ofGroup(w, `mover-${i}`, Buffer.alloc(64, 11).toString('base64'))
    if ((await mover.register('http')) === 'assigned') w.tell(mover.id)
  }
}

// Bytes of the database that one known device takes.
export async function warmUp(w) {
  const before = await settledSample(w)
  await devices(w)
  await new Promise((done) => setTimeout(done, 3000))
  const after = await settledSample(w)
  const each = (of) => (of(after) - of(before)) / w.options.devices
  const per = {
    database: each((s) => s.dbUsed),
    rows: each((s) => s.dbUsed - s.dbRoom),
    sqlite: after.sqlite - before.sqlite,
    anonymous: after.anonymous - before.anonymous,
  }
  await refusals(w)
  await serviceRefusals(w)
  await connections(w)
  await events(w)
  await fillIdle(w)
  await ownDevices(w)
  await bursts(w)
  return per
}
