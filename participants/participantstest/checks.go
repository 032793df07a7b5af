package participantstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// effects are the verdicts that say that something was done.
var effects = []events.Verdict{events.Erased, events.Anonymised, events.Shredded}

func erasesItsShare(t *trial) error {
	before, err := t.count(t.f.Subject)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	if t.counter != nil && before.Total() == 0 {
		return fmt.Errorf("counts nothing of somebody who has %d items", t.subject.items)
	}
	r, err := t.erase(t.f.Subject)
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	if !slices.Contains(effects, r.Verdict) || r.Counts.Total() == 0 {
		return fmt.Errorf("erase: verdict %q with %d items: want what was done", r.Verdict, r.Counts.Total())
	}
	if t.counter != nil && !sameCounts(before, r.Counts) {
		return fmt.Errorf("erase: says %v, and %v were counted before", r.Counts, before)
	}
	return errors.Join(t.gone(), t.untouched(t.neighbour))
}

func erasesOnce(t *trial) error {
	if _, err := t.erase(t.f.Subject); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	for range 3 {
		if err := nothing(t.erase(t.f.Subject)); err != nil {
			return err
		}
	}
	return errors.Join(t.gone(), t.untouched(t.neighbour))
}

func survivesACrash(t *trial) error {
	if _, err := t.erase(t.f.Subject); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	again := t.task(events.Erase, t.f.Subject)
	again.Attempt, again.MaybeDone = 2, true
	return errors.Join(nothing(t.eraseUnder(t.ctx, again)), t.gone(), t.untouched(t.neighbour))
}

// isSafeAgainstItself erases several times at once. A permit is for one worker, but a
// process that froze may wake up beside its successor.
func isSafeAgainstItself(t *trial) error {
	const workers = 4
	before, err := t.count(t.f.Subject)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	results := make(chan participants.Result, workers)
	errs := make(chan error, workers)
	for range workers {
		go func() {
			r, err := t.erase(t.f.Subject)
			results <- r
			errs <- final(err)
		}()
	}
	var said int64
	var fault error
	for range workers {
		said += (<-results).Counts.Total()
		fault = errors.Join(fault, <-errs)
	}
	rest, err := t.erase(t.f.Subject) // what those that failed left
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	if said += rest.Counts.Total(); said == 0 || t.counter != nil && said != before.Total() {
		fault = errors.Join(fault, fmt.Errorf("together they say %d items, and %d were counted before", said, before.Total()))
	}
	return errors.Join(fault, t.gone(), t.untouched(t.neighbour))
}

// final returns the errors after which nobody tries again.
func final(err error) error {
	for _, verb := range []any{new(*participants.Misconfigured), new(*participants.Refuse), new(*participants.Retained)} {
		if errors.As(err, verb) {
			return err
		}
	}
	return nil
}

func knowsNobody(t *trial) error {
	found, err := t.resolve(t.f.Unknown)
	if err != nil || len(found) > 0 {
		return fmt.Errorf("resolve: %d identifiers, error %w", len(found), orNone(err))
	}
	counts, err := t.count(t.f.Unknown)
	if err != nil || counts.Total() > 0 {
		return fmt.Errorf("count: %v, error %w", counts, orNone(err))
	}
	return errors.Join(nothing(t.erase(t.f.Unknown)), t.untouched(t.subject, t.neighbour))
}

// hostile are values that become commands, patterns or paths where they are not quoted.
var hostile = []events.Private{
	"%", "*", "_", ".*", "?", "~", "..", "/", "../../", "#", "&", "$ne", "{}", "[]", "null", "0", " ", "\t", "\r\n",
	"' OR '1'='1", "'; DROP TABLE accounts; --", `" OR ""="`, "1 OR 1=1", "\\' OR 1=1 -- ", "${jndi:ldap://example.com/a}",
	"u%2F..%2F", "a\r\nX-Injected: 1", "<script>", "\u202eoleh", "\u0130", "\U0001F600", "e\u0301", "user*",
	events.Private(strings.Repeat("a", 4000)),
}

// withstandsHostility looks after each value; behind a worker that runs, where a look is dear,
// only once, and after each if that finds something.
func withstandsHostility(t *trial) error {
	if t.remote == nil {
		return t.withstandsAll(t.unharmed)
	}
	err := t.withstandsAll(func() error { return nil })
	harm := t.unharmed()
	if harm == nil {
		return err
	}
	if err := t.remote.Seed(); err != nil {
		return err
	}
	return cmp.Or(t.withstandsAll(t.unharmed), harm) // it may have come about by chance
}

func (t *trial) unharmed() error { return t.untouched(t.subject, t.neighbour) }

