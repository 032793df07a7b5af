package main

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// asMain makes the test binary the command itself, for tests that need a process to kill.
const asMain = "EXPUNGE_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	testscript.Main(m, map[string]func(){"expunge": main, "rows": rows})
}

// rows is a command for scripts: rows FILE STATEMENT runs the statement on a SQLite database
// and prints the first column. The person that a check asks about takes the place of each ?.
func rows() {
	if err := printRows(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "rows:", err)
		os.Exit(1)
	}
}

func printRows(file, statement string) error {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	var people []any
	for range strings.Count(statement, "?") {
		people = append(people, os.Getenv("EXPUNGE_VALUE"))
	}
	if !strings.HasPrefix(statement, "SELECT") {
		_, err := db.Exec(statement, people...)
		return err
	}
	var first string
	if err := db.QueryRow(statement, people...).Scan(&first); err != nil {
		return err
	}
	fmt.Println(first)
	return nil
}
