// The official SDKs in a process of their own, which trusts the daemon's CA from its start, as a
// user's program would. What the SDK answers, or throws, comes back here.
import { fork } from 'node:child_process'
import { once } from 'node:events'

const CALL_MS = 20_000 // below the SDKs' own limits, so that a lost answer is told as such

export class Sdk {
  #calls = new Map()
  #lastId = 0

  constructor(daemon) {
    this.child = fork(new URL('sdk-process.mjs', import.meta.url), {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: daemon.profile.caFile },
      serialization: 'advanced',
    })
    this.child.on('message', (answer) => this.#settle(answer))
  }

  #settle({ id, result, error }) {
    const { resolve, reject, timer } = this.#calls.get(id)
    clearTimeout(timer)
    this.#calls.delete(id)
    if (error) reject(Object.assign(new Error(error.message), error))
    else resolve(result)
  }

  #call(method, args) {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#settle({ id, error: { name: 'NoAnswer', message: `${method}: no answer` } })
      }, CALL_MS)
      this.#calls.set(id, { resolve, reject, timer })
      this.child.send({ id, method, args })
    })
  }

  // Registers a device: {transport: 'http' | 'mqtt' | 'mqtt_ws', idScope, registrationId, key,
  // payload}.
  register(device) {
    return this.#call('register', [device])
  }

  // A device's client under NAME: {openDevice, sendEvents, readTwin, reportTwin, watchTwin, ..} of
  // sdk-process.mjs.
  device(method, ...args) {
    return this.#call(method, args)
  }

  // Any method of ProvisioningServiceClient or Registry, as of the object itself.
  provisioningService(connectionString) {
    return this.#remote('provisioningService', connectionString)
  }

  registry(connectionString) {
    return this.#remote('registry', connectionString)
  }

  // The pages of a query, by the method that makes it: [[item, ..], ..].
  queryPages(connectionString, method, ...args) {
    return this.#call('queryPages', [connectionString, method, args])
  }

  #remote(kind, connectionString) {
    return new Proxy(
      {},
      {
        get:
          (_, method) =>
          (...args) =>
            this.#call(kind, [connectionString, method, args]),
      },
    )
  }

  async stop() {
    this.child.disconnect()
    await once(this.child, 'exit')
  }
}
