package participants_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
)

// reportOn returns the report of a participant on a verb, less the names of the permit.
func reportOn(t *testing.T, p participants.Participant, v events.Verb) (r events.Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		r, err = participantstest.Do(t.Context(), "profiles", p, v, person()...)
		if err != nil {
			t.Error(err)
		}
	})
	if r.Verb != v || r.Saga == "" || r.Permit == "" || r.Round != 1 {
		t.Errorf("report %+v: want the names of its permit", r)
	}
	r.Saga, r.Verb, r.Round, r.Permit = "", "", 0, ""
	return r
}

func same(t *testing.T, got, want events.Report) {
	t.Helper()
	if len(got.Counts) == 0 {
		got.Counts = nil
	}
	if len(want.Counts) == 0 {
		want.Counts = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("report %s\nwant   %s", plain(got), plain(want))
	}
}

func plain(r events.Report) string {
	left := "not counted"
	if r.Remaining != nil {
		left = fmt.Sprint(*r.Remaining)
	}
	return fmt.Sprintf("%+v remaining %s, %d identifiers", r, left, len(r.Identifiers))
}

func n(v int64) *int64 { return &v }

func failure(class events.FailureClass, code string) events.Report {
	return events.Report{Verdict: events.Failed, Class: class, Code: code}
}

func TestEraseReportsWhatTheParticipantDid(t *testing.T) {
	three := events.Counts{"rows": 3}
	remaining := failure(events.Transient, "remaining")
	remaining.Remaining = n(2)
	notCounted := failure(events.Transient, "error")
	notCounted.Counts = three
	for name, c := range map[string]struct {
		p    participants.Participant
		want events.Report
	}{
		"erased, cannot count":   {erases(participants.Result{Verdict: events.Erased, Counts: three}), events.Report{Verdict: events.Erased, Counts: three}},
		"rows only":              {erases(participants.Result{Verdict: events.Erased, Counts: three, RowsOnly: true}), events.Report{Verdict: events.Erased, Counts: three, RowsOnly: true}},
		"anonymised":             {erases(participants.Result{Verdict: events.Anonymised, Counts: three}), events.Report{Verdict: events.Anonymised, Counts: three}},
		"shredded":               {erases(participants.Result{Verdict: events.Shredded, Counts: three}), events.Report{Verdict: events.Shredded, Counts: three}},
		"erased, counted":        {counter{erases(participants.Result{Verdict: events.Erased, Counts: three}), counts(nil)}, events.Report{Verdict: events.Erased, Counts: three, Remaining: n(0)}},
		"erased, some left":      {counter{erases(participants.Result{Verdict: events.Erased, Counts: three}), counts(events.Counts{"rows": 2})}, events.Report{Verdict: events.Erased, Counts: three, Remaining: n(2)}},
		"absent, counted":        {counter{erases(participants.Result{Verdict: events.Absent}), counts(events.Counts{"rows": 0})}, events.Report{Verdict: events.Absent, Remaining: n(0)}},
		"absent, and some left":  {counter{erases(participants.Result{Verdict: events.Absent}), counts(events.Counts{"rows": 2})}, remaining},
		"erased, count fails":    {counter{erases(participants.Result{Verdict: events.Erased, Counts: three}), func(context.Context) (events.Counts, error) { return nil, errBroken }}, notCounted},
		"absent with counts":     {erases(participants.Result{Verdict: events.Absent, Counts: three}), events.Report{Verdict: events.Failed, Class: events.Misconfigured, Code: "bad_verdict", Counts: three}},
		"no verdict":             {erases(participants.Result{}), failure(events.Misconfigured, "bad_verdict")},
		"another verb's verdict": {erases(participants.Result{Verdict: events.Counted}), failure(events.Misconfigured, "bad_verdict")},
		"negative count":         {erases(participants.Result{Verdict: events.Erased, Counts: events.Counts{"rows": -1}}), failure(events.Misconfigured, "bad_counts")},
		"malformed kind":         {erases(participants.Result{Verdict: events.Erased, Counts: events.Counts{"Rows!": 1}}), failure(events.Misconfigured, "unknown_kind")},
	} {
		t.Run(name, func(t *testing.T) { same(t, reportOn(t, c.p, events.Erase), c.want) })
	}
}

