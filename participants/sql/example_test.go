package sql_test

import (
	"context"
	dbsql "database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/sql"
)

// The account is deleted last, and before that it tells the others where to look.
func Example() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "store.db")
	db, _ := dbsql.Open("sqlite", path)
	defer db.Close()
	_, _ = db.Exec(`
		CREATE TABLE accounts (user_id TEXT PRIMARY KEY, cognito_username TEXT);
		CREATE TABLE verifications (user_id TEXT, kind TEXT, region TEXT, reference TEXT);
		INSERT INTO accounts VALUES ('u-1', 'kim'), ('u-2', 'lee');
		INSERT INTO verifications VALUES ('u-1', 'scan', 'eu', '0d2f6a1e');`)

	p, err := sql.New(sql.Config{DSN: path, Tables: []sql.Table{
		{
			Name: "accounts", Key: "user_id", Kind: "accounts",
			Yields: []sql.Yield{{Type: "cognito_username", Column: "cognito_username"}},
		},
		{
			Name: "verifications", Key: "user_id", Kind: "profiles",
			Yields: []sql.Yield{{Type: "jumio_scan", Prefix: "region", Column: "reference", When: []sql.Match{{Column: "kind", Equals: "scan"}}}},
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()

	task := participants.Task{Verb: events.Resolve, Identifiers: []events.Identifier{{Type: events.UserID, Value: "u-1"}}}
	found, err := p.Resolve(context.Background(), task)
	for _, id := range found {
		fmt.Println(id.Type, id.Value.Reveal())
	}
	fmt.Println(err)

	task.Verb, task.Identifiers = events.Erase, append(task.Identifiers, found...)
	res, err := p.Erase(context.Background(), task)
	fmt.Println(res.Verdict, res.Counts["accounts"], res.Counts["profiles"], err)
	// Output:
	// cognito_username kim
	// jumio_scan eu:0d2f6a1e
	// <nil>
	// erased 1 1 <nil>
}
