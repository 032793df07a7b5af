package sql

import (
	"context"
	dbsql "database/sql"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/expunge-io/expunge/participants"
)

// shape is how a value of a column is written as text, and read again.
type shape int

const (
	unwritable shape = iota // not exactly, at least
	written                 // as it is
	padless                 // written, without spaces at the end
	member                  // one of a list: compares by the column's collation
	raw                     // bytes
	whole                   // a number of whole units, with a sign
	unsigned                // one without
	floating
	converted // by CAST to its own type
	flags     // bits
)

func shapeOf(c column) shape {
	switch base := baseOf(c.typ); base {
	case "varchar", "tinytext", "text", "mediumtext", "longtext":
		return written
	case "char":
		return padless
	case "enum", "set", "uuid", "inet4", "inet6":
		return member
	case "tinyblob", "blob", "mediumblob", "longblob", "binary", "varbinary":
		return raw
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		if strings.Contains(c.typ, "unsigned") {
			return unsigned
		}
		return whole
	case "year":
		return unsigned
	case "bit":
		return flags
	case "double":
		return floating
	case "decimal", "date", "datetime", "timestamp", "time", "json":
		return converted
	}
	return unwritable
}

// overwritable refuses a suspend of columns whose values could not be brought back, or
// recognised, exactly.
func overwritable(t Table, f facts) error {
	if !t.overwrites() {
		return nil
	}
	for _, name := range t.Suspend.columns() {
		if c, ok := f.columns[name]; ok && shapeOf(c) == unwritable {
			return misconfigured("suspend_column_type", "column "+name+" of table "+t.Name+" is of a type, "+baseOf(c.typ)+", that suspend cannot overwrite and restore exactly")
		}
	}
	return nil
}

// identify has nothing left to do: inspect has read it all, and the session is fixed.
func (mysql) identify(context.Context, *dbsql.Tx, *facts) error { return nil }

// whole writes t before a text and b before bytes, and no more of it than an undo may hold:
// the server makes NULL of what is longer than a packet.
func (mysql) whole(column string, c column) string {
	most := strconv.Itoa(maxUndo + 1)
	switch shapeOf(c) {
	case raw:
		return "CONCAT('b', HEX(LEFT(" + column + ", " + most + ")))"
	case flags:
		column += " + 0"
	case floating:
		column += " + 0e0"
	case unwritable, written, padless, member, whole, unsigned, converted:
	}
	return "CONCAT('t', CAST(LEFT(" + column + ", " + most + ") AS CHAR))"
}

func (mysql) value(text *string) (any, error) {
	if text == nil {
		return nil, nil // NULL
	}
	if rest, ok := strings.CutPrefix(*text, "t"); ok {
		return rest, nil
	}
	if rest, ok := strings.CutPrefix(*text, "b"); ok {
		if b, err := hex.DecodeString(rest); err == nil {
			return b, nil
		}
	}
	return nil, &participants.Refuse{Code: "undo_unreadable"}
}

func (mysql) cast(placeholder string, c column) string {
	to := ""
	switch shapeOf(c) {
	case unwritable:
		return placeholder
	case written, padless, member:
		if c.charset == "" {
			return placeholder
		}
		return c.convert(placeholder)
	case floating:
		return "(" + placeholder + " + 0e0)"
	case raw:
		to = "BINARY"
	case whole:
		to = "SIGNED"
	case unsigned, flags:
		to = "UNSIGNED"
	case converted:
		to, _, _ = strings.Cut(strings.Replace(c.typ, "timestamp", "datetime", 1), " ")
	}
	return "CAST(" + placeholder + " AS " + to + ")"
}

func (mysql) same(column, value string, c column) string {
	switch shapeOf(c) {
	case written:
		column, value = bytesOf(column), bytesOf(value)
	case padless:
		column, value = bytesOf(column), bytesOf("RTRIM("+value+")")
	case flags:
		column += " + 0"
	case unwritable, member, raw, whole, unsigned, floating, converted:
	}
	return "(" + column + " <=> " + value + ")"
}

// keeps adds assignments of columns to themselves which the server would otherwise set to the
// current time by itself, and no restore would bring back.
func (q *query) keeps(t *table, m memory) {
	var names []string
	for name, c := range t.columns {
		if c.stamped && !slices.Contains(m.Columns, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		q.add(", ", quote(name), " = t0.", quote(name))
	}
}
