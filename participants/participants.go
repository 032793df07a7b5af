// Package participants is the SDK of a worker: implement [Participant] for one share of
// a person, hand it to a [Worker], and the worker speaks the protocol: doorbell, slot,
// claim, acknowledge, act, count, report, renew, stop.
//
// A participant sees a [Task] only under a live permit, and must do nothing that outlives
// the task's context. It never decides when to run, how often to retry or what happens
// next; it answers what is true of its own system.
package participants

import (
	"context"
	"time"

	"github.com/expunge-io/expunge/events"
)

// Participant deletes one share of a person.
type Participant interface {
	// Erase deletes everything the task's identifiers lead to and returns what it deleted.
	// It must be repeatable: nothing left to delete is a Result with verdict Absent, which
	// it may return only when it could see (a missing table, pool or right is
	// [Misconfigured], never absent). With an error, Result.Counts may say what was deleted
	// before it. ctx ends with the permit; its deadline moves when the permit is renewed.
	Erase(ctx context.Context, t Task) (Result, error)
}

// Counter counts what is left. It serves the baseline, the dry run, the check after each
// erase, and verify. A participant without it leads at best to an exception. Of a narrow
// task it counts the items that are named, and nothing created after the cut-off.
type Counter interface {
	Count(ctx context.Context, t Task) (events.Counts, error)
}

// Resolver finds identifiers that other participants need. Who yields user_id names every
// user to whom the task's identifiers lead; what it erases later must be of the task's one.
type Resolver interface {
	// Yields are the identifier types that Resolve may return; a closed list.
	Yields() []events.IdentifierType
	Resolve(ctx context.Context, t Task) ([]events.Identifier, error)
}

// Suspender makes a share unusable and can bring it back.
type Suspender interface {
	// Prepare reads what Restore will need. It changes nothing, and is not called again once
	// its value was accepted. An empty value is an error, misconfigured with code no_undo:
	// where there is nothing to bring back, the value says so.
	Prepare(ctx context.Context, t Task) (Undo, error)
	// Suspend is called only after the value was accepted. u is the value that counts, the
	// first one ever accepted, which may be that of another worker. It must be repeatable.
	Suspend(ctx context.Context, t Task, u Undo) (Result, error)
	// Restore brings back what u describes, and must be repeatable.
	Restore(ctx context.Context, t Task, u Undo) (Result, error)
}

// Itemizer can act on single items. A participant without it is never given a task that
// has [Task.Items]: it would act on the whole share. An item that the task's identifiers do
// not show to be the person's must not be touched: refuse it, or prove that it is not there.
type Itemizer interface {
	// ItemKinds are the kinds whose items can be named one by one; a closed list.
	ItemKinds() []events.Kind
}

// Needer says which identifier types a participant needs; without it, user_id alone. Who
// needs others and not user_id may be asked to resolve without one, when a request brings
// attributes alone; and again with it, once the systems have named it.
type Needer interface {
	Needs() []events.IdentifierType
}

// Undo is what Restore needs, opaque to everybody else. It is sealed by the orchestrator.
type Undo = events.Private

// Task is one permitted piece of work.
type Task struct {
	Saga        string
	Verb        events.Verb
	Round       int
	Attempt     int
	Realm       string
	Identifiers []events.Identifier // of the types that the participant needs
	Baseline    events.Counts       // counted at resolve; nil when unknown
	MaybeDone   bool                // an earlier attempt may have done it all
	Undo        Undo                // restore, and a suspend that was prepared before; else empty
	Items       []events.Item       // narrow: nothing but these; empty: the whole share
	CutOff      time.Time           // narrow: what was created later is left; zero: none
	Due         time.Time           // by when the erasure must have ended; zero: unknown
}

// Values returns the values of all identifiers of type t, in order.
func (t Task) Values(typ events.IdentifierType) []string {
	var out []string
	for _, id := range t.Identifiers {
		if id.Type == typ {
			out = append(out, id.Value.Reveal())
		}
	}
	return out
}

// Result is what an erase, suspend or restore did.
type Result struct {
	Verdict  events.Verdict // Erased, Absent, Anonymised or Shredded; Suspended or Absent; Restored or Absent
	Counts   events.Counts
	RowsOnly bool // rows are gone, and their remote effect was not confirmed
	// Left is what an erase kept because it was created after the task's cut-off. It is in
	// none of the counts.
	Left events.Counts
}

// The errors of this file are verbs: they say what is to happen next. Any other error is
// tried again with back-off.

// RetryAfter asks for another attempt no earlier than After from now.
type RetryAfter struct {
	After time.Duration
	Code  string // [a-z0-9_]{1,64}
}

func (e *RetryAfter) Error() string { return "retry after " + e.After.String() + ": " + e.Code }

// Retained says that this share must be kept, and on which ground.
type Retained struct {
	Ground string     // from configuration, for example "AML: 5 years after the last payment"
	Until  *time.Time // nil: no end is known
}

func (e *Retained) Error() string { return "retained: " + e.Ground }

// Misconfigured says that an operator must change something: a missing table, pool,
// region or right. It is not worth another attempt.
type Misconfigured struct {
	Code string // [a-z0-9_]{1,64}
	Err  error  // for the worker's log; must hold no identifiers
}

func (e *Misconfigured) Error() string {
	if e.Err == nil {
		return "misconfigured: " + e.Code
	}
	return "misconfigured: " + e.Code + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Misconfigured) Unwrap() error { return e.Err }

// Refuse says that this participant will never do what is asked.
type Refuse struct{ Code string }

func (e *Refuse) Error() string { return "refused: " + e.Code }
