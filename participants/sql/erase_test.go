package sql_test

import (
	"errors"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/sql"
)

var sessions = sql.Table{Name: "sessions", Key: "user_id", Kind: "sessions"}

func (b backend) withSessions(t *testing.T, ids ...string) {
	t.Helper()
	b.exec(t, "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL)")
	for i, id := range ids {
		b.insert(t, "sessions", []any{i, id})
	}
}

func TestErasesThePersonsRowsAndCountsThem(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-0042", "u-0043", "u-0042")
		p := b.connect(t, sessions)
		before, err := p.Count(t.Context(), task(events.Resolve, "u-0042"))
		if err != nil || before["sessions"] != 2 {
			t.Fatalf("counts %v, error %v; want 2 sessions", before, err)
		}
		res, err := p.Erase(t.Context(), task(events.Erase, "u-0042"))
		wantResult(t, res, err, events.Erased, events.Counts{"sessions": 2})
		b.wantColumn(t, "SELECT user_id FROM sessions", "u-0043")

		again := task(events.Erase, "u-0042")
		again.MaybeDone = true
		res, err = p.Erase(t.Context(), again)
		wantResult(t, res, err, events.Absent, nil)
	})
}

func TestLookalikesAreOtherPeople(t *testing.T) {
	ids := []string{
		"u-0042", "u-0042 ", " u-0042", "U-0042", "u-00420", "u_0042", "u-004%", "u-0042\t", "u-0042\n", "u-0042%", "42", "042", "42.0",
		"u-0042'", `u-0042"`, "u-0042\\", "é", "e\u0301", "É", "ß", "ss", "ı", "i", "I", "u-0042;--", "-u0042", "u0042", "u 0042", "1e3", "1000",
	}
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, ids...)
		p := b.connect(t, sessions)
		for i, id := range ids {
			res, err := p.Erase(t.Context(), task(events.Erase, id))
			if err != nil || res.Counts["sessions"] != 1 {
				t.Fatalf("%q: %v, error %v; want 1 session", id, res.Counts, err)
			}
			b.wantColumn(t, "SELECT user_id FROM sessions ORDER BY id", ids[i+1:]...)
		}
	})
}

func TestSeveralValuesOfOneType(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "a", "b", "c")
		byName := sessions
		byName.KeyType = "cognito_username"
		p := b.connect(t, byName)
		res, err := p.Erase(t.Context(), task(events.Erase, "cognito_username=a", "cognito_username=c", "cognito_username=a", "b"))
		wantResult(t, res, err, events.Erased, events.Counts{"sessions": 2})
		b.wantColumn(t, "SELECT user_id FROM sessions", "b")
		res, err = p.Erase(t.Context(), task(events.Erase, "b")) // has no such name: nobody resolved one
		wantResult(t, res, err, events.Absent, nil)
	})
}

func TestAllTablesChangeOrNone(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-1")
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY)", "CREATE TABLE invoices (id INTEGER, user_id TEXT REFERENCES accounts)",
			"INSERT INTO accounts VALUES ('u-1')", "INSERT INTO invoices VALUES (1, 'u-1')")
		p := b.connect(t, sessions, sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts"})
		_, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
		wantOrdinary(t, err) // a row that still refers may be another participant's, and on its way out
		b.wantColumn(t, "SELECT user_id FROM sessions", "u-1")
	})
}

func TestAnonymiseOverwritesAndTheRowsLeadNowhere(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE reviews (id INTEGER, author TEXT, name TEXT NOT NULL, stars INTEGER, body TEXT)")
		b.insert(t, "reviews", []any{1, "u-1", "Kim", 5, "fine"}, []any{2, "u-2", "Lee", 1, "bad"})
		nobody, zero := "somebody", "0"
		reviews := sql.Table{
			Name: "reviews", Key: "author", Kind: "reviews", Mode: sql.Anonymise,
			Set: map[string]*string{"author": nil, "name": &nobody, "stars": &zero},
		}
		p := b.connect(t, reviews)
		res, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
		wantResult(t, res, err, events.Anonymised, events.Counts{"reviews": 1})
		b.wantColumn(t, "SELECT author FROM reviews ORDER BY id", "NULL", "u-2")
		b.wantColumn(t, "SELECT name FROM reviews ORDER BY id", "somebody", "Lee")
		b.wantColumn(t, "SELECT stars FROM reviews ORDER BY id", "0", "1")
		left, err := p.Count(t.Context(), task(events.Verify, "u-1"))
		if err != nil || left.Total() != 0 {
			t.Errorf("counts %v, error %v; want none", left, err)
		}

		reviews.Set = map[string]*string{"author": nil, "name": nil}
		_, err = b.connect(t, reviews).Erase(t.Context(), task(events.Erase, "u-2"))
		wantMisconfigured(t, err, "constraint")
		b.wantColumn(t, "SELECT author FROM reviews ORDER BY id", "NULL", "u-2")
	})
}

