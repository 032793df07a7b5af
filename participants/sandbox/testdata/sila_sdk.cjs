// Deletes a person's registration data with the vendor's own SDK for Node.js, and prints
// what it was answered. The SDK knows the vendor's hosts only: its requests are sent to SILA_URL,
// with the bytes and the signatures that it made.
'use strict'
const { createRequire } = require('node:module')
const { EXPUNGE_TEST_NODE_MODULES, SILA_URL, APP_KEY, USER_KEY, HANDLE, UUID } = process.env
const load = createRequire(EXPUNGE_TEST_NODE_MODULES + '/')

console.log = console.info = console.error // what the SDK and its libraries have to say

const request = load('request')
const post = request.post
request.post = (options, done) => {
  const uri = options.uri.replace('https://sandbox.silamoney.com', SILA_URL)
  if (!uri.startsWith(SILA_URL)) throw new Error('the SDK asks another host')
  return post.call(request, { ...options, uri }, done)
}

async function main() {
  const sila = load('sila-sdk').default
  sila.configure({ key: APP_KEY, handle: 'ours' })
  const out = {}
  const entity = await sila.getEntity(HANDLE, USER_KEY)
  out.getEntity = { status: entity.statusCode, emails: (entity.data.emails ?? []).map((e) => e.uuid) }
  for (const call of ['deleteEmail', 'deletePhone', 'deleteIdentity', 'deleteAddress']) {
    const { statusCode, data } = await sila[call](HANDLE, USER_KEY, UUID)
    out[call] = { status: statusCode, success: data.success, said: data.status }
  }
  process.stdout.write(JSON.stringify(out))
}

main().catch((e) => {
  console.error(e.message)
  process.exit(1)
})
