// Devices in a process of their own, which is killed in the middle of what they do. The parent says which daemon.
import { setTimeout as sleep } from 'node:timers/promises'
import { connector, Device } from './device.mjs'

const COUNT = 8

process.once('message', async ({ daemon, scope, groupKey, ids }) => {
  const world = { daemon, scope, groupKey, hub: 'localhost', connect: connector(daemon) }
  for (const id of ids.slice(0, COUNT)) {
    const device = Device.ofGroup(world, id)
    const talk = await device.session()
    if (talk !== undefined) setInterval(() => device.telemetry(talk, 1), 700)
  }
  const last = Device.ofGroup(world, ids[COUNT])
  for (;;) {
    await last.register('mqtt')
    await sleep(900)
  }
})
