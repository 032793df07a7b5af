package demo

import (
	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/cognito"
	"github.com/expunge-io/expunge/participants/jumio"
	"github.com/expunge-io/expunge/participants/sql"
)

// workerConfigs says which share each participant has.
func (s *Stack) workerConfigs() map[string]config.Worker {
	rows := func(name string, kind events.Kind) config.Worker {
		return s.tables(sql.Table{Name: name, Key: "user_id", Kind: kind})
	}
	ended, locked := &sql.Suspend{Delete: true}, "suspended"
	return map[string]config.Worker{
		events.Sessions:           s.tables(sql.Table{Name: "sessions", Key: "user_id", Kind: "sessions", Suspend: ended}),
		events.APIKeys:            rows("api_keys", "api_keys"),
		events.Delegations:        rows("delegations", "delegations"),
		events.PrivateKeys:        rows("private_keys", "private_keys"),
		events.AutomationSettings: rows("automation_settings", "automation_settings"),
		events.Account: s.tables(
			sql.Table{Name: "verification_refs", Key: "user_id", Kind: "profiles", Yields: []sql.Yield{
				imagesOf("scans", jumio.Scan), imagesOf("authentications", jumio.Authentication), imagesOf("documents", jumio.Document),
			}},
			sql.Table{Name: "profiles", Key: "user_id", Kind: "profiles"},
			sql.Table{
				Name: "accounts", Key: "user_id", Kind: "accounts",
				Yields:  []sql.Yield{{Type: cognito.Username, Column: "cognito_username"}},
				Suspend: &sql.Suspend{Set: map[string]*string{"status": &locked}},
			},
		),
		events.VerificationImages: {Jumio: s.vendors.jumioConfig()},
		events.IdentityProvider:   {Cognito: s.vendors.cognitoConfig()},
	}
}

func (s *Stack) tables(tables ...sql.Table) config.Worker {
	return config.Worker{SQL: &sql.Config{Realm: people.Realm, Driver: sql.SQLite, DSN: s.accounts(), Tables: tables}}
}

// imagesOf makes the references of one kind of image from the account's table of them.
func imagesOf(kind string, typ events.IdentifierType) sql.Yield {
	return sql.Yield{Type: typ, Prefix: "region", Column: "reference", When: []sql.Match{{Column: "kind", Equals: kind}}}
}
