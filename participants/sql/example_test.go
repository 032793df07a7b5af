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

// Keys are switched off until a cancel; sessions are ended for good.
func ExampleParticipant_Suspender() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "store.db")
	db, _ := dbsql.Open("sqlite", path)
	defer db.Close()
	_, _ = db.Exec(`
		CREATE TABLE api_keys (id INTEGER PRIMARY KEY, user_id TEXT, state TEXT);
		CREATE TABLE sessions (user_id TEXT);
		INSERT INTO api_keys VALUES (1, 'u-1', 'on'), (2, 'u-1', 'revoked'), (3, 'u-2', 'on');
		INSERT INTO sessions VALUES ('u-1');`)

	off := "suspended"
	p, err := sql.New(sql.Config{DSN: path, Tables: []sql.Table{
		{Name: "api_keys", Key: "user_id", Kind: "api_keys", Suspend: &sql.Suspend{Set: map[string]*string{"state": &off}}},
		{Name: "sessions", Key: "user_id", Kind: "sessions", Suspend: &sql.Suspend{Delete: true}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	show := func(res participants.Result, err error) {
		var states string
		_ = db.QueryRow("SELECT group_concat(state) FROM (SELECT state FROM api_keys ORDER BY id)").Scan(&states)
		fmt.Println(res.Verdict, res.Counts["api_keys"], res.Counts["sessions"], err, states)
	}

	s, _ := p.Suspender()
	task := participants.Task{Verb: events.Suspend, Identifiers: []events.Identifier{{Type: events.UserID, Value: "u-1"}}}
	undo, _ := s.Prepare(context.Background(), task)
	show(s.Suspend(context.Background(), task, undo))
	show(s.Restore(context.Background(), task, undo))
	// Output:
	// suspended 2 1 <nil> suspended,suspended,on
	// restored 2 0 <nil> on,revoked,on
}
