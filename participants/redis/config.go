package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expunge-io/expunge/events"
)

// Config is the configuration of a [Participant].
type Config struct {
	Realm     string   // the user directory that it serves; empty: any
	Addresses []string // host:port, or the path of a unix socket; of a cluster, some of its nodes
	Cluster   bool
	Database  int    // not with a cluster
	Username  string // empty: the default user
	Password  string
	TLS       *tls.Config // nil: none

	// Canary is a key that is always there. That it can be seen proves that the database is
	// the right one, and that absent means absent.
	Canary string

	// Delimiter is what separates the parts of a key; a value that holds it is refused. It is
	// ":" by default; "none" for keys without parts, in which nothing can be searched.
	Delimiter string

	Places  []Place
	Suspend bool // the entries go when the share is suspended

	Timeout time.Duration // of one command; default 5 s
	Batch   int           // entries read or deleted at once; default 500
}

// Place is where entries of the person are. In a template ${user_id}, or another identifier
// type, stands for the person's value, and is filled with each that the task brings. A place
// has one of three forms:
//
//   - Key alone is a key: session:${user_id}. A * in it stands for one or more characters
//     other than the delimiter: then all keys of this form are searched.
//   - Index is a set, sorted set, list or hash whose members, or fields, are the person's. With
//     Key, in which ${member} stands for one, the key that a member names goes first, and then
//     the member. A member that holds the delimiter is misconfigured.
//   - Collection is such a collection that all people share, and Member the person's entry.
type Place struct {
	Kind       events.Kind // what an entry counts as
	Key        string
	Index      string
	Collection string
	Member     string
}

const (
	noDelimiter  = "none"
	defaultBatch = 500
	maxBatch     = 10_000
)

func (c Config) withDefaults() Config {
	if c.Delimiter == "" {
		c.Delimiter = ":"
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Batch == 0 {
		c.Batch = defaultBatch
	}
	return c
}

// parse returns the places, or an error that names everything that is wrong.
func (c Config) parse() (places []place, err error) {
	var faults []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	bad(len(c.Addresses) == 0, "addresses: is needed")
	for i, a := range c.Addresses {
		bad(a == "" || strings.Contains(a, "://") || strings.Contains(a, "@"), "addresses[%d]: want host:port, or the path of a unix socket", i)
	}
	bad(!c.Cluster && len(c.Addresses) > 1, "addresses: want one, or cluster: true")
	bad(c.Database < 0 || c.Cluster && c.Database > 0, "database: want 0 or more, and none with a cluster")
	bad(c.Username != "" && c.Password == "", "password: is needed with a username")
	bad(c.Canary == "", "canary: is needed: a key that is always there, such as expunge:canary; set it once in the database")
	bad(c.Timeout < 0, "timeout: must not be negative")
	bad(c.Batch < 0 || c.Batch > maxBatch, "batch: want 1 to %d", maxBatch)
	bad(len(c.Places) == 0, "places: is needed")
	for i, p := range c.Places {
		parsed, err := p.parse(c.Delimiter)
		if err != nil {
			faults = append(faults, fmt.Errorf("places[%d].%w", i, err))
		}
		places = append(places, parsed)
	}
	return places, errors.Join(faults...)
}

// form is which kind of place it is.
type form int

const (
	aKey    form = iota
	aSearch      // of keys
	anIndex      // the person's own
	aShare       // of what all share
)

// place is a parsed [Place].
type place struct {
	kind                    events.Kind
	form                    form
	key, collection, member template
}

func (p Place) parse(delimiter string) (place, error) {
	out := place{kind: p.Kind}
	var faults [3]error
	out.key, faults[0] = parseTemplate("key", p.Key)
	out.collection, faults[1] = parseTemplate("collection", p.Collection)
	if p.Index != "" {
		out.collection, faults[1] = parseTemplate("index", p.Index)
	}
	out.member, faults[2] = parseTemplate("member", p.Member)
	if err := errors.Join(faults[:]...); err != nil {
		return out, err
	}
	switch {
	case p.Kind == "":
		return out, errors.New("kind: is needed")
	case p.Index != "" && p.Collection == "" && p.Member == "":
		out.form = anIndex
		return out, out.validateIndex()
	case p.Collection != "" && p.Index == "" && p.Key == "":
		out.form = aShare
		return out, out.validateShare()
	case p.Key != "" && p.Index == "" && p.Collection == "" && p.Member == "":
		if out.key.searches() {
			out.form = aSearch
		}
		return out, out.validateKey(delimiter)
	}
	return out, errors.New("key: want a key, an index (with or without a key), or a collection and a member")
}

func (p place) validateKey(delimiter string) error {
	switch {
	case p.key.usesMember():
		return errors.New("key: ${member} needs an index")
	case len(p.key.types()) == 0:
		return errors.New("key: must hold an identifier, such as ${user_id}")
	case p.form == aSearch && delimiter == noDelimiter:
		return errors.New("key: nothing can be searched without a delimiter")
	case p.form == aSearch && !p.key.anchored(delimiter):
		return fmt.Errorf("key: the delimiter %s must stand between an identifier, a * and the text beside them", delimiter)
	}
	return nil
}

func (p place) validateIndex() error {
	switch {
	case len(p.collection.types()) == 0:
		return errors.New("index: must hold an identifier, such as ${user_id}: its members are all taken for the person's")
	case p.collection.searches() || p.collection.usesMember():
		return errors.New("index: want the name of one collection")
	case p.key.searches():
		return errors.New("key: must not search beside an index")
	case len(p.key) > 0 && !p.key.usesMember():
		return errors.New("key: must hold ${member} beside an index")
	}
	return nil
}

func (p place) validateShare() error {
	switch {
	case len(p.member.types()) == 0:
		return errors.New("member: must hold an identifier, such as ${user_id}")
	case p.member.searches() || p.member.usesMember():
		return errors.New("member: want one member")
	case p.collection.searches() || p.collection.usesMember() || len(p.collection.types()) > 0:
		return errors.New("collection: want the name of one collection, without identifiers")
	}
	return nil
}

// types returns the identifier types of a place, each once.
func (p place) types() (out []events.IdentifierType) {
	for _, t := range []template{p.key, p.collection, p.member} {
		for _, typ := range t.types() {
			if !slices.Contains(out, typ) {
				out = append(out, typ)
			}
		}
	}
	return out
}
