package sql_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/google/uuid"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/sql"
)

// asUser returns the backend as seen by a user of its own with the given rights: each is a
// right and what it is on, a table or * for the whole database.
func asUser(t *testing.T, b backend, rights ...string) backend {
	t.Helper()
	name := strings.ReplaceAll(uuid.NewString(), "-", "")
	b.exec(t, "CREATE USER '"+name+"'@'%' IDENTIFIED BY 'secret'")
	t.Cleanup(func() { _, _ = b.db.Exec("DROP USER '" + name + "'@'%'") })
	schema := b.column(t, "SELECT DATABASE()")[0]
	for _, right := range append(rights, "SHOW VIEW ON *") { // or it could not connect to it
		what, on, _ := strings.Cut(right, " ON ")
		b.exec(t, "GRANT "+what+" ON "+schema+"."+on+" TO '"+name+"'@'%'")
	}
	return b.dialled(t, func(c *driver.Config) { c.User, c.Passwd = name, "secret" })
}

// dialled changes the DSN.
func (b backend) dialled(t *testing.T, edit func(*driver.Config)) backend {
	t.Helper()
	c, err := driver.ParseDSN(b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	if c.Params == nil {
		c.Params = map[string]string{}
	}
	edit(c)
	b.dsn = c.FormatDSN()
	return b
}

func TestAUserWhoDoesNotSeeAllIsMisconfigured(t *testing.T) {
	b := mariadbBackend(t)
	b.withSessions(t, "u-1")
	wide := []string{"SELECT, TRIGGER ON *"}
	wantBlind(t, asUser(t, b).connect(t, sessions), "rights")
	wantBlind(t, asUser(t, b, wide...).connect(t, sessions), "rights")
	wantBlind(t, asUser(t, b, "SELECT, TRIGGER, DELETE ON sessions").connect(t, sessions), "rights")
	wantBlind(t, asUser(t, b, "SELECT ON *", "DELETE ON sessions").connect(t, sessions), "rights") // triggers are hidden
	res, err := asUser(t, b, append(wide, "DELETE ON sessions")...).connect(t, sessions).Erase(t.Context(), task(events.Erase, "u-1"))
	wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})

	kept := sessions
	kept.Mode, kept.Ground = sql.Retain, "law"
	if err := asUser(t, b, "SELECT ON sessions").connect(t, kept).Check(t.Context()); err != nil {
		t.Errorf("who changes nothing need not see what a change would do: %v", err)
	}
	kept.Suspend = &sql.Suspend{Set: map[string]*string{"note": nil}}
	b.exec(t, "ALTER TABLE sessions ADD COLUMN note MEDIUMTEXT")
	wantBlind(t, asUser(t, b, append(wide, "DELETE ON sessions")...).connect(t, kept), "rights")
	if err := asUser(t, b, append(wide, "UPDATE ON sessions")...).connect(t, kept).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTablesThatKeepWhatIsDeletedOrCannotBeRolledBackAreRefused(t *testing.T) {
	b := mariadbBackend(t)
	for options, code := range map[string]string{
		"ENGINE = MyISAM": "not_transactional", "ENGINE = Aria": "not_transactional", "ENGINE = MEMORY": "not_transactional",
		"WITH SYSTEM VERSIONING": "versioned",
	} {
		b.exec(t, "DROP TABLE IF EXISTS sessions", "CREATE TABLE sessions (id INTEGER, user_id VARCHAR(50)) "+options)
		wantBlind(t, b.connect(t, sessions), code)
	}
	b.exec(t, "DROP TABLE sessions", "CREATE SEQUENCE sessions")
	wantBlind(t, b.connect(t, sessions), "not_a_table")
}

// TestEveryCollationIsComparedByteByByte: the default ones take these for few people.
func TestEveryCollationIsComparedByteByByte(t *testing.T) {
	b := mariadbBackend(t)
	ids := []string{"u-1", "U-1", "u-1 ", "ü-1", "u\u0308-1", "u-1\t", "straße", "strasse", "😀", "😁", "?", "u-١"}
	for _, collation := range []string{"utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "utf8mb4_uca1400_ai_ci", "utf16_general_ci"} {
		charset, _, _ := strings.Cut(collation, "_")
		b.exec(t, "DROP TABLE IF EXISTS sessions", "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id VARCHAR(50) CHARACTER SET "+charset+" COLLATE "+collation+", KEY (user_id))")
		for i, id := range ids {
			b.insert(t, "sessions", []any{i, id})
		}
		p := b.connect(t, sessions)
		for i, id := range ids {
			res, err := p.Erase(t.Context(), task(events.Erase, id))
			wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
			b.wantColumn(t, "SELECT user_id FROM sessions ORDER BY id", ids[i+1:]...)
		}
	}
}

