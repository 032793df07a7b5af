package sql_test

import (
	dbsql "database/sql"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"
	"github.com/google/uuid"

	"github.com/expunge-io/expunge/participants/sql"
)

// mariadbBackend is a database whose texts are compared exactly, as the tests that run over
// all backends have people who differ in a space only.
func mariadbBackend(t *testing.T) backend {
	t.Helper()
	dsn := os.Getenv("EXPUNGE_TEST_MARIADB")
	if dsn == "" {
		t.Skip("not covered: MariaDB (EXPUNGE_TEST_MARIADB is not set)")
	}
	config, err := driver.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	admin := openMariaDB(t, dsn)
	config.DBName = "expunge_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := admin.Exec("CREATE DATABASE " + config.DBName + " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = admin.Exec("DROP DATABASE " + config.DBName) })
	own := config.FormatDSN()
	config.Params = map[string]string{"sql_mode": "'ANSI,STRICT_ALL_TABLES'", "time_zone": "'+00:00'"}
	return backend{sql.MySQL, own, openMariaDB(t, config.FormatDSN())}
}

func openMariaDB(t *testing.T, dsn string) *dbsql.DB {
	t.Helper()
	db, err := dbsql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

var (
	texts      = regexp.MustCompile(`\bTEXT\b`)
	references = regexp.MustCompile(`REFERENCES accounts( ON|,|\)|$)`)
	marks      = regexp.MustCompile(`\$(\d)`)
)

// say translates a statement of a test that runs over all backends.
func (b backend) say(statement string) string {
	if b.driver != sql.MySQL {
		return statement
	}
	s := strings.ReplaceAll(statement, "AS TEXT)", "AS CHAR)")
	if strings.HasPrefix(s, "CREATE TABLE") {
		s = strings.ReplaceAll(s, "note TEXT", "note MEDIUMTEXT") // may be long, and is no key
		s = texts.ReplaceAllString(s, "VARCHAR(255)")
		s = references.ReplaceAllString(s, "REFERENCES accounts (user_id)$1")
	}
	return marks.ReplaceAllString(s, "?")
}

// repeated are the arguments of a translated statement, one for each mark.
func (b backend) repeated(statement string, args []any) (out []any) {
	if b.driver != sql.MySQL {
		return args
	}
	for _, m := range marks.FindAllStringSubmatch(statement, -1) {
		n, _ := strconv.Atoi(m[1])
		out = append(out, args[n-1])
	}
	return out
}
