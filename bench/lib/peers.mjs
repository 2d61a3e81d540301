// What the daemon is compared with: a bare TLS server of this bench, and Debian's nginx and mosquitto with the daemon's own
// certificate, one thread, TLS 1.3, no resumption where that can be said.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { startServer } from './processes.mjs'

// Any free port: these two cannot tell which one they took.
function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

// They are installed where an ordinary user's PATH does not look.
function find(name) {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` }
  try {
    return execFileSync('sh', ['-c', `command -v ${name}`], { env, encoding: 'utf8' }).trim()
  } catch {
    throw new Error(`${name} is not here: tools/need bench brings it`)
  }
}

const versionOf = (program, flag, pattern) => {
  try {
    return pattern.exec(execFileSync('sh', ['-c', `"${find(program)}" ${flag} 2>&1 || true`], { encoding: 'utf8' }))?.[1]
  } catch {
    return undefined
  }
}
export const peerVersions = () => ({
  nginx: versionOf('nginx', '-v', /nginx\/(\S+)/),
  mosquitto: versionOf('mosquitto', '-h', /version (\S+)/),
})

export async function startBare(ctx, tls) {
  const s = await startServer([ctx.program('bare'), path.join(tls, 'server.pem'), path.join(tls, 'server.key')], {
    ready: /^(\d+)$/m,
  })
  return { ...s, mqtts: +s.found[1], https: +s.found[1] }
}

// nginx answers the very request of a registration with an answer of a registration's form and length.
const ANSWER = JSON.stringify({
  operationId: '5.0.19d3f2a1b4c.0123456789abcdef0123456789abcdef',
  status: 'assigned',
  registrationState: {
    registrationId: 'sn-007-888-abc-mac-a1-b2-c3-d000-000000',
    createdDateTimeUtc: '2026-01-02T03:04:05.0060000Z',
    assignedHub: 'localhost',
    deviceId: 'sn-007-888-abc-mac-a1-b2-c3-d000-000000',
    status: 'assigned',
    substatus: 'initialAssignment',
    lastUpdatedDateTimeUtc: '2026-01-02T03:04:05.0060000Z',
    etag: 'AAAAAAAAAAE=',
    symmetricKey: { enrollmentGroupId: 'bench' },
  },
})

// The daemon's own settings of TLS: what a handshake costs is then the same for both.
const NGINX_TLS = `ssl_ecdh_curve X25519:P-256; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
  ssl_session_tickets off; ssl_session_cache off; ssl_conf_command NumTickets 0;`

// OWN_TLS: with nginx's own defaults instead, which give each client two tickets.
export async function startNginx(ctx, tls, { ownTls = false } = {}) {
  const dir = path.join(ctx.dir, ownTls ? 'nginx-own-tls' : 'nginx')
  const port = await freePort()
  fs.mkdirSync(dir, { recursive: true })
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/${n};`)
  fs.writeFileSync(
    path.join(dir, 'nginx.conf'),
    `daemon off; master_process off; worker_processes 1; pid ${dir}/pid; error_log stderr error;
events { worker_connections 16000; multi_accept on; }
http {
  access_log off; ${temp.join(' ')}
  ssl_certificate ${tls}/server.pem; ssl_certificate_key ${tls}/server.key;
  ssl_protocols TLSv1.3; ${ownTls ? '' : NGINX_TLS}
  server { listen 127.0.0.1:${port} ssl backlog=1024; default_type application/json; return 200 '${ANSWER}'; }
}
`,
  )
  const s = await startServer([find('nginx'), '-p', dir, '-c', path.join(dir, 'nginx.conf'), '-e', 'stderr'], { port })
  return { ...s, https: port, mqtts: port }
}

export async function startMosquitto(ctx, tls, name = 'mosquitto') {
  const file = path.join(ctx.dir, `${name}.conf`)
  const port = await freePort()
  fs.writeFileSync(
    file,
    `listener ${port} 127.0.0.1
user ${process.getuid() === 0 ? 'root' : 'nobody'}
allow_anonymous true
persistence false
log_type error
max_connections -1
set_tcp_nodelay true
certfile ${tls}/server.pem
keyfile ${tls}/server.key
tls_version tlsv1.3
ciphers_tls1.3 TLS_AES_128_GCM_SHA256
`,
  )
  const s = await startServer([find('mosquitto'), '-c', file], { port })
  return { ...s, mqtts: port, https: port }
}
