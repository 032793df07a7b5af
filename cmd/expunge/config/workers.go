package config

import (
	"cmp"
	"errors"
	"io"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/capture"
	"github.com/expunge-io/expunge/participants/cognito"
	"github.com/expunge-io/expunge/participants/jumio"
	"github.com/expunge-io/expunge/participants/redis"
	"github.com/expunge-io/expunge/participants/s3"
	"github.com/expunge-io/expunge/participants/sila"
	"github.com/expunge-io/expunge/participants/sql"
)

// Worker says how one participant does its work: exactly one of its adapters is set, and
// the adapter takes it.
type Worker struct {
	Concurrency int    // steps worked on at once; default 8
	Target      string // the one of the file's targets that it asks; empty: one of its own
	NATS        Client // as whom it comes to the bus; default: that of the whole file

	SQL     *sql.Config
	Capture *capture.Config
	Cognito *cognito.Config
	Jumio   *jumio.Config
	Redis   *redis.Config
	S3      *s3.Config
	Sila    *sila.Config

	made          bool // the adapter could be made, so that the following is known
	needs, yields []events.IdentifierType
	suspends      bool
}

var adapters = []string{"capture", "cognito", "jumio", "redis", "s3", "sila", "sql"}

func (c *Config) readWorkers(n node) {
	for name, value := range n.entries() {
		if checkName(value, name) {
			c.Workers[name] = readWorker(name, value)
		}
	}
}

func readWorker(name string, n node) (w Worker) {
	n.object(fields{
		"concurrency": integer(&w.Concurrency, 1, 1024),
		"target":      text(&w.Target),
		"nats": func(n node) {
			n.object(w.NATS.fields())
			w.NATS.agree(n)
		},
		"sql":     func(n node) { w.readSQL(name, n) },
		"capture": w.readCapture,
		"cognito": w.readCognito,
		"jumio":   w.readJumio,
		"redis":   func(n node) { w.readRedis(name, n) },
		"s3":      func(n node) { w.readS3(name, n) },
		"sila":    w.readSila,
	})
	given := slices.DeleteFunc(slices.Clone(adapters), func(a string) bool { return !n.has(a) })
	switch len(given) {
	case 0:
		n.bad("missing an adapter: one of %v", adapters)
	case 1:
	default:
		n.at(given[1]).bad("%s is given too: a participant has one adapter", given[0])
	}
	return w
}

// Adapter is what all adapters have in common.
type Adapter interface {
	participants.Participant
	io.Closer
}

// Open makes the one adapter that is configured, with the abilities that its settings give
// it. It contacts nobody. Whoever asks over HTTP asks the target, if that is not nil.
func (w Worker) Open(target *participants.Target) (Adapter, error) {
	client := target.Client(nil)
	switch {
	case w.SQL != nil:
		return able(sql.New(*w.SQL))
	case w.Redis != nil:
		return able(redis.New(*w.Redis))
	case w.Capture != nil:
		c := *w.Capture
		c.Client = cmp.Or(client, c.Client)
		return capture.New(c)
	case w.Cognito != nil:
		c := *w.Cognito
		c.Client = cmp.Or(client, c.Client)
		return cognito.New(c)
	case w.Jumio != nil:
		c := *w.Jumio
		c.Client = cmp.Or(client, c.Client)
		return jumio.New(c)
	case w.S3 != nil:
		c := *w.S3
		if target != nil {
			c.Client, c.TLS = target.Client(c.TLS), nil
		}
		return s3.New(c)
	case w.Sila != nil:
		c := *w.Sila
		c.Client = cmp.Or(client, c.Client)
		return sila.New(c)
	}
	return nil, errors.New("no adapter is configured")
}

// OverHTTP reports whether the adapter asks over HTTP, and so by a target.
func (w Worker) OverHTTP() bool { return w.SQL == nil && w.Redis == nil }

// able gives an adapter the ability to suspend if its settings say how.
func able[S Adapter](p interface {
	Adapter
	Suspender() (s S, ok bool)
}, err error,
) (Adapter, error) {
	if err != nil {
		return nil, err
	}
	if s, ok := p.Suspender(); ok {
		return s, nil
	}
	return p, nil
}

// try makes the adapter to hear what it has against its settings, and what it can do. It
// does not when the settings could not be read: it would say the same again.
func (w *Worker) try(n node, faultsBefore int) {
	if len(n.r.faults) > faultsBefore {
		return
	}
	p, err := w.Open(nil)
	if err != nil {
		blame(n, err)
		return
	}
	defer p.Close()
	w.made = true
	if a, ok := p.(participants.Needer); ok {
		w.needs = a.Needs()
	}
	if a, ok := p.(participants.Resolver); ok {
		w.yields = a.Yields()
	}
	_, w.suspends = p.(participants.Suspender)
}

// fit reports how a worker disagrees with a plan about what it is given and what it gives.
func (w Worker) fit(n node, p saga.Plan, spec saga.Spec) {
	if !w.made {
		return
	}
	for _, typ := range w.needs {
		if string(typ) != saga.UserID && !slices.Contains(spec.Needs, string(typ)) {
			n.bad("needs %s, which plan %s does not give it: add it to plans.%s.participants.%s.needs", typ, p.Name, p.Name, spec.Name)
		}
	}
	asked := len(spec.Needs) > 0 && !slices.Contains(spec.Needs, saga.UserID) // also without the user id
	names := func(s saga.Spec) bool { return slices.Contains(s.Yields, saga.UserID) }
	if asked && slices.Contains(w.needs, events.UserID) && slices.ContainsFunc(p.Participants, names) {
		n.bad("needs user_id, and plan %s may ask it without one: add user_id to plans.%s.participants.%s.needs", p.Name, p.Name, spec.Name)
	}
	for _, typ := range spec.Yields {
		if !slices.Contains(w.yields, events.IdentifierType(typ)) {
			n.bad("does not yield %s, as plan %s says it does", typ, p.Name)
		}
	}
	if spec.Suspends && !w.suspends {
		n.bad("cannot suspend its share, as plan %s says it does%s", p.Name, w.howToSuspend())
	}
}

func (w Worker) howToSuspend() string {
	switch {
	case w.SQL != nil:
		return ": say in a table what suspend does to its rows"
	case w.Redis != nil:
		return ": set suspend"
	}
	return ""
}
