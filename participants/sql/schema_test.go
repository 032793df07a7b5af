package sql_test

import (
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/sql"
)

// wantBlind wants every call, and Check, to refuse for the same reason.
func wantBlind(t *testing.T, p *sql.Participant, code string) {
	t.Helper()
	for _, work := range works(p) {
		wantMisconfigured(t, work(t.Context(), task(events.Erase, "u-1")), code)
	}
	wantMisconfigured(t, p.Check(t.Context()), code)
}

func TestWhatIsMissingIsNeverAbsent(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-1")
		b.exec(t, "CREATE VIEW seen AS SELECT * FROM sessions")
		if err := b.connect(t, sessions).Check(t.Context()); err != nil {
			t.Errorf("check of a good configuration: %v", err)
		}
		table := func(edit func(*sql.Table)) *sql.Participant {
			s := sessions
			edit(&s)
			return b.connect(t, s)
		}
		wantBlind(t, table(func(s *sql.Table) { s.Name = "session" }), "table_missing")
		wantBlind(t, table(func(s *sql.Table) { s.Name = "Sessions" }), "table_missing")
		wantBlind(t, table(func(s *sql.Table) { s.Name = `sessions" WHERE 1=1 --` }), "table_missing")
		wantBlind(t, table(func(s *sql.Table) { s.Name = "seen" }), "not_a_table")
		wantBlind(t, table(func(s *sql.Table) { s.Key = "userid" }), "column_missing")
		wantBlind(t, table(func(s *sql.Table) { s.Key = "USER_ID" }), "column_missing")
		wantBlind(t, table(func(s *sql.Table) { s.Where = []sql.Match{{Column: "tenant"}} }), "column_missing")
		wantBlind(t, table(func(s *sql.Table) { s.Yields = []sql.Yield{{Type: "email", Column: "email"}} }), "column_missing")
		wantBlind(t, table(func(s *sql.Table) { s.Yields = []sql.Yield{{Type: "email", Column: "id", Prefix: "p"}} }), "column_missing")
		b.wantColumn(t, "SELECT user_id FROM sessions", "u-1")
	})
}

func TestNamesAreQuoted(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, `CREATE TABLE "select" ("from" TEXT, "a ""b""" TEXT)`, `INSERT INTO "select" VALUES ('u-1', 'x'), ('u-2', 'y')`)
		p := b.connect(t, sql.Table{Name: "select", Key: "from", Kind: "rows", Yields: []sql.Yield{{Type: "x", Column: `a "b"`}}})
		got, err := p.Resolve(t.Context(), task(events.Resolve, "u-1"))
		if err != nil || len(got) != 1 || got[0].Value != "x" {
			t.Errorf("%d identifiers, error %v", len(got), err)
		}
		res, err := p.Erase(t.Context(), task(events.Erase, "u-1", "x=x"))
		wantResult(t, res, err, events.Erased, events.Counts{"rows": 1})
	})
}

func TestAForeignKeyNeverTakesWhatIsNotDeclared(t *testing.T) {
	accounts := sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts"}
	ledger := sql.Table{Name: "ledger", Key: "owner", Kind: "entries"}
	gone := "gone"
	anonymise := accounts
	anonymise.Mode, anonymise.Set = sql.Anonymise, map[string]*string{"user_id": &gone}
	retained := ledger
	retained.Mode, retained.Ground = sql.Retain, "law"
	partly := ledger
	partly.Where = []sql.Match{{Column: "id", Equals: "1"}}
	byPayer := ledger
	byPayer.Key = "payer"
	byName := ledger
	byName.KeyType = "cognito_username"

	cases := map[string]struct {
		ledger string // its columns
		tables []sql.Table
		ok     bool
	}{
		"cascade, undeclared":           {"owner TEXT REFERENCES accounts ON DELETE CASCADE", []sql.Table{accounts}, false},
		"set null, undeclared":          {"owner TEXT REFERENCES accounts (user_id) ON DELETE SET NULL", []sql.Table{accounts}, false},
		"set default, undeclared":       {"owner TEXT DEFAULT 'x' REFERENCES accounts ON DELETE SET DEFAULT", []sql.Table{accounts}, false},
		"no action, undeclared":         {"owner TEXT REFERENCES accounts", []sql.Table{accounts}, true},
		"restrict, undeclared":          {"owner TEXT REFERENCES accounts ON DELETE RESTRICT", []sql.Table{accounts}, true},
		"cascade, declared":             {"owner TEXT REFERENCES accounts ON DELETE CASCADE", []sql.Table{accounts, ledger}, true},
		"set null, declared":            {"owner TEXT REFERENCES accounts ON DELETE SET NULL", []sql.Table{ledger, accounts}, true},
		"cascade, retained":             {"owner TEXT REFERENCES accounts ON DELETE CASCADE", []sql.Table{accounts, retained}, false},
		"cascade, partly declared":      {"owner TEXT REFERENCES accounts ON DELETE CASCADE", []sql.Table{accounts, partly}, false},
		"cascade by another column":     {"owner TEXT, payer TEXT REFERENCES accounts ON DELETE CASCADE", []sql.Table{accounts, ledger}, false},
		"cascade by two columns":        {"owner TEXT REFERENCES accounts ON DELETE CASCADE, payer TEXT REFERENCES accounts ON DELETE CASCADE", []sql.Table{accounts, byPayer}, false},
		"cascade, other identifier":     {"owner TEXT REFERENCES accounts ON DELETE CASCADE", []sql.Table{accounts, byName}, false},
		"on update, parent overwritten": {"owner TEXT REFERENCES accounts ON UPDATE CASCADE", []sql.Table{anonymise}, false},
		"on delete, parent overwritten": {"owner TEXT REFERENCES accounts ON DELETE CASCADE", []sql.Table{anonymise}, true},
		"on update, parent deleted":     {"owner TEXT REFERENCES accounts ON UPDATE CASCADE", []sql.Table{accounts}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			overBackends(t, func(t *testing.T, b backend) {
				b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY)", "INSERT INTO accounts VALUES ('u-1'), ('u-2')",
					"CREATE TABLE ledger (id INTEGER, "+c.ledger+")", "INSERT INTO ledger (id, owner) VALUES (1, 'u-2')")
				p := b.connect(t, c.tables...)
				restricts := b.driver == sql.MySQL && strings.Contains(c.ledger, "SET DEFAULT") // InnoDB forgets that action
				if !c.ok && !restricts {
					wantBlind(t, p, "undeclared_cascade")
					b.wantColumn(t, "SELECT user_id FROM accounts ORDER BY 1", "u-1", "u-2")
					return
				}
				if _, err := p.Erase(t.Context(), task(events.Erase, "u-1")); err != nil {
					t.Errorf("erase: %v", err)
				}
				b.wantColumn(t, "SELECT count(*) FROM accounts WHERE user_id = 'u-1'", "0")
			})
		})
	}
}