func TestRetainedRowsStayAndTheRestGoes(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-1", "u-2")
		b.exec(t, "CREATE TABLE invoices (user_id TEXT)", "INSERT INTO invoices VALUES ('u-1')")
		p := b.connect(t, sessions, sql.Table{Name: "invoices", Key: "user_id", Kind: "invoices", Mode: sql.Retain, Ground: "tax law: 10 years"})
		res, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
		var kept *participants.Retained
		if !errors.As(err, &kept) || kept.Ground != "tax law: 10 years" || res.Counts["sessions"] != 1 {
			t.Errorf("result %+v, error %v; want 1 session erased, and the invoice retained", res, err)
		}
		b.wantColumn(t, "SELECT user_id FROM sessions", "u-2")
		b.wantColumn(t, "SELECT user_id FROM invoices", "u-1")
		left, err := p.Count(t.Context(), task(events.Verify, "u-1"))
		if err != nil || left["invoices"] != 1 {
			t.Errorf("counts %v, error %v; want the invoice", left, err)
		}
		res, err = p.Erase(t.Context(), task(events.Erase, "u-2")) // has no invoice
		wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
	})
}

func TestWaitsForATableOfAnotherParticipant(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY)", "INSERT INTO accounts VALUES ('u-1'), ('u-2')",
			"CREATE TABLE sessions (id INTEGER, user_id TEXT REFERENCES accounts ON DELETE CASCADE)", "INSERT INTO sessions VALUES (1, 'u-1')")
		p := b.connect(t,
			sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts"},
			sql.Table{Name: "sessions", Key: "user_id", Mode: sql.Empty})
		_, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
		wantOrdinary(t, err)
		b.wantColumn(t, "SELECT user_id FROM accounts ORDER BY 1", "u-1", "u-2")
		b.exec(t, "DELETE FROM sessions")
		res, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
		wantResult(t, res, err, events.Erased, events.Counts{"accounts": 1})
	})
}

func TestWhereKeepsTenantsApart(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE sessions (user_id TEXT, tenant INTEGER)", "INSERT INTO sessions VALUES ('u-1', 7), ('u-1', 8), ('u-1', 70)")
		ours := sessions
		ours.Where = []sql.Match{{Column: "tenant", Equals: "7"}}
		res, err := b.connect(t, ours).Erase(t.Context(), task(events.Erase, "u-1"))
		wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
		b.wantColumn(t, "SELECT tenant FROM sessions ORDER BY 1", "8", "70")
	})
}

func TestRowsThatBelongThroughAParent(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY)",
			"CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id TEXT REFERENCES accounts)",
			"CREATE TABLE tokens (token TEXT, session INTEGER REFERENCES sessions (id) ON DELETE CASCADE)",
			"INSERT INTO accounts VALUES ('u-1'), ('u-2')", "INSERT INTO sessions VALUES (1, 'u-1'), (2, 'u-2'), (3, 'u-1')",
			"INSERT INTO tokens VALUES ('a', 1), ('b', 2), ('c', 3), ('d', 3)")
		p := b.connect(t, // declared the wrong way round on purpose
			sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts"},
			sql.Table{Name: "sessions", Key: "user_id", Kind: "sessions"},
			sql.Table{Name: "tokens", Key: "session", Kind: "tokens", Parent: &sql.Parent{Table: "sessions", Column: "id"}})
		before, err := p.Count(t.Context(), task(events.Resolve, "u-1"))
		if err != nil || before["tokens"] != 3 || before["sessions"] != 2 || before["accounts"] != 1 {
			t.Errorf("counts %v, error %v", before, err)
		}
		res, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
		wantResult(t, res, err, events.Erased, before)
		b.wantColumn(t, "SELECT token FROM tokens", "b")
		b.wantColumn(t, "SELECT user_id FROM accounts", "u-2")
	})
}