func TestErrorsAreVerbs(t *testing.T) {
	until := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	partial := failure(events.Transient, "error")
	partial.Counts = events.Counts{"rows": 1}
	var none *participants.Refuse
	for name, c := range map[string]struct {
		p    eraser
		want events.Report
	}{
		"misconfigured":      {fails(&participants.Misconfigured{Code: "no_table", Err: errBroken}), failure(events.Misconfigured, "no_table")},
		"wrapped":            {fails(fmt.Errorf("erase: %w", &participants.Misconfigured{Code: "no_table"})), failure(events.Misconfigured, "no_table")},
		"refused":            {fails(&participants.Refuse{Code: "never"}), failure(events.Refused, "never")},
		"retained":           {fails(&participants.Retained{Ground: "AML", Until: &until}), events.Report{Verdict: events.Retained, Ground: "AML", Until: &until}},
		"retained, no end":   {fails(&participants.Retained{Ground: "AML"}), events.Report{Verdict: events.Retained, Ground: "AML"}},
		"retained, groundly": {fails(&participants.Retained{}), failure(events.Misconfigured, "no_ground")},
		"code is input":      {fails(&participants.Refuse{Code: "ada.lovelace@example.com"}), failure(events.Refused, "invalid_code")},
		"any other":          {fails(errBroken), failure(events.Transient, "error")},
		"own time-out":       {fails(fmt.Errorf("dial: %w", context.DeadlineExceeded)), failure(events.Transient, "timeout")},
		"nil pointer":        {fails(none), failure(events.Transient, "panic")},
		"panic":              {func(context.Context, participants.Task) (participants.Result, error) { panic("oh") }, failure(events.Transient, "panic")},
		"partly done": {func(context.Context, participants.Task) (participants.Result, error) {
			return participants.Result{Counts: events.Counts{"rows": 1}}, errBroken
		}, partial},
	} {
		t.Run(name, func(t *testing.T) { same(t, reportOn(t, c.p, events.Erase), c.want) })
	}
}

func TestRetryAfterNamesTheEarliestTime(t *testing.T) {
	onBench(t, fails(&participants.RetryAfter{After: 90 * time.Second, Code: "throttled"}), nil, func(t *testing.T, b *bench) {
		now := time.Now()
		b.ring(events.Erase)
		r := b.report()
		if r.Class != events.RateLimited || r.Code != "throttled" || r.Until == nil {
			t.Fatalf("report %+v", r)
		}
		within(t, "until", r.Until.Sub(now), 90*time.Second, 0)
	})
}

func TestVerifyReportsWhateverIsLeft(t *testing.T) {
	two := events.Counts{"rows": 2, "keys": 0}
	huge := events.Counts{"a": math.MaxInt64, "b": math.MaxInt64, "c": 2} // their sum is 0
	for name, c := range map[string]struct {
		p    participants.Participant
		want events.Report
	}{
		"some":         {counter{nil, counts(two)}, events.Report{Verdict: events.Counted, Counts: two, Remaining: n(2)}},
		"none":         {counter{nil, counts(nil)}, events.Report{Verdict: events.Counted, Remaining: n(0)}},
		"cannot count": {erases(participants.Result{}), failure(events.Refused, "no_ability")},
		"blind": {counter{nil, func(context.Context) (events.Counts, error) {
			return nil, &participants.Misconfigured{Code: "no_table"}
		}}, failure(events.Misconfigured, "no_table")},
		"negative":       {counter{nil, counts(events.Counts{"a": 1, "b": -1})}, failure(events.Misconfigured, "bad_counts")},
		"overflows to 0": {counter{nil, counts(huge)}, failure(events.Misconfigured, "bad_counts")},
		"retained":       {counter{nil, func(context.Context) (events.Counts, error) { return nil, &participants.Retained{Ground: "AML"} }}, failure(events.Refused, "retained")},
	} {
		t.Run(name, func(t *testing.T) { same(t, reportOn(t, c.p, events.Verify), c.want) })
	}
}

