package participantstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
)

// Remote is a worker that runs somewhere, in whatever language, and the system behind it.
// One process of it must run, and no orchestrator.
type Remote struct {
	// Fixture is the system. Items counts what the worker counts. Break lasts until Mend.
	// Without State a worker that suspends is not tried at it. Narrow is not used.
	Fixture

	// Conn is of the orchestrator's user, on a bus that has the streams of the participant.
	Conn *nats.Conn

	// Seed puts in what the subject and the neighbour have, and nothing else of theirs,
	// whatever was there before. It is called before each check.
	Seed func() error
	// Mend gives back what Break and Slow took. Nil: neither is called.
	Mend func() error
	// Slow has the system take some [SlowFor] for an effect. Nil: what needs time is not tried.
	Slow func() error
	// Log is what the worker has logged since the check began. Nil: it is not looked at.
	Log func() (string, error)

	// Greet is how long to wait for the worker; 0: 5 minutes.
	Greet time.Duration
	// Only has the checks tried whose names hold it; empty: all.
	Only string
}

// SlowFor is how long an effect should take after [Remote.Slow].
const SlowFor = 3 * time.Second

// Score is what came of one check.
type Score struct {
	Check  string
	Untold string // not empty: why it was not tried
	Err    error  // what the worker has done wrong; nil: it has passed, or was not tried
}

// untried is why a check did not come about.
type untried string

func (u untried) Error() string { return string(u) }

// remotePatience bounds one check: a doorbell that was handed back may be away for half a
// minute.
const remotePatience = 10 * time.Minute

// Check holds a running worker to its contract, and tells the score of each check. The
// error says why it could not go on, and nothing of the worker.
func (r *Remote) Check(ctx context.Context, tell func(Score)) (err error) {
	if r.Seed == nil || r.Items == nil || r.Mend == nil && (r.Break != nil || r.Slow != nil) {
		return errors.New("seed and count are needed, and mend beside break or slow")
	}
	w, err := newWire(r.Conn, r.Name, valuesOf(r.Subject, r.Neighbour, r.Unknown))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	hello, err := w.awaitHello(ctx, cmp.Or(r.Greet, 5*time.Minute))
	if err != nil {
		return err
	}
	if err := r.covers(hello); err != nil {
		return err
	}
	for _, c := range remoteChecks {
		if !strings.Contains(c.name, r.Only) {
			continue
		}
		s, err := r.score(ctx, w, hello, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		tell(s)
	}
	return nil
}

// covers says whether the people have what the worker needs.
func (r *Remote) covers(h events.Hello) error {
	for _, needed := range h.Needs {
		if !slices.ContainsFunc(r.Subject, func(id events.Identifier) bool { return id.Type == needed }) {
			return fmt.Errorf("the worker needs identifiers of type %s, and the subject has none", needed)
		}
	}
	return nil
}

// score is one check. The error is of the fixture.
func (r *Remote) score(ctx context.Context, w *wire, h events.Hello, c check) (Score, error) {
	ctx, cancel := context.WithTimeout(ctx, remotePatience)
	defer cancel()
	t, s := r.trial(ctx, w, h), Score{Check: c.name}
	if c.of != nil && !c.of.has(t) {
		s.Untold = c.of.lacking
		return s, nil
	}
	if err := r.Seed(); err != nil {
		return s, fmt.Errorf("seed: %w", err)
	}
	if err := t.begin(); err != nil {
		return s, fmt.Errorf("count: %w", err)
	}
	s.Err = c.run(t)
	if why, ok := errors.AsType[untried](s.Err); ok {
		s.Untold, s.Err = string(why), nil
	}
	if r.Mend != nil {
		if err := r.Mend(); err != nil {
			return s, fmt.Errorf("mend: %w", err)
		}
	}
	s.Err = errors.Join(s.Err, t.leaks(), r.kept(t))
	return s, ctx.Err()
}

// kept says whether the neighbour is as before, whatever the check was about.
func (r *Remote) kept(t *trial) error {
	is, err := r.Items(r.Neighbour)
	if err == nil && is != t.neighbour.items {
		err = fmt.Errorf("the neighbour has %d items, had %d", is, t.neighbour.items)
	}
	return err
}

// trial is one check on the worker, as far as its hello goes.
func (r *Remote) trial(ctx context.Context, w *wire, h events.Hello) *trial {
	p := &proxy{w: w, hello: h}
	t := &trial{ctx: ctx, p: p, f: r.Fixture, remote: r, wire: w, proxy: p, alike: alikeOf(r.Subject)}
	if p.can(events.Resolve) || p.can(events.Verify) {
		t.counter = p
	}
	if p.can(events.Resolve) && len(h.Yields) > 0 {
		t.resolver = p
	}
	if p.can(events.Suspend, events.Restore) && r.State != nil {
		t.suspender = p
	}
	return t
}

func valuesOf(lists ...[]events.Identifier) (values []string) {
	for _, ids := range lists {
		for _, id := range ids {
			values = append(values, id.Value.Reveal())
		}
	}
	return values
}

// lookAlike is a value that leads to the subject where it is not taken to the letter. It is
// shown as the same of the word "subject".
type lookAlike struct {
	value events.Private
	shown string
}

var lookAlikes = []func(v string) string{
	func(v string) string { return v[:len(v)-1] },
	func(v string) string { return v[:len(v)-1] + "%" },
	func(v string) string { return v[:len(v)-1] + "_" },
	func(v string) string { return v[:len(v)-1] + "*" },
	func(v string) string { return v[:len(v)-1] + "?" },
	func(v string) string { return v[:len(v)-1] + "." },
	func(v string) string { return "%" + v[1:] },
	func(v string) string { return "*" + v[1:] },
	func(v string) string { return v + "\n" },
	func(v string) string { return v + "\n" + v },
	func(v string) string { return v + "' OR '1'='1" },
	func(v string) string { return v + "'--" },
	func(v string) string { return v + "," + v },
	func(v string) string { return v + "/.." },
	func(v string) string { return v + "#" },
	func(v string) string { return v + "\u200b" }, // of no width
	func(v string) string { return "\u202e" + v }, // from right to left
	func(v string) string { // of other scripts
		return strings.NewReplacer("a", "\u0430", "e", "\u0435", "o", "\u043e", "0", "\uff10", "1", "\uff11", "2", "\uff12").Replace(v)
	},
}

func alikeOf(ids []events.Identifier) (alike []lookAlike) {
	for _, v := range valuesOf(ids) {
		for _, like := range lookAlikes {
			if v == "" {
				continue
			}
			if a := like(v); a != "" && a != v && utf8.ValidString(a) {
				alike = append(alike, lookAlike{events.Private(a), fmt.Sprintf("%q", like("subject"))})
			}
		}
	}
	return alike
}