func (t *trial) withstandsAll(look func() error) error {
	all := t.alike
	for _, value := range hostile {
		all = append(all, lookAlike{value, fmt.Sprintf("%.40q", value.Reveal())})
	}
	var faults []error
	for _, h := range all {
		for i := range t.f.Subject {
			ids := slices.Clone(t.f.Subject)
			for j := range ids {
				ids[j].Value = h.value
			}
			ids = ids[:i+1]
			t.know(ids)
			harm := t.withstands(ids)
			harmed := look()
			if err := errors.Join(harm, harmed); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", h.shown, err))
			}
			if harmed != nil {
				return errors.Join(faults...) // all that follow would find the same
			}
		}
	}
	return errors.Join(faults...)
}

// withstands takes an error for an answer, but no effect.
func (t *trial) withstands(ids []events.Identifier) error {
	if counts, err := t.count(ids); err == nil && counts.Total() > 0 {
		return fmt.Errorf("counts %d items", counts.Total())
	}
	if r, err := t.erase(ids); err == nil && (r.Verdict != events.Absent || r.Counts.Total() > 0) {
		return fmt.Errorf("erase: verdict %q with %d items", r.Verdict, r.Counts.Total())
	}
	return t.withstandsSuspend(ids)
}

func stopsInTime(t *trial) error {
	ended, cancel := context.WithCancel(t.ctx)
	cancel()
	r, err := t.eraseUnder(ended, t.task(events.Erase, t.f.Subject))
	if err == nil {
		return fmt.Errorf("erase: verdict %q under a context that has ended: want an error", r.Verdict)
	}
	if err := final(err); err != nil {
		return fmt.Errorf("erase: want an error that is tried again: %w", err)
	}
	return t.untouched(t.subject, t.neighbour)
}

func onlyReads(t *trial) error {
	first, err := t.count(t.f.Subject)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	found, err := t.resolve(t.f.Subject)
	if err != nil {
		return fmt.Errorf("resolve: %w", err)
	}
	for _, id := range found {
		if !slices.Contains(t.resolver.Yields(), id.Type) || id.Value == "" {
			return fmt.Errorf("resolve: an identifier of type %s that is empty or was not declared", id.Type)
		}
	}
	second, err := t.count(t.f.Subject)
	if err != nil || !sameCounts(first, second) {
		return fmt.Errorf("count: %v and then %v, error %w", first, second, orNone(err))
	}
	return t.untouched(t.subject, t.neighbour)
}

func admitsBlindness(t *trial) error {
	if t.f.Break == nil {
		return errors.New("the fixture must have Break: absence is proven by what a blind participant does not say")
	}
	if err := t.f.Break(); err != nil {
		return fmt.Errorf("fixture: %w", err)
	}
	var faults []error
	if r, err := t.erase(t.f.Subject); err == nil {
		faults = append(faults, fmt.Errorf("erase: verdict %q", r.Verdict))
	}
	if c, err := t.count(t.f.Subject); err == nil && t.counter != nil {
		faults = append(faults, fmt.Errorf("count: %v", c))
	}
	if ids, err := t.resolve(t.f.Subject); err == nil && t.resolver != nil {
		faults = append(faults, fmt.Errorf("resolve: %d identifiers", len(ids)))
	}
	return errors.Join(faults...)
}

// speaksTheWire runs the verbs in a worker, in the order of an erasure.
func speaksTheWire(t *trial) error { return t.eraseOver(t.orchestrator()) }

// speaksTheWireOfItems is the same for one item.
func speaksTheWireOfItems(t *trial) error {
	o := t.orchestrator()
	o.Items = t.f.Narrow.Items[:1]
	if cutOff := t.f.Narrow.CutOff; !cutOff.IsZero() {
		o.CutOff = &cutOff
	}
	return t.eraseOver(o)
}

func (t *trial) eraseOver(o *Orchestrator) error {
	for _, step := range []struct {
		verb    events.Verb
		can     bool
		verdict []events.Verdict
	}{
		{events.Resolve, t.counter != nil || t.resolver != nil, []events.Verdict{events.Resolved}},
		{events.Erase, true, effects},
		{events.Verify, t.counter != nil, []events.Verdict{events.Counted}},
	} {
		if !step.can {
			continue
		}
		r, err := o.Do(t.ctx, t.p, step.verb)
		if err != nil || !slices.Contains(step.verdict, r.Verdict) {
			return fmt.Errorf("%s: verdict %q %s %s, error %w", step.verb, r.Verdict, r.Class, r.Code, orNone(err))
		}
		if r.Remaining != nil && *r.Remaining > 0 {
			return fmt.Errorf("%s: %d items remain", step.verb, *r.Remaining)
		}
		if step.verb == events.Resolve {
			o.Baseline = r.Counts
		}
	}
	return nil
}