func TestKindsOfAFixedParticipantAreClosed(t *testing.T) {
	p := counter{nil, counts(events.Counts{"rows": 0})}
	synctest.Test(t, func(t *testing.T) {
		r, err := participantstest.Do(t.Context(), events.Sessions, p, events.Verify, person()...)
		if err != nil || r.Code != "unknown_kind" {
			t.Errorf("report %+v, %v", r, err)
		}
	})
}

// resolver yields e-mail addresses.
type resolver struct {
	eraser
	found []events.Identifier
	err   error
}

func (resolver) Yields() []events.IdentifierType { return []events.IdentifierType{"email"} }

func (r resolver) Resolve(context.Context, participants.Task) ([]events.Identifier, error) {
	return r.found, r.err
}

type countingResolver struct {
	resolver
	counted events.Counts
}

func (r countingResolver) Count(context.Context, participants.Task) (events.Counts, error) {
	return r.counted, nil
}

func TestResolveReportsIdentifiersAndABaseline(t *testing.T) {
	mail := events.Identifier{Type: "email", Value: "ada@example.com"}
	other := events.Identifier{Type: "email", Value: "lovelace@example.com"}
	three := events.Counts{"rows": 3}
	for name, c := range map[string]struct {
		p    participants.Participant
		want events.Report
	}{
		"both":                     {countingResolver{resolver{found: []events.Identifier{mail}}, three}, events.Report{Verdict: events.Resolved, Identifiers: []events.Identifier{mail}, Counts: three}},
		"identifiers alone":        {resolver{found: []events.Identifier{mail, other, mail}}, events.Report{Verdict: events.Resolved, Identifiers: []events.Identifier{mail, other}}},
		"counts alone":             {counter{nil, counts(three)}, events.Report{Verdict: events.Resolved, Counts: three}},
		"nothing, and can count":   {countingResolver{resolver{}, nil}, events.Report{Verdict: events.Absent}},
		"nothing, only counts":     {counter{nil, counts(events.Counts{"rows": 0})}, events.Report{Verdict: events.Absent, Counts: events.Counts{"rows": 0}}},
		"nothing, cannot count":    {resolver{}, events.Report{Verdict: events.Resolved}},
		"neither ability":          {erases(participants.Result{}), failure(events.Refused, "no_ability")},
		"a type it did not name":   {resolver{found: []events.Identifier{{Type: "phone", Value: "+4420"}}}, failure(events.Misconfigured, "undeclared_type")},
		"a value that matches all": {resolver{found: []events.Identifier{{Type: "email"}}}, failure(events.Misconfigured, "empty_identifier")},
		"fails":                    {resolver{err: errBroken}, failure(events.Transient, "error")},
	} {
		t.Run(name, func(t *testing.T) { same(t, reportOn(t, c.p, events.Resolve), c.want) })
	}
}

// suspender is a participant that can be suspended.
type suspender struct {
	eraser
	calls *[]string
	err   error
}

func (s suspender) Prepare(context.Context, participants.Task) (participants.Undo, error) {
	*s.calls = append(*s.calls, "prepare")
	return "was enabled", s.err
}

func (s suspender) Suspend(_ context.Context, _ participants.Task, u participants.Undo) (participants.Result, error) {
	*s.calls = append(*s.calls, "suspend: "+u.Reveal())
	return participants.Result{Verdict: events.Suspended, Counts: events.Counts{"rows": 1}}, nil
}

func (s suspender) Restore(_ context.Context, _ participants.Task, u participants.Undo) (participants.Result, error) {
	*s.calls = append(*s.calls, "restore: "+u.Reveal())
	return participants.Result{Verdict: events.Restored}, nil
}

