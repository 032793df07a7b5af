package sql_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/sql"
)

func TestConfigFaultsAreReportedAtOnce(t *testing.T) {
	value := "x"
	until := time.Unix(0, 0)
	_, err := sql.New(sql.Config{
		Driver: "oracle", LockWait: -1,
		Tables: []sql.Table{
			{Name: "a", Key: "k", Kind: "rows"},
			{Name: "a", Key: "k", Kind: "rows"},
			{Kind: "rows"},
			{Name: "b", Key: "k"},
			{Name: "c", Key: "k", Kind: "rows", Mode: "purge"},
			{Name: "d", Key: "k", Kind: "rows", Mode: sql.Anonymise, Set: map[string]*string{"name": &value}},
			{Name: "e", Key: "k", Kind: "rows", Mode: sql.Retain},
			{Name: "f", Key: "k", Kind: "rows", Parent: &sql.Parent{Table: "nowhere", Column: "id"}},
			{Name: "g", Key: "k", Kind: "rows", Parent: &sql.Parent{Table: "h", Column: "id"}},
			{Name: "h", Key: "k", Kind: "rows", Parent: &sql.Parent{Table: "g", Column: "id"}},
			{Name: "i", Key: "k", Kind: "rows", Mode: sql.Empty, Until: &until},
			{Name: "j", Key: "k", Kind: "rows", Yields: []sql.Yield{{Type: "email"}}, KeyType: "email", Parent: &sql.Parent{Table: "a", Column: "id"}},
		},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"driver", "dsn", "lock_wait", "tables[1]: \"a\" is declared twice", "tables[2]: name and key", "tables[3]: kind", "tables[4]: mode", "tables[5]: set must hold the key",
		"tables[6]: ground", "tables[7]: parent: want a declared table", "tables[8]: parent: the parents form a circle", "tables[10]: kind", "tables[10]: until", "tables[11]: yields", "tables[11]: key_type and parent",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestADSNIsNotQuoted(t *testing.T) {
	for driver, dsn := range map[string]string{sql.Postgres: "postgres://u:canary-password@[::1", sql.SQLite: "x.db?canary-password=%zz", sql.MySQL: "u:canary-password@tcp(h"} {
		_, err := sql.New(sql.Config{Driver: driver, DSN: dsn, Tables: []sql.Table{sessions}})
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error %v, want one that does not quote the DSN", driver, err)
		}
	}
}

func TestNeedsTheTypesOfItsKeys(t *testing.T) {
	p := connect(t, sql.Config{DSN: "none.db", Tables: []sql.Table{
		{Name: "a", Key: "k", Kind: "rows"},
		{Name: "b", Key: "k", Kind: "rows", KeyType: "email"},
		{Name: "c", Key: "k", Kind: "rows"},
		{Name: "d", Key: "k", Kind: "rows", Parent: &sql.Parent{Table: "a", Column: "id"}},
	}})
	if got, want := p.Needs(), []events.IdentifierType{events.UserID, "email"}; !reflect.DeepEqual(got, want) {
		t.Errorf("needs %v, want %v", got, want)
	}
}
