package sql

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
)

// The drivers.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
	MySQL    = "mysql" // MariaDB too
)

// Config is the configuration of a [Participant].
type Config struct {
	Realm  string // the user directory that it serves; empty: any
	Driver string // SQLite, which is the default, Postgres or MySQL
	DSN    string // SQLite: a path or file: URI of an existing database; Postgres: URL or key=value; MySQL: see the package
	Tables []Table

	LockWait         time.Duration // the longest wait for a lock; default 5 s
	StatementTimeout time.Duration // of one statement at the server; default 30 s
}

// Mode is what becomes of the rows of a table.
type Mode string

// The modes.
const (
	Delete    Mode = "delete"    // the default
	Anonymise Mode = "anonymise" // overwrite the columns of Set
	Retain    Mode = "retain"    // must be kept: the erase ends as retained, on Ground
	Empty     Mode = "empty"     // another participant erases it; nothing is deleted here before it is empty
)

// Table declares one table.
type Table struct {
	Name    string                // Postgres, MySQL: with or without schema, as in public.accounts
	Key     string                // column that holds the person's identifier, or the parent's value
	KeyType events.IdentifierType // default user_id; none with a Parent
	Parent  *Parent               // set: rows belong to the person through rows of another table
	Kind    events.Kind           // what the rows count as
	Mode    Mode
	Set     map[string]*string // Anonymise: new values; nil is NULL. Must hold Key
	Ground  string             // Retain: why
	Until   *time.Time         // Retain: until when; nil: no end is known
	Where   []Match            // only rows that match all of these, for tables shared with others
	Yields  []Yield            // identifiers that the rows hold for other participants
	Suspend *Suspend           // what suspend does to the rows; nil: nothing

	Triggers   []string // triggers that were looked at and may fire
	ForeignIDs bool     // ids of a form that the key column cannot hold mean absent
}

// Suspend is what suspend does to the rows of a table: exactly one of the two.
type Suspend struct {
	// Set overwrites columns, as {"active": "false"}; nil is NULL. Restore brings back what
	// was when it was prepared. The table needs a primary key, of columns that are none of
	// these.
	Set map[string]*string
	// Delete ends them, as it ends sessions: they are counted, and not restored.
	Delete bool
}

// Parent is a declared table, and the column of it that Key refers to by a foreign key.
type Parent struct {
	Table  string
	Column string
}

// Match is a column that must equal a constant, compared as text.
type Match struct {
	Column string
	Equals string
}

// Yield makes an identifier of a column, for those rows that match all of When. With
// Prefix it is the value of that column, Separator, and the value of Column.
type Yield struct {
	Type      events.IdentifierType
	Column    string
	Prefix    string // column; where it is NULL or empty, the value stands alone
	Separator string // default ":"
	When      []Match
}

func (c Config) withDefaults() Config {
	if c.Driver == "" {
		c.Driver = SQLite
	}
	if c.LockWait == 0 {
		c.LockWait = 5 * time.Second
	}
	if c.StatementTimeout == 0 {
		c.StatementTimeout = 30 * time.Second
	}
	c.Tables = slices.Clone(c.Tables)
	for i := range c.Tables {
		t := &c.Tables[i]
		if t.Mode == "" {
			t.Mode = Delete
		}
		if t.KeyType == "" && t.Parent == nil {
			t.KeyType = events.UserID
		}
		t.Yields = slices.Clone(t.Yields)
		for j := range t.Yields {
			if t.Yields[j].Separator == "" {
				t.Yields[j].Separator = ":"
			}
		}
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if !slices.Contains([]string{SQLite, Postgres, MySQL}, c.Driver) {
		errs = append(errs, errors.New("driver: want sqlite, postgres or mysql"))
	}
	if c.DSN == "" {
		errs = append(errs, errors.New("dsn: is needed"))
	}
	if len(c.Tables) == 0 {
		errs = append(errs, errors.New("tables: at least one is needed"))
	}
	if c.LockWait < 0 || c.StatementTimeout < 0 {
		errs = append(errs, errors.New("lock_wait, statement_timeout: must not be negative"))
	}
	for i, t := range c.Tables {
		if slices.ContainsFunc(c.Tables[:i], func(u Table) bool { return u.Name == t.Name }) {
			errs = append(errs, fmt.Errorf("tables[%d]: %q is declared twice", i, t.Name))
		}
		for _, problem := range slices.Concat(t.problems(), c.parentProblems(t), c.suspendProblems(t)) {
			errs = append(errs, fmt.Errorf("tables[%d]: %s", i, problem))
		}
	}
	return errors.Join(errs...)
}

func (t Table) problems() (out []string) {
	add := func(wrong bool, problem string) {
		if wrong {
			out = append(out, problem)
		}
	}
	_, keyIsSet := t.Set[t.Key]
	add(t.Name == "" || t.Key == "", "name and key are needed")
	add(t.Parent != nil && t.KeyType != "", "key_type and parent exclude each other")
	add(t.Kind == "" && t.Mode != Empty, "kind is needed")
	add(t.Kind != "" && t.Mode == Empty, "kind: rows of another participant are not counted")
	add(!slices.Contains([]Mode{Delete, Anonymise, Retain, Empty}, t.Mode), "mode: want delete, anonymise, retain or empty")
	add((len(t.Set) > 0) != (t.Mode == Anonymise), "set goes with mode anonymise")
	add(t.Mode == Anonymise && !keyIsSet, "set must hold the key, or the rows still lead to the person")
	add((t.Ground != "") != (t.Mode == Retain), "ground goes with mode retain")
	add(t.Until != nil && t.Mode != Retain, "until goes with mode retain")
	for _, y := range t.Yields {
		add(y.Type == "" || y.Column == "", "yields: type and column are needed")
	}
	return out
}

// parentProblems follows the parents of t up to a table without one.
func (c Config) parentProblems(t Table) []string {
	for range c.Tables {
		if t.Parent == nil {
			return nil
		}
		i := slices.IndexFunc(c.Tables, func(u Table) bool { return u.Name == t.Parent.Table })
		if i < 0 || t.Parent.Column == "" {
			return []string{"parent: want a declared table and a column of it"}
		}
		t = c.Tables[i]
	}
	if t.Parent != nil {
		return []string{"parent: the parents form a circle"}
	}
	return nil
}
