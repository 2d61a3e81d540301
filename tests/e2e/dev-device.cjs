// dev-device.cjs TRANSPORT REGISTRATION-ID [SECONDS] - a device on the official SDK, told by berth dev's environment. One line of JSON: what
// came of it, and after how many milliseconds; {"waiting":true} when nothing had after SECONDS (20).
'use strict'
const { deriveKey, provision } = require('../../examples/firmware-test/firmware.js')

const [transport, registrationId, seconds = 20] = process.argv.slice(2)
const { BERTH_ENDPOINT, BERTH_ID_SCOPE, BERTH_GROUP_KEY } = process.env
const began = performance.now()

function end(result) {
  console.log(JSON.stringify({ ...result, ms: Math.round(performance.now() - began) }))
  process.exit()
}

// What the SDK throws where nobody can catch it is an outcome too.
process.on('uncaughtException', (error) => end({ error: error.name }))
setTimeout(() => end({ waiting: true }), seconds * 1000)
provision({
  endpoint: BERTH_ENDPOINT,
  idScope: BERTH_ID_SCOPE,
  registrationId,
  key: deriveKey(BERTH_GROUP_KEY, registrationId),
  transport,
}).then(
  ({ assignedHub, deviceId }) => end({ assignedHub, deviceId }),
  (error) => {
    const told = error.result ?? (error.responseBody ? JSON.parse(error.responseBody) : {})
    end({ error: error.name, code: told.errorCode, message: told.message ?? told.registrationState?.errorMessage })
  },
)
