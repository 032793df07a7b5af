package sql

import (
	"context"
	dbsql "database/sql"
)

// dialect is what differs between databases. Names that reach it were declared.
type dialect interface {
	open(Config) (*dbsql.DB, error)

	// isolation is the level of a transaction.
	isolation(dbsql.TxOptions) dbsql.IsolationLevel

	// limit bounds what the server does for this transaction, should this process freeze.
	limit(context.Context, *dbsql.Tx, Config) error

	// commit ends the transaction for good, and waits for no answer after the context's end.
	commit(context.Context, *dbsql.Tx) error

	// inspect reads what the live schema says of a declared table. A table that is missing,
	// is no plain table, or that the connection cannot wholly see is misconfigured.
	inspect(context.Context, *dbsql.Tx, Table) (facts, error)

	// explain returns what a driver's error means, without its text; nil for an error that
	// is not the driver's.
	explain(error) error

	// scrub does what there is to do after a commit so that deleted bytes leave the disk.
	// It promises nothing.
	scrub(context.Context, *dbsql.DB)

	// identify reads what overwriting and restoring single rows needs: the primary key, and
	// the types of the columns. It makes texts of values independent of the session.
	identify(context.Context, *dbsql.Tx, *facts) error

	// whole is an expression for a column's value as text, of which value and cast make
	// exactly that value again; NULL stays NULL.
	whole(column string, c column) string
	value(*string) (any, error)
	cast(placeholder string, c column) string

	// same compares a column with a cast value; NULL is the same as NULL.
	same(column, value string, c column) string

	quoteTable(name string) string
	placeholder(n int) string
	asText(column string) string

	// exactly compares a key column with a value that fits its class. arg binds the value, and
	// returns its placeholder.
	exactly(column string, c column, arg func() string) string

	// folds reports whether exactly is stricter than the columns' own collations, by which
	// foreign keys join.
	folds() bool

	// deletion is the beginning of a statement that deletes rows, up to the table, of alias t0.
	deletion() string
}

// facts are what the live schema says of one table.
type facts struct {
	id       string // of the table, within the database
	columns  map[string]column
	primary  []string     // key columns; known only for a table that suspend overwrites
	triggers []string     // that would fire
	incoming []foreignKey // of other tables, or of itself, to this one
}

// foreignKey is a reference from a table to another.
type foreignKey struct {
	child    string // id of the referring table
	name     string // of that table, for people
	columns  int
	from, to string // the first column at either end
	onDelete action
	onUpdate action
}

// action is what a foreign key does to the referring row.
type action string

const (
	cascade    action = "CASCADE"
	setNull    action = "SET NULL"
	setDefault action = "SET DEFAULT"
)

// writes reports whether the referring row is changed or deleted.
func (a action) writes() bool { return a == cascade || a == setNull || a == setDefault }
