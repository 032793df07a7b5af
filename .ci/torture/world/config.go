package world

import "strings"

// workers is the adapters' configuration, and that of the vendors whom they share.
const workers = `
  sessions:
    nats: {nkey_file: sessions.seed}
    sql:
      realm: %[1]s
      driver: sqlite
      dsn: %[2]s/sessions.db
      tables:
        - {name: sessions, key: user_id, kind: sessions, triggers: [sessions_gone]}
  api-keys:
    nats: {nkey_file: api-keys.seed}
    sql:
      realm: %[1]s
      driver: sqlite
      dsn: %[2]s/keys.db
      tables:
        - {name: api_keys, key: user_id, kind: api_keys, triggers: [api_keys_gone]}
  account:
    nats: {nkey_file: account.seed}
    sql:
      realm: %[1]s
      driver: sqlite
      dsn: %[2]s/accounts.db
      tables:
        - name: verification_refs
          key: user_id
          kind: profiles
          triggers: [verification_refs_gone]
          yields: [{type: jumio_scan, prefix: region, column: reference}]
        - name: accounts
          key: user_id
          kind: accounts
          triggers: [accounts_gone]
          yields: [{type: cognito_username, column: cognito_username}]
  verification-images:
    target: images
    nats: {nkey_file: verification-images.seed}
    jumio:
      realm: %[1]s
      user_agent: Torture Eraser/v1.0
      token: %[3]q
      secret: %[4]q
      regions:
        eu: {api: %[5]q, retrieval: %[6]q, probes: {scans: %[7]q}}
  identity-provider:
    target: identities
    nats: {nkey_file: identity-provider.seed}
    cognito:
      realm: %[1]s
      region: %[8]s
      pool: %[9]s
      endpoint: %[10]q
      access_key_id: %[3]q
      secret_access_key: %[4]q
      retry_delay: 500ms
targets:
  images: {rest: 1s, patience: 2s}
  identities: {rate: 200, burst: 20, rest: 1s, patience: 2s}
`

// Plan is the part of a plan that says who takes part, as YAML.
const Plan = `
      sessions: {}
      api-keys: {after: [sessions]}
      verification-images: {needs: [jumio_scan]}
      identity-provider: {needs: [cognito_username], after: [sessions, api-keys, verification-images]}
      account: {yields: [cognito_username, jumio_scan], after: [identity-provider]}
`

// Suspending is the same part of a plan in which the identity is disabled first, so that
// there is something to be brought back.
var Suspending = strings.Replace(Plan, "identity-provider: {", "identity-provider: {suspends: true, ", 1)

// Participants are those of the plan.
var Participants = []string{"account", "api-keys", "identity-provider", "sessions", "verification-images"}