func TestAnIdentifierThatAColumnCannotHoldIsAbsent(t *testing.T) {
	b := mariadbBackend(t)
	b.exec(t, "CREATE TABLE sessions (user_id VARCHAR(50) CHARACTER SET latin1)", "INSERT INTO sessions VALUES ('?'), ('u-1')")
	res, err := b.connect(t, sessions).Erase(t.Context(), task(events.Erase, "😀"))
	wantResult(t, res, err, events.Absent, nil)
	b.wantColumn(t, "SELECT count(*) FROM sessions", "2")
}

func TestAFixedLengthKeyHasNoSpaceAtItsEnd(t *testing.T) {
	b := mariadbBackend(t)
	b.exec(t, "CREATE TABLE sessions (user_id CHAR(10))", "INSERT INTO sessions VALUES ('u-1')")
	_, err := b.connect(t, sessions).Erase(t.Context(), task(events.Erase, "u-1 "))
	wantMisconfigured(t, err, "key_form")
	b.wantColumn(t, "SELECT count(*) FROM sessions", "1")
}

// TestTheIndexFindsTheRows: otherwise every row would be locked, and another person's is.
func TestTheIndexFindsTheRows(t *testing.T) {
	b := mariadbBackend(t)
	for _, typ := range []string{"VARCHAR(50) COLLATE utf8mb4_general_ci", "VARCHAR(50) CHARACTER SET latin1", "BIGINT"} {
		b.exec(t, "DROP TABLE IF EXISTS sessions", "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id "+typ+", KEY (user_id))",
			"INSERT INTO sessions SELECT seq, seq % 500 FROM seq_1_to_5000", "ANALYZE TABLE sessions")
		tx, err := b.db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("UPDATE sessions SET id = id WHERE id = 42"); err != nil {
			t.Fatal(err)
		}
		res, err := b.connect(t, sessions).Erase(t.Context(), task(events.Erase, "77"))
		wantResult(t, res, err, events.Erased, events.Counts{"sessions": 10})
		_ = tx.Rollback()
	}
}

// TestAForeignKeyThatJoinsWhatIsNotTheSame: by the default collation, rows of U-1 go with u-1.
func TestAForeignKeyThatJoinsWhatIsNotTheSame(t *testing.T) {
	accounts, entries := sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts"}, sql.Table{Name: "entries", Key: "owner", Kind: "entries"}
	for _, action := range []string{"DELETE CASCADE", "DELETE SET NULL"} {
		b := mariadbBackend(t)
		b.exec(t, "CREATE TABLE accounts (user_id VARCHAR(50) COLLATE utf8mb4_general_ci PRIMARY KEY)",
			"CREATE TABLE entries (id INTEGER PRIMARY KEY, owner VARCHAR(50) COLLATE utf8mb4_general_ci REFERENCES accounts (user_id) ON "+action+")",
			"INSERT INTO accounts VALUES ('u-1'), ('u-2')", "INSERT INTO entries VALUES (1, 'u-1'), (2, 'U-1'), (3, 'u-2')")
		p := b.connect(t, accounts, entries)
		_, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
		wantMisconfigured(t, err, "key_not_exact")
		b.wantColumn(t, "SELECT owner FROM entries ORDER BY id", "u-1", "U-1", "u-2")
		res, err := p.Erase(t.Context(), task(events.Erase, "u-2"))
		wantResult(t, res, err, events.Erased, events.Counts{"accounts": 1, "entries": 1})

		ended := &sql.Suspend{Delete: true}
		accounts, entries := accounts, entries
		accounts.Suspend, entries.Suspend = ended, ended
		s := b.suspender(t, accounts, entries)
		u, err := s.Prepare(t.Context(), task(events.Suspend, "u-1"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Suspend(t.Context(), task(events.Suspend, "u-1"), u)
		wantMisconfigured(t, err, "key_not_exact")
		b.wantColumn(t, "SELECT owner FROM entries ORDER BY id", "u-1", "U-1")
	}
}

func TestAParentIsFoundByTheCollationThatJoinsIt(t *testing.T) {
	b := mariadbBackend(t)
	b.exec(t, "CREATE TABLE sessions (ref VARCHAR(50) COLLATE utf8mb4_general_ci, user_id VARCHAR(50), KEY (ref), UNIQUE KEY one (ref))",
		"CREATE TABLE tokens (id INTEGER, session VARCHAR(50) COLLATE utf8mb4_general_ci REFERENCES sessions (ref) ON DELETE CASCADE)",
		"INSERT INTO sessions VALUES ('s-1', 'u-1'), ('s-2', 'u-2')", "INSERT INTO tokens VALUES (1, 's-1'), (2, 'S-1'), (3, 'S-2')")
	tokens := sql.Table{Name: "tokens", Key: "session", Kind: "tokens", Parent: &sql.Parent{Table: "sessions", Column: "ref"}}
	p := b.connect(t, sessions, tokens)
	res, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
	wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1, "tokens": 2})
	b.wantColumn(t, "SELECT session FROM tokens", "S-2")
	b.exec(t, "ALTER TABLE sessions DROP KEY one")
	wantBlind(t, p, "parent_not_unique")
}

