package sql

import (
	"regexp"
	"strconv"
	"strings"
)

// class is how the values of a column compare.
type class int

const (
	other   class = iota // cannot be a key
	text                 // byte by byte
	trimmed              // byte by byte, of texts that do not end in a space
	integer              // 64 bits
	uuid                 // 128 bits, written in either case
	loose                // SQLite: a text that looks like a number is stored as one
)

// column is a column of the live schema.
type column struct {
	class class
	typ   string // as the database writes it; known only for a table that suspend overwrites

	charset, collation string // MySQL: of texts
	unique             bool   // MySQL: no two rows have the same value, by the column's collation
	stamped            bool   // MySQL: is set to the current time whenever a row is changed
}

var (
	numberForm = regexp.MustCompile(`^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$`)
	uuidForm   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// fits reports whether a row of the column could hold value as it is written. It is an
// error where "no" could mean that the configuration is wrong rather than that there is no
// such row.
func (c column) fits(value string, t *table) (bool, error) {
	switch c.class {
	case text:
		return true, nil
	case trimmed:
		if !strings.HasSuffix(value, " ") {
			return true, nil
		}
		return false, formError(t)
	case loose:
		if canonical(value) || !numberForm.MatchString(value) {
			return true, nil
		}
		return false, formError(t)
	case integer:
		if canonical(value) {
			return true, nil
		}
		if t.ForeignIDs && !numberForm.MatchString(value) {
			return false, nil
		}
		return false, formError(t)
	case uuid:
		if uuidForm.MatchString(value) {
			return true, nil
		}
		if t.ForeignIDs {
			return false, nil
		}
		return false, formError(t)
	case other:
	}
	return false, misconfigured("key_column_type", "column "+t.Key+" of table "+t.Name+" is of a type that cannot be compared exactly")
}

// canonical reports whether value is an integer in the one form in which a database
// writes it: 42, never 042, +42 or 42.0.
func canonical(value string) bool {
	n, err := strconv.ParseInt(value, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == value
}

func formError(t *table) error {
	return misconfigured("key_form", "an identifier is not of the form that column "+t.Key+" of table "+t.Name+" holds; foreign_ids says that such ids are to be expected")
}
