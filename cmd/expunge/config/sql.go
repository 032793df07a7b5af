package config

import (
	"regexp"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/sql"
)

func (w *Worker) readSQL(participant string, n node) {
	c := &sql.Config{}
	w.SQL = c
	f := fields{
		"realm":             word(&c.Realm),
		"driver":            oneOf(&c.Driver, sql.SQLite, sql.Postgres, sql.MySQL),
		"lock_wait":         duration(&c.LockWait),
		"statement_timeout": duration(&c.StatementTimeout),
		"tables": func(n node) {
			for _, element := range n.list() {
				c.Tables = append(c.Tables, readTable(participant, element))
			}
		},
	}
	secret(f, "dsn", &c.DSN)
	before := len(n.r.faults)
	n.object(f)
	n.oneSecret("dsn")
	w.try(n, before)
}

func readTable(participant string, n node) (t sql.Table) {
	n.object(fields{
		"name":        text(&t.Name),
		"key":         text(&t.Key),
		"key_type":    identifierType(&t.KeyType),
		"parent":      func(n node) { t.Parent = readParent(n) },
		"kind":        kindOf(participant, &t.Kind),
		"mode":        oneOf(&t.Mode, sql.Delete, sql.Anonymise, sql.Retain, sql.Empty),
		"set":         func(n node) { t.Set = readSet(n) },
		"ground":      text(&t.Ground),
		"until":       func(n node) { t.Until = readTime(n) },
		"where":       func(n node) { t.Where = readMatches(n) },
		"yields":      func(n node) { t.Yields = readYields(n) },
		"suspend":     func(n node) { t.Suspend = readSuspend(n) },
		"triggers":    texts(&t.Triggers),
		"foreign_ids": flag(&t.ForeignIDs),
	})
	return t
}

func readParent(n node) *sql.Parent {
	p := &sql.Parent{}
	n.object(fields{"table": text(&p.Table), "column": text(&p.Column)})
	return p
}

// readSet reads new values by column; nothing at all is NULL.
func readSet(n node) map[string]*string {
	set := map[string]*string{}
	for column, value := range n.entries() {
		if value.null() {
			set[column] = nil
			continue
		}
		if s, ok := value.scalar("text, or nothing for NULL", "!!str"); ok {
			set[column] = &s
		}
	}
	return set
}

// readSuspend reads what suspend does to rows: the word delete, or the columns to set.
func readSuspend(n node) *sql.Suspend {
	s := &sql.Suspend{}
	switch {
	case n.value.Kind == yaml.MappingNode:
		n.object(fields{"set": func(n node) { s.Set = readSet(n) }})
	case n.value.Kind == yaml.ScalarNode && n.value.Value == string(sql.Delete):
		s.Delete = true
	default:
		n.bad(`want delete, which ends the rows for good, or the columns to overwrite until a restore, as in {set: {active: "false"}}`)
	}
	return s
}

func readMatches(n node) (out []sql.Match) {
	for _, element := range n.list() {
		var m sql.Match
		element.object(fields{"column": text(&m.Column), "equals": text(&m.Equals)})
		out = append(out, m)
	}
	return out
}

func readYields(n node) (out []sql.Yield) {
	for _, element := range n.list() {
		var y sql.Yield
		element.object(fields{
			"type":      identifierType(&y.Type),
			"column":    text(&y.Column),
			"prefix":    text(&y.Prefix),
			"separator": text(&y.Separator),
			"when":      func(n node) { y.When = readMatches(n) },
		})
		out = append(out, y)
	}
	return out
}

func readTime(n node) *time.Time {
	s, ok := n.scalar("a time such as 2031-01-01T00:00:00Z", "!!timestamp", "!!str")
	if !ok {
		return nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		n.bad("%q: want a time such as 2031-01-01T00:00:00Z", s)
		return nil
	}
	return &t
}

func identifierType(to *events.IdentifierType) func(node) {
	return func(n node) {
		var s string
		text(&s)(n)
		if s != "" && !typeForm.MatchString(s) {
			n.bad("%q: want an identifier type, %s", s, typeForm)
			return
		}
		*to = events.IdentifierType(s)
	}
}

var typeForm = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// identifierTypes reads a list of identifier types.
func identifierTypes(to *[]string) func(node) {
	return func(n node) {
		for _, element := range n.list() {
			var typ events.IdentifierType
			identifierType(&typ)(element)
			if typ != "" {
				*to = append(*to, string(typ))
			}
		}
	}
}

// kindOf reads what a participant's rows count as; the fixed participants have closed
// lists.
func kindOf(participant string, to *events.Kind) func(node) {
	return func(n node) {
		var s string
		word(&s)(n)
		if s != "" && !events.ValidKind(participant, events.Kind(s)) {
			n.bad("%q is not one of what %s counts, %v", s, participant, events.Kinds(participant))
		}
		*to = events.Kind(s)
	}
}