// TestColumnsThatTheServerStampsComeBackToo, though suspend does not set them.
func TestColumnsThatTheServerStampsComeBackToo(t *testing.T) {
	b := mariadbBackend(t)
	b.exec(t, `CREATE TABLE accounts (user_id VARCHAR(50) PRIMARY KEY, role VARCHAR(50), changed DATETIME(6) ON UPDATE CURRENT_TIMESTAMP(6),
		seen TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)`, "INSERT INTO accounts VALUES ('u-1', 'editor', '2026-01-02 03:04:05.6', '2026-01-02 03:04:05')")
	rows := "SELECT role || changed || seen FROM accounts"
	before := b.column(t, rows)
	s := b.suspender(t, sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Suspend: overwriting(map[string]string{"role": "none"})})
	u := suspended(t, s, "u-1")
	b.wantColumn(t, "SELECT role FROM accounts", "none")
	restored(t, s, "u-1", u)
	b.wantColumn(t, rows, before...)
}

func TestASuspendOfAColumnThatIsNotExactIsRefused(t *testing.T) {
	b := mariadbBackend(t)
	b.exec(t, "CREATE TABLE accounts (user_id VARCHAR(50) PRIMARY KEY, part FLOAT, place POINT)")
	for _, column := range []string{"part", "place"} {
		wantBlind(t, b.connect(t, sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Suspend: overwriting(map[string]string{column: "0"})}), "suspend_column_type")
	}
}

// TestASessionOfItsOwn: what a DSN or the server has set is no part of what is read or done.
func TestASessionOfItsOwn(t *testing.T) {
	b := mariadbBackend(t)
	b.exec(t, "CREATE TABLE accounts (user_id VARCHAR(50) PRIMARY KEY, paid DATETIME, seen TIMESTAMP NULL)", "INSERT INTO accounts VALUES ('u-1', '0000-00-00', '2026-05-04 03:02:01')",
		"CREATE TABLE entries (owner VARCHAR(50) REFERENCES accounts (user_id))", "INSERT INTO entries VALUES ('u-1')")
	before := b.column(t, "SELECT paid || seen FROM accounts")
	table := sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts", Suspend: &sql.Suspend{Set: map[string]*string{"paid": nil, "seen": nil}}}
	session := func(zone string) backend {
		return b.dialled(t, func(c *driver.Config) {
			c.MultiStatements, c.Collation = true, "latin1_swedish_ci"
			_ = c.Apply(driver.Charset("latin1", "latin1_swedish_ci"))
			c.Params = map[string]string{"time_zone": "'" + zone + "'", "sql_mode": "'NO_ZERO_DATE,TRADITIONAL'", "foreign_key_checks": "0", "sql_select_limit": "0", "autocommit": "0"}
		})
	}
	u := suspended(t, session("-05:00").suspender(t, table), "u-1")
	restored(t, session("+05:30").suspender(t, table), "u-1", u)
	b.wantColumn(t, "SELECT paid || seen FROM accounts", before...)
	_, err := session("+01:00").connect(t, table).Erase(t.Context(), task(events.Erase, "u-1"))
	wantOrdinary(t, err) // the entry refers to it
}