func TestYieldsWhatOthersNeed(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, cognito_username TEXT)",
			"CREATE TABLE verifications (user_id TEXT, kind TEXT, region TEXT, reference TEXT)")
		b.insert(t, "accounts", []any{"u-1", "kim"}, []any{"u-2", "lee"}, []any{"u-3", nil})
		b.insert(t, "verifications", []any{"u-1", "scan", "eu", "r-1"}, []any{"u-1", "scan", nil, "r-2"}, []any{"u-1", "document", "us", "r-3"},
			[]any{"u-1", "scan", "eu", "r-1"}, []any{"u-1", "SCAN", "eu", "r-9"}, []any{"u-2", "scan", "eu", "r-4"}, []any{"u-1", "scan", "eu", ""})
		yield := func(typ events.IdentifierType, kind string) sql.Yield {
			return sql.Yield{Type: typ, Column: "reference", Prefix: "region", When: []sql.Match{{Column: "kind", Equals: kind}}}
		}
		p := b.connect(t,
			sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Yields: []sql.Yield{{Type: "cognito_username", Column: "cognito_username"}}},
			sql.Table{Name: "verifications", Key: "user_id", Kind: "profiles", Yields: []sql.Yield{yield("jumio_scan", "scan"), yield("jumio_document", "document")}})
		if got := p.Yields(); len(got) != 3 {
			t.Errorf("yields %v", got)
		}
		want := task("", "cognito_username=kim", "jumio_scan=r-2", "jumio_scan=eu:r-1", "jumio_document=us:r-3").Identifiers
		got, err := p.Resolve(t.Context(), task(events.Resolve, "u-1"))
		if err != nil || !sameIdentifiers(got, want) {
			t.Errorf("%d identifiers, error %v; want %d", len(got), err, len(want))
		}
		for _, id := range []string{"u-3", "u-9", "u-1 "} {
			if got, err := p.Resolve(t.Context(), task(events.Resolve, id)); err != nil || len(got) != 0 {
				t.Errorf("%q: %d identifiers, error %v; want none", id, len(got), err)
			}
		}
	})
}

// TestAnIdentifierBornDuringTheRunIsNotDeletedUnseen: somebody uploads a scan after the
// person was resolved. Deleting the row would leave the scan at its vendor for ever.
func TestAnIdentifierBornDuringTheRunIsNotDeletedUnseen(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE verifications (user_id TEXT, reference TEXT)")
		b.insert(t, "verifications", []any{"u-1", "r-1"})
		p := b.connect(t, sql.Table{Name: "verifications", Key: "user_id", Kind: "profiles", Yields: []sql.Yield{{Type: "jumio_scan", Column: "reference"}}})
		b.insert(t, "verifications", []any{"u-1", "r-2"})
		_, err := p.Erase(t.Context(), task(events.Erase, "u-1", "jumio_scan=r-1"))
		if refused, ok := errors.AsType[*participants.Refuse](err); !ok || refused.Code != "new_identifiers" {
			t.Errorf("error %v, want a refusal", err)
		}
		b.wantColumn(t, "SELECT reference FROM verifications ORDER BY 1", "r-1", "r-2")
		if res, err := p.Erase(t.Context(), task(events.Erase, "u-1", "jumio_scan=r-1", "jumio_scan=r-2")); err != nil || res.Counts.Total() != 2 {
			t.Errorf("told of both: %v, %v", res, err)
		}
	})
}

// sameIdentifiers compares as sets: databases sort NULL differently.
func sameIdentifiers(a, b []events.Identifier) bool {
	seen := map[events.Identifier]int{}
	for _, id := range a {
		seen[id]++
	}
	for _, id := range b {
		seen[id]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestAnotherRealmAndAMissingUserIDAreRefused(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-1")
		c := b.config(sessions)
		c.Realm = "other"
		for _, work := range works(connect(t, c)) {
			wantMisconfigured(t, work(t.Context(), task(events.Erase, "u-1")), "wrong_realm")
		}
		for _, work := range works(b.connect(t, sessions)) {
			wantMisconfigured(t, work(t.Context(), task(events.Erase, "email=kim@example.org")), "user_id_missing")
			wantMisconfigured(t, work(t.Context(), task(events.Erase, "")), "identifier_form")
			wantMisconfigured(t, work(t.Context(), task(events.Erase, "u-1\x00")), "identifier_form")
			wantMisconfigured(t, work(t.Context(), task(events.Erase, "u-\xff")), "identifier_form")
		}
	})
}
