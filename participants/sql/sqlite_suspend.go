package sql

import (
	"context"
	dbsql "database/sql"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/expunge-io/expunge/participants"
)

// identify reads the primary key. Any column can hold values of any type here, so there is
// no type to know.
func (sqlite) identify(ctx context.Context, tx *dbsql.Tx, f *facts) error {
	keys, err := list(ctx, tx, `SELECT name, '' FROM pragma_table_xinfo(?1) WHERE pk > 0 ORDER BY pk`, f.id)
	for _, k := range keys {
		f.primary = append(f.primary, k[0])
	}
	return err
}

// whole writes a value with its type before it: i, r, t or b. quote is exact for numbers.
func (sqlite) whole(column string, _ column) string {
	return strings.ReplaceAll(`CASE typeof(?) WHEN 'integer' THEN 'i' || ? WHEN 'real' THEN 'r' || quote(?) WHEN 'text' THEN 't' || ? WHEN 'blob' THEN 'b' || hex(?) END`, "?", column)
}

func (sqlite) value(text *string) (any, error) {
	if text == nil {
		return nil, nil // NULL
	}
	typ, rest := "", ""
	if *text != "" {
		typ, rest = (*text)[:1], (*text)[1:]
	}
	var v any
	var err error
	switch typ {
	case "i":
		v, err = strconv.ParseInt(rest, 10, 64)
	case "r":
		v, err = strconv.ParseFloat(rest, 64)
		if errors.Is(err, strconv.ErrRange) { // infinity is written as a number that is too large
			err = nil
		}
	case "t":
		v = rest
	case "b":
		v, err = hex.DecodeString(rest)
	default:
		err = strconv.ErrSyntax
	}
	if err != nil {
		return nil, &participants.Refuse{Code: "undo_unreadable"}
	}
	return v, nil
}

// cast leaves it to the column's affinity.
func (sqlite) cast(placeholder string, _ column) string { return placeholder }

func (sqlite) same(column, value string, _ column) string {
	return "(" + column + " IS " + value + " COLLATE BINARY)"
}