func TestSuspendActsOnlyAfterItsUndoIsSealed(t *testing.T) {
	var calls []string
	lost := 2
	onBench(t, suspender{calls: &calls}, func(b *bench, _ *participants.Config) {
		b.OnReport = func(r events.Report) events.Payload {
			if r.Verdict == events.Prepared && len(calls) != 1 {
				t.Errorf("prepared is reported after %v", calls)
			}
			if lost--; lost >= 0 {
				return nil
			}
			return events.Receipt{Outcome: events.Took}
		}
	}, func(t *testing.T, b *bench) {
		b.ring(events.Suspend)
		for range 3 {
			if r := b.report(); r.Verdict != events.Prepared || r.Undo.Reveal() != "was enabled" {
				t.Fatalf("report %+v", r)
			}
		}
		if r := b.report(); r.Verdict != events.Suspended || r.Undo != "" || r.Counts["rows"] != 1 {
			t.Fatalf("report %+v", r)
		}
		if got := fmt.Sprint(calls); got != "[prepare suspend: was enabled]" {
			t.Fatal(got)
		}
	})
}

func TestSuspendDoesNothingWhenPreparedIsRefused(t *testing.T) {
	for name, answer := range map[string]events.Payload{
		"refused":  events.Receipt{Outcome: events.Rejected, Reason: "cancelled"},
		"recorded": events.Receipt{Outcome: events.Recorded},
		"problem":  events.Problem{Code: events.CodeInvalid, Detail: "no"},
		"silence":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			var calls []string
			onBench(t, suspender{calls: &calls}, func(b *bench, _ *participants.Config) {
				b.OnReport = func(r events.Report) events.Payload {
					if r.Verdict == events.Prepared {
						return answer
					}
					return events.Receipt{Outcome: events.Took}
				}
				b.OnClaim = renewals(b, nil)
			}, func(t *testing.T, b *bench) {
				b.ring(events.Suspend)
				r := b.report()
				for r.Verdict == events.Prepared {
					r = b.report()
				}
				if len(calls) != 1 || r.Code != "not_prepared" {
					t.Fatalf("calls %v, report %+v", calls, r)
				}
			})
		})
	}
}

func TestSuspendAndRestoreThatCannotBeDone(t *testing.T) {
	var calls []string
	plain := erases(participants.Result{})
	same(t, reportOn(t, plain, events.Suspend), failure(events.Refused, "no_ability"))
	same(t, reportOn(t, plain, events.Restore), failure(events.Refused, "no_ability"))
	same(t, reportOn(t, suspender{calls: &calls}, events.Restore), failure(events.Refused, "no_undo"))
	same(t, reportOn(t, suspender{calls: &calls, err: errBroken}, events.Suspend), failure(events.Transient, "error"))
	if fmt.Sprint(calls) != "[prepare]" {
		t.Errorf("calls %v", calls)
	}
}

func TestTheTaskIsThePermits(t *testing.T) {
	var got participants.Task
	p := eraser(func(_ context.Context, task participants.Task) (participants.Result, error) {
		got = task
		return participants.Result{Verdict: events.Absent}, nil
	})
	onBench(t, p, func(b *bench, _ *participants.Config) {
		b.OnClaim = func(c events.Claim) events.Payload {
			m := b.Permit(c)
			m.Attempt, m.MaybeDone, m.Baseline = 4, true, events.Counts{"rows": 7}
			return m
		}
	}, func(t *testing.T, b *bench) {
		b.ring(events.Erase)
		b.report()
		want := participants.Task{Saga: "s-1", Verb: events.Erase, Round: 1, Attempt: 4, Realm: "example",
			Identifiers: person(), Baseline: events.Counts{"rows": 7}, MaybeDone: true}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("task %+v, want %+v", got, want)
		}
		if v := got.Values("email"); len(v) != 1 || v[0] != "ada.lovelace@example.com" {
			t.Fatal("values of email differ")
		}
	})
}

func TestAWorkerConfigNamesEveryFault(t *testing.T) {
	_, err := participants.NewWorker(participants.Config{Name: "Not A Name", Concurrency: -1, AnswerTimeout: -1,
		StopTimeout: -1, Instance: "é", Version: "\n"})
	if err == nil {
		t.Fatal("want an error")
	}
	joined, ok := errors.Unwrap(err).(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 8 {
		t.Fatalf("want 8 faults: %v", err)
	}
}