func TestATableInAnotherDatabase(t *testing.T) {
	b, other := mariadbBackend(t), mariadbBackend(t)
	b.withSessions(t, "u-1")
	qualified := sessions
	qualified.Name = b.column(t, "SELECT DATABASE()")[0] + ".sessions"
	wantBlind(t, other.connect(t, sessions), "table_missing")
	res, err := other.connect(t, qualified).Erase(t.Context(), task(events.Erase, "u-1"))
	wantResult(t, res, err, events.Erased, events.Counts{"sessions": 1})
}

func TestACascadeIntoAnotherDatabaseIsRefused(t *testing.T) {
	b, other := mariadbBackend(t), mariadbBackend(t)
	b.exec(t, "CREATE TABLE accounts (user_id VARCHAR(50) PRIMARY KEY)")
	other.exec(t, "CREATE TABLE accounts (user_id VARCHAR(50) PRIMARY KEY)",
		"CREATE TABLE entries (owner VARCHAR(50), FOREIGN KEY (owner) REFERENCES "+b.column(t, "SELECT DATABASE()")[0]+".accounts (user_id) ON DELETE CASCADE)")
	accounts := sql.Table{Name: "accounts", Key: "user_id", Kind: "accounts"}
	wantBlind(t, b.connect(t, accounts), "undeclared_cascade")
	if err := other.connect(t, accounts).Check(t.Context()); err != nil {
		t.Errorf("nothing refers to the table of the same name: %v", err)
	}
}

func TestPartitionsOfAnInnoDBTable(t *testing.T) {
	b := mariadbBackend(t)
	b.exec(t, "CREATE TABLE sessions (id INTEGER, user_id VARCHAR(50)) PARTITION BY HASH (id) PARTITIONS 3", "INSERT INTO sessions VALUES (1, 'u-1'), (2, 'u-1'), (3, 'u-2')")
	res, err := b.connect(t, sessions).Erase(t.Context(), task(events.Erase, "u-1"))
	wantResult(t, res, err, events.Erased, events.Counts{"sessions": 2})
}

func TestAServerThatTakesNoChangesIsMisconfigured(t *testing.T) {
	b := mariadbBackend(t)
	b.withSessions(t, "u-1")
	b = b.dialled(t, func(c *driver.Config) { c.Params["tx_read_only"] = "1" })
	_, err := b.connect(t, sessions).Erase(t.Context(), task(events.Erase, "u-1"))
	wantMisconfigured(t, err, "read_only")
}

func TestAWrongPasswordOrDatabaseIsMisconfigured(t *testing.T) {
	b := mariadbBackend(t)
	for name, edit := range map[string]func(*driver.Config){
		"database": func(c *driver.Config) { c.DBName = "no_such_database" },
		"password": func(c *driver.Config) { c.User, c.Passwd = "nobody", "canary" },
	} {
		_, err := b.dialled(t, edit).connect(t, sessions).Count(t.Context(), task(events.Erase, "u-1"))
		wantMisconfigured(t, err, "credentials")
		if strings.Contains(fmt.Sprint(err), "canary") || strings.Contains(fmt.Sprint(err), "no_such") {
			t.Errorf("%s: the error quotes it: %v", name, err)
		}
	}
}

func TestTheFilesOfCertificatesAreRead(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.pem")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for params, want := range map[string]string{
		"sslrootcert=" + none: "dsn: sslrootcert: open", "sslrootcert=" + empty: "there is no certificate", "sslcert=" + empty + "&sslkey=" + empty: "dsn: sslcert, sslkey:", "tls=unheard-of": "dsn: is not one",
	} {
		_, err := sql.New(sql.Config{Driver: sql.MySQL, DSN: "u:canary@tcp(127.0.0.1:1)/db?" + params, Tables: []sql.Table{sessions}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error %v", params, err)
		}
	}
}

// slowly makes each deletion of a session take a minute at the server.
func (b backend) slowly(t *testing.T) sql.Table {
	t.Helper()
	b.exec(t, "CREATE TRIGGER slow BEFORE DELETE ON sessions FOR EACH ROW DO SLEEP(60)")
	slow := sessions
	slow.Triggers = []string{"slow"}
	return slow
}

func TestAStatementEndsAtMariaDBToo(t *testing.T) {
	b := mariadbBackend(t)
	b.withSessions(t, "u-1")
	c := b.config(b.slowly(t))
	c.StatementTimeout = 50 * time.Millisecond
	_, err := connect(t, c).Erase(t.Context(), task(events.Erase, "u-1"))
	wantOrdinary(t, err)
	b.wantColumn(t, "SELECT count(*) FROM sessions", "1")
}

