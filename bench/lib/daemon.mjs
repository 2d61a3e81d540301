// The daemon, and the groups and records that a load needs in it.
import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import fs from 'node:fs'
import https from 'node:https'
import path from 'node:path'
import { startServer, stop } from './processes.mjs'

export const GROUP = 'bench'
export const GROUP_KEY = Buffer.alloc(64, 7).toString('base64')

export async function startDaemon(ctx, name, { bare = false } = {}) {
  const dir = path.join(ctx.dir, name)
  const ports = ['--https-port', '0', '--mqtts-port', '0', '--ops-port', '0']
  const s = await startServer(
    [ctx.berth, 'serve', '--data-dir', dir, '--hostname', 'localhost', '--listen', '127.0.0.1', ...ports, '--loops', '1'],
    {
      env: bare ? { BERTH_BENCH_BARE_TLS: '1' } : {},
      ready: /^berth serves https:\/\/\S+:(\d+) and mqtts:\/\/\S+:(\d+); ID scope (\S+)$/m,
    },
  )
  return { ...s, dir, https: +s.found[1], mqtts: +s.found[2], scope: s.found[3] }
}

// A daemon with the load's group, with so many registrations in it, and so many other groups, which are tried before it. BEFORE is
// done while there is nothing but the group.
export async function startSeeded(ctx, name, { records = 0, groups = 0, before } = {}) {
  const daemon = await startDaemon(ctx, name)
  await putGroup(daemon, GROUP, GROUP_KEY)
  await before?.(daemon)
  if (records + groups === 0) return daemon
  await stop(daemon)
  const seed = (...args) => execFileSync(ctx.program('bench_seed'), [daemon.dir, ...args.map(String)], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (records > 0) seed('devices', 'localhost', GROUP, records)
  if (groups > 0) seed('groups', groups)
  return startDaemon(ctx, name)
}

// What a load of this daemon's devices has in common.
export const deviceLoad = (daemon, more) => ({
  https: daemon.https,
  mqtts: daemon.mqtts,
  scope: daemon.scope,
  key: GROUP_KEY,
  ...more,
})

function readProfile(dir) {
  const text = fs.readFileSync(path.join(dir, 'profile.ini'), 'utf8')
  const [, host, policy, key] =
    /^connection-string = HostName=([^;]*);SharedAccessKeyName=([^;]*);SharedAccessKey=(.*)$/m.exec(text)
  return { host, policy, key }
}

function serviceToken({ host, policy, key }) {
  const se = Math.floor(Date.now() / 1000) + 600
  const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(`${host}\n${se}`).digest('base64')
  return `SharedAccessSignature sr=${host}&sig=${encodeURIComponent(sig)}&se=${se}&skn=${policy}`
}

function putGroup(server, name, key) {
  const body = JSON.stringify({
    enrollmentGroupId: name,
    attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: key } },
  })
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: '127.0.0.1',
        servername: 'localhost',
        port: server.https,
        method: 'PUT',
        path: `/enrollmentGroups/${name}?api-version=2021-10-01`,
        ca: fs.readFileSync(path.join(server.dir, 'tls/ca.pem')),
        headers: {
          host: 'localhost',
          authorization: serviceToken(readProfile(server.dir)),
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          connection: 'close',
        },
      },
      (answer) => {
        let text = ''
        answer.on('data', (d) => {
          text += d
        })
        answer.on('end', () =>
          answer.statusCode === 200 ? resolve() : reject(new Error(`group: ${answer.statusCode} ${text}`)),
        )
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}