func TestACascadeIsCountedWhateverTheDeclaredOrder(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY)", "INSERT INTO accounts VALUES ('u-1'), ('u-2')",
			`CREATE TABLE "keys" (id INTEGER, owner TEXT REFERENCES accounts ON DELETE CASCADE)`, `INSERT INTO "keys" VALUES (1, 'u-1'), (2, 'u-1'), (3, 'u-2')`)
		p := b.connect(t, sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts"}, sql.Table{Name: "keys", Key: "owner", Kind: "api_keys"})
		res, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
		wantResult(t, res, err, events.Erased, events.Counts{"accounts": 1, "api_keys": 2})
		b.wantColumn(t, `SELECT id FROM "keys"`, "3")
	})
}

func TestATableThatRefersToItselfWouldTakeOtherPeoplesRows(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT PRIMARY KEY, invited_by TEXT REFERENCES accounts ON DELETE CASCADE)",
			"INSERT INTO accounts VALUES ('u-1', NULL)", "INSERT INTO accounts VALUES ('u-2', 'u-1')")
		wantBlind(t, b.connect(t, sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts"}), "undeclared_cascade")
	})
}

func TestAForeignKeyOfTwoColumnsIsNotUnderstood(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE accounts (user_id TEXT, realm TEXT, PRIMARY KEY (user_id, realm))",
			`CREATE TABLE "keys" (user_id TEXT, realm TEXT, FOREIGN KEY (user_id, realm) REFERENCES accounts (user_id, realm) ON DELETE CASCADE)`)
		wantBlind(t, b.connect(t, sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts"}, sql.Table{Name: "keys", Key: "user_id", Kind: "api_keys"}), "undeclared_cascade")
	})
}

func TestAParentMustBeEnforced(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.exec(t, "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id TEXT)", "CREATE TABLE tokens (session INTEGER)")
		tokens := sql.Table{Name: "tokens", Key: "session", Kind: "tokens", Parent: &sql.Parent{Table: "sessions", Column: "id"}}
		wantBlind(t, b.connect(t, sessions, tokens), "parent_not_enforced")
		tokens.Parent = &sql.Parent{Table: "sessions", Column: "uid"}
		wantBlind(t, b.connect(t, sessions, tokens), "column_missing")
	})
}

func TestTriggersMustBeNamed(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-1", "u-2")
		b.exec(t, "CREATE TABLE audit (user_id TEXT)")
		switch b.driver {
		case sql.SQLite:
			b.exec(t, "CREATE TRIGGER remember AFTER DELETE ON sessions BEGIN INSERT INTO audit VALUES (OLD.user_id); END")
		case sql.MySQL:
			b.exec(t, "CREATE TRIGGER remember AFTER DELETE ON sessions FOR EACH ROW INSERT INTO audit VALUES (OLD.user_id)",
				"CREATE TRIGGER harmless AFTER INSERT ON sessions FOR EACH ROW INSERT INTO audit VALUES (NEW.user_id)")
		case sql.Postgres:
			b.exec(t, "CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit VALUES (OLD.user_id); RETURN NULL; END'",
				"CREATE TRIGGER remember AFTER DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION remember()",
				"CREATE TRIGGER harmless AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION remember()")
		}
		wantBlind(t, b.connect(t, sessions), "undeclared_trigger")
		b.wantColumn(t, "SELECT count(*) FROM sessions", "2")

		named := sessions
		named.Triggers = []string{"remember"}
		res, err := b.connect(t, named).Erase(t.Context(), task(events.Erase, "u-1"))
		wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})

		kept := sessions
		kept.Mode, kept.Ground = sql.Retain, "law" // nothing fires
		if err := b.connect(t, kept).Check(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
