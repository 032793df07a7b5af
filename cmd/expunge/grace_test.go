package main

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/cmd/expunge/demo"
	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/events"
)

// TestACancelWithinTheGraceBringsTheAccountBack is what dev tells people to try: the account
// is locked, the request withdrawn, and everything but the sessions is as it was.
func TestACancelWithinTheGraceBringsTheAccountBack(t *testing.T) {
	folder := t.TempDir()
	d := startDev(t, folder)
	defer d.stop(t)
	nc, err := nats.Connect(d.bus)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	happened, err := nc.SubscribeSync("erasure.event.*.demo")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", people.DSN(filepath.Join(folder, demo.SystemsFolder, "accounts.db")))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found := func() (status string, sessions int) {
		err := db.QueryRow("SELECT status, (SELECT count(*) FROM sessions s WHERE s.user_id = a.user_id) FROM accounts a WHERE user_id = 'u-0042'").Scan(&status, &sessions)
		if err != nil {
			t.Fatal(err)
		}
		return status, sessions
	}
	if status, sessions := found(); status != "active" || sessions == 0 {
		t.Fatalf("before: %s, %d sessions", status, sessions)
	}

	var a events.Acceptance
	answer(t, nc, "erasure.request.demo", `{"user_id":"u-0042","plan":"with-grace"}`, &a)
	await(t, happened, a.Saga, events.KindSuspended)
	if status, sessions := found(); status != "suspended" || sessions != 0 {
		t.Fatalf("suspended: %s, %d sessions", status, sessions)
	}
	var c events.Cancellation
	answer(t, nc, "erasure.cancel.demo", `{"request":"`+a.Request+`"}`, &c)
	if c.Result != events.CancelledSaga {
		t.Fatalf("cancel: %+v", c)
	}
	await(t, happened, a.Saga, events.KindFinished)
	if status, sessions := found(); status != "active" || sessions != 0 {
		t.Fatalf("cancelled: %s, %d sessions", status, sessions)
	}
}

func answer(t *testing.T, nc *nats.Conn, subject, body string, to any) {
	t.Helper()
	m, err := nc.Request(subject, []byte(body), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(m.Data, to); err != nil {
		t.Fatalf("%s: %v", m.Data, err)
	}
}

// await returns when a saga's event of a kind has come.
func await(t *testing.T, sub *nats.Subscription, saga string, kind events.EventKind) {
	t.Helper()
	for {
		m, err := sub.NextMsg(time.Minute)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		_, e, err := events.Decode[events.Event](events.Header(m.Header), m.Data)
		if err == nil && e.Saga == saga && e.Kind == kind {
			return
		}
	}
}