// gone waits until the server has no session left that works for a participant.
func (b backend) gone(t *testing.T) {
	t.Helper()
	for range 300 {
		n := b.column(t, "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() AND command <> 'Sleep'")
		if n[0] == "0" {
			return
		}
		b.exec(t, "DO SLEEP(0.05)")
	}
	t.Fatal("the server still works for somebody who is gone")
}

// TestNothingGoesOnAfterThePermitsEnd: the driver leaves a statement that runs to itself and
// closes the connection. Whatever the statement still does, nobody commits it.
func TestNothingGoesOnAfterThePermitsEnd(t *testing.T) {
	t.Run("in a statement", func(t *testing.T) {
		b := mariadbBackend(t)
		b.withSessions(t, "u-1", "u-2")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, cancel)
		c := b.config(b.slowly(t))
		c.StatementTimeout = 2 * time.Second
		_, err := connect(t, c).Erase(ctx, task(events.Erase, "u-1"))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
		b.gone(t)
		b.wantColumn(t, "SELECT user_id FROM sessions ORDER BY 1", "u-1", "u-2")
	})
	t.Run("behind a lock", func(t *testing.T) {
		b := mariadbBackend(t)
		b.withSessions(t, "u-1", "u-2")
		tx, err := b.db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("UPDATE sessions SET user_id = user_id"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, cancel)
		c := b.config(sessions)
		c.LockWait = time.Minute
		if _, err := connect(t, c).Erase(ctx, task(events.Erase, "u-1")); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want that of the context", err)
		}
		_ = tx.Rollback() // the deletion gets its lock now, and is complete
		b.gone(t)
		b.wantColumn(t, "SELECT user_id FROM sessions ORDER BY 1", "u-1", "u-2")
	})
}

// TestACommitThatArrivesAfterThePermitsEnd: of a process that was frozen, say.
func TestACommitThatArrivesAfterThePermitsEndIsRefused(t *testing.T) {
	b := mariadbBackend(t)
	b.withSessions(t, "u-1", "u-2")
	w := strung(t, &b)
	late := w.delay()
	p := b.connect(t, sessions)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	_, err := p.Erase(ctx, task(events.Erase, "u-1"))
	if err == nil {
		t.Error("an erase ended well that nobody committed")
	}
	open := "SELECT count(*) FROM information_schema.innodb_trx"
	for range 100 {
		if b.column(t, open)[0] == "0" {
			break
		}
		b.exec(t, "DO SLEEP(0.05)")
	}
	b.wantColumn(t, open, "0")
	late()
	b.wantColumn(t, "SELECT user_id FROM sessions ORDER BY 1", "u-1", "u-2")
}

// TestACommitWithoutAnAnswerEndsWithThePermit: nobody knows what became of it, and the next
// attempt finds out.
func TestACommitWithoutAnAnswerEndsWithThePermit(t *testing.T) {
	b := mariadbBackend(t)
	b.withSessions(t, "u-1")
	defer strung(t, &b).delay()()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := b.connect(t, sessions).Erase(ctx, task(events.Erase, "u-1"))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 10*time.Second {
		t.Errorf("error %v after %s", err, time.Since(begun))
	}
}

// TestAnIdentifierThatIsBeingBornIsWaitedFor: the row is not committed yet when the erase
// looks, and would be deleted unseen when it is.
func TestAnIdentifierThatIsBeingBornIsWaitedFor(t *testing.T) {
	b := mariadbBackend(t)
	b.exec(t, "CREATE TABLE verifications (user_id VARCHAR(50), reference VARCHAR(50), KEY (user_id))", "INSERT INTO verifications VALUES ('u-1', 'r-1')")
	tx, err := b.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("INSERT INTO verifications VALUES ('u-1', 'r-2')"); err != nil {
		t.Fatal(err)
	}
	p := b.connect(t, sql.Table{Name: "verifications", Key: "user_id", Kind: "profiles", Yields: []sql.Yield{{Type: "jumio_scan", Column: "reference"}}})
	done := make(chan error, 1)
	go func() {
		_, err := p.Erase(t.Context(), task(events.Erase, "u-1", "jumio_scan=r-1"))
		done <- err
	}()
	for range 100 {
		if b.column(t, "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")[0] != "0" {
			break
		}
		b.exec(t, "DO SLEEP(0.02)")
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, <-done, "new_identifiers")
	b.wantColumn(t, "SELECT reference FROM verifications ORDER BY 1", "r-1", "r-2")
}
