package sql

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/expunge-io/expunge/participants"
)

// undo is what Restore needs: the rows that Suspend overwrites, as they were.
type undo struct {
	Tables []memory `json:"tables"`
}

// memory is one table's part. Columns and their new values are those of the configuration
// by which it was suspended.
type memory struct {
	Table   string    `json:"table"`
	Columns []string  `json:"columns"`
	Set     []*string `json:"set"` // by column
	Rows    []row     `json:"rows"`
}

// row is found by its primary key, and by the person whose it is.
type row struct {
	Key []string  `json:"key"`
	Was []*string `json:"was"` // by column, in the dialect's own form; nil is NULL
}

// maxUndo is the longest undo value, in bytes: it is sealed with every saga.
const maxUndo = 64 << 10

// write refuses what would be too large to seal: such a share has more rows than one person
// has, or values of which nobody needs to overwrite so many.
func (u undo) write() (participants.Undo, error) {
	text, err := json.Marshal(u)
	if err != nil {
		return "", errors.New("sql: undo cannot be written")
	}
	if len(text) > maxUndo {
		return "", &participants.Refuse{Code: "undo_too_large"}
	}
	return participants.Undo(text), nil
}

func readUndo(text participants.Undo) (u undo, err error) {
	if json.Unmarshal([]byte(text.Reveal()), &u) != nil || u.Tables == nil {
		return undo{}, &participants.Refuse{Code: "undo_unreadable"}
	}
	return u, nil
}

// errMisfit keeps a value of another configuration from being half restored.
var errMisfit = misconfigured("undo_misfit", "a table's suspend, or its primary key, is not what it was when this person was suspended: configure it as it was until these erasures have ended")

// fits returns an error if something was remembered that is of no declared table.
func (u undo) fits(w *work) error {
	for _, m := range u.Tables {
		known := func(t *table) bool { return t.Name == m.Table && t.Suspend != nil && !t.Suspend.Delete }
		if len(m.Rows) > 0 && !slices.ContainsFunc(w.tables, known) {
			return errMisfit
		}
	}
	return nil
}

// of returns a table's part, which has no rows if nothing is remembered of it.
func (u undo) of(name string) memory {
	i := slices.IndexFunc(u.Tables, func(m memory) bool { return m.Table == name })
	if i < 0 {
		return memory{}
	}
	return u.Tables[i]
}

// fits reports whether m is of the columns that t's suspend overwrites, and of its primary
// key. Names of columns come from the configuration alone.
func (m memory) fits(t *table) bool {
	misfit := func(r row) bool { return len(r.Key) != len(t.primary) || len(r.Was) != len(m.Columns) }
	return slices.Equal(m.Columns, t.Suspend.columns()) && len(m.Set) == len(m.Columns) && !slices.ContainsFunc(m.Rows, misfit)
}

// columns are those that suspend overwrites, sorted.
func (s *Suspend) columns() []string { return slices.Sorted(maps.Keys(s.Set)) }

// remember reads the rows that suspend would overwrite. Rows that already are as it would
// make them are none of its doing, and are left out.
func (w *work) remember(k keys) (undo, error) {
	u := undo{Tables: []memory{}}
	for _, t := range w.tables {
		if t.Suspend == nil || t.Suspend.Delete {
			continue
		}
		m := memory{Table: t.Name, Columns: t.Suspend.columns()}
		for _, c := range m.Columns {
			m.Set = append(m.Set, t.Suspend.Set[c])
		}
		var err error
		if m.Rows, err = w.rows(t, m, k); err != nil {
			return undo{}, err
		}
		u.Tables = append(u.Tables, m)
	}
	return u, nil
}
