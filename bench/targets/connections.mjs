// Targets 1, 2, 3, 4 and 6: new connections, each with a full handshake, to the daemon and to what it is compared with.
import { deviceLoad, GROUP, GROUP_KEY, startDaemon, startSeeded } from '../lib/daemon.mjs'
import { findLoop, measure } from '../lib/measure.mjs'
import { runLoad } from '../lib/load.mjs'
import { startBare, startMosquitto, startNginx } from '../lib/peers.mjs'
import path from 'node:path'
import { stop } from '../lib/processes.mjs'
import { alone, beside, interleave, median } from '../lib/stats.mjs'

const AT_ONCE = 64
const WARM_UP = 300

export async function startServers(ctx) {
  const daemon = await startSeeded(ctx, GROUP)
  const tls = path.join(daemon.dir, 'tls')
  return {
    daemon,
    hs: await startDaemon(ctx, 'hs', { bare: true }),
    bare: await startBare(ctx, tls),
    nginx: await startNginx(ctx, tls),
    nginxOwn: await startNginx(ctx, tls, { ownTls: true }),
    mosquitto: await startMosquitto(ctx, tls),
  }
}

export function loadsOf(ctx, up) {
  let serial = 0
  const to = (server, mix) => () => ({
    https: server.https,
    mqtts: server.mqtts,
    mix,
    count: ctx.connections,
    atOnce: AT_ONCE,
  })
  const devices = (server, mix) => () => ({
    ...deviceLoad(server, to(server, mix)()),
    scope: up.daemon.scope,
    key: GROUP_KEY,
    prefix: `sn-007-888-abc-mac-a1-b2-c3-d${String(serial++).padStart(3, '0')}`,
  })
  return {
    bare: { server: up.bare, load: to(up.bare, 'close') },
    hs: { server: up.hs, load: to(up.hs, 'close') },
    'bare, echo': { server: up.bare, load: to(up.bare, 'echo') },
    'hs, echo': { server: up.hs, load: to(up.hs, 'echo') },
    mqtt: { server: up.daemon, load: devices(up.daemon, 'mqtt'), settle: true },
    'mqtt-ws': { server: up.daemon, load: devices(up.daemon, 'mqtt-ws'), settle: true },
    https: { server: up.daemon, load: devices(up.daemon, 'https'), settle: true },
    nginx: { server: up.nginx, load: devices(up.nginx, 'https') },
    'nginx, own TLS': { server: up.nginxOwn, load: devices(up.nginxOwn, 'https') },
    mosquitto: { server: up.mosquitto, load: to(up.mosquitto, 'pubsub') },
  }
}

export async function run(ctx) {
  const up = await startServers(ctx)
  const loads = loadsOf(ctx, up)
  for (const l of Object.values(loads))
    await findLoop(l.server, () => runLoad(ctx.program('load'), { ...l.load(), count: ctx.few(WARM_UP) }))
  const cases = Object.fromEntries(
    Object.entries(loads).map(([name, l]) => [name, () => measure(ctx, l.server, l.load, l.settle)]),
  )
  const raw = await interleave(cases, ctx.rounds, (text) => ctx.note(`connections, ${text}`))
  for (const server of Object.values(up)) await stop(server)
  return { raw, rows: rowsOf(raw) }
}

function rowsOf(raw) {
  const of = (name, clock) => raw[name].map((m) => m[clock])
  const us = (target, what, figure, clock, baseline, baseClock, more) => ({
    target,
    what,
    against: baseline,
    ...beside(of(figure, clock), of(baseline, baseClock), 'us'),
    ...more,
  })
  return [
    us('1', 'MQTT registration, loop', 'mqtt', 'loop', 'hs', 'loop', { most: 1.2 }),
    us('2', 'MQTT registration, all CPU', 'mqtt', 'all', 'hs', 'all', { most: 1.35 }),
    { target: '2', what: 'MQTT registrations a second', ...alone(of('mqtt', 'rate'), '/s'), floor: 1500 },
    us('3', 'MQTT registration, all CPU', 'mqtt', 'all', 'mosquitto', 'all', { most: 1 }),
    us('4', 'HTTPS registration, all CPU', 'https', 'all', 'nginx', 'all', { most: 1.1 }),
    us('-', 'HTTPS registration, all CPU', 'https', 'all', 'nginx, own TLS', 'all'),
    us('6', 'hs', 'hs', 'all', 'bare', 'all', { most: 1.05 }),
    us('6', 'hs with an echo', 'hs, echo', 'all', 'bare, echo', 'all', { most: 1.05 }),
    us('-', 'MQTT registration, loop', 'mqtt', 'loop', 'hs, echo', 'loop'),
    us('-', 'MQTT registration, all CPU', 'mqtt', 'all', 'hs, echo', 'all'),
    us('-', 'HTTPS registration, all CPU', 'https', 'all', 'hs', 'all'),
    us('-', 'MQTT over WebSocket, all CPU', 'mqtt-ws', 'all', 'hs', 'all'),
    { target: '-', what: "client's CPU, MQTT", figure: median(of('mqtt', 'client')), unit: 'us' },
  ]
}
