package participantstest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

func (t *trial) prepare(ids []events.Identifier) (participants.Undo, error) {
	u, err := t.suspender.Prepare(t.ctx, t.task(events.Suspend, ids))
	t.noteError(err)
	if err == nil && u == "" {
		err = errors.New("an empty undo: want a value that says so when there is nothing to bring back")
	}
	if err != nil {
		return "", fmt.Errorf("prepare: %w", err)
	}
	t.private = append(t.private, u.Reveal())
	return u, nil
}

// suspend and restore take what the verbs may say; an Absent that did something is a fault.
func (t *trial) suspend(ctx context.Context, ids []events.Identifier, u participants.Undo) (participants.Result, error) {
	r, err := t.suspender.Suspend(ctx, t.task(events.Suspend, ids), u)
	t.noteError(err)
	return said("suspend", r, err, events.Suspended)
}

func (t *trial) restore(ctx context.Context, ids []events.Identifier, u participants.Undo) (participants.Result, error) {
	r, err := t.suspender.Restore(ctx, t.task(events.Restore, ids), u)
	t.noteError(err)
	return said("restore", r, err, events.Restored)
}

func said(verb string, r participants.Result, err error, done events.Verdict) (participants.Result, error) {
	if err != nil {
		return r, fmt.Errorf("%s: %w", verb, err)
	}
	if r.Verdict != done && (r.Verdict != events.Absent || r.Counts.Total() > 0) {
		return r, fmt.Errorf("%s: verdict %q with %d items", verb, r.Verdict, r.Counts.Total())
	}
	return r, nil
}

// suspended prepares and suspends the subject, and says whether that shows.
func (t *trial) suspended() (participants.Undo, error) {
	u, err := t.prepare(t.f.Subject)
	if err != nil {
		return "", err
	}
	if err := t.untouched(t.subject, t.neighbour); err != nil {
		return "", fmt.Errorf("prepare: %w", err)
	}
	r, err := t.suspend(t.ctx, t.f.Subject, u)
	if err != nil {
		return "", err
	}
	if r.Verdict != events.Suspended || r.Counts.Total() == 0 || t.untouched(t.subject) == nil {
		return "", fmt.Errorf("suspend: verdict %q with %d items: want a share that is suspended, and shows it", r.Verdict, r.Counts.Total())
	}
	return u, t.untouched(t.neighbour)
}

// broughtBack says whether what restore must bring back is as it was.
func (t *trial) broughtBack() error {
	state, err := t.f.State(t.f.Subject)
	if err != nil {
		return err
	}
	if state != t.subject.state {
		return errors.New("restore: the share is not what it was before suspend")
	}
	return t.untouched(t.neighbour)
}

func suspendsAndRestores(t *trial) error {
	u, err := t.suspended()
	if err != nil {
		return err
	}
	if _, err := t.restore(t.ctx, t.f.Subject, u); err != nil {
		return err
	}
	return t.broughtBack()
}

func repeatsSuspendAndRestore(t *trial) error {
	u, err := t.suspended()
	if err != nil {
		return err
	}
	for range 2 {
		if _, err := t.suspend(t.ctx, t.f.Subject, u); err != nil {
			return err
		}
	}
	for range 3 {
		if _, err := t.restore(t.ctx, t.f.Subject, u); err != nil {
			return err
		}
		if err := t.broughtBack(); err != nil {
			return err
		}
	}
	return nil
}

// actsOnTheFirstUndo suspends again under a permit that does not know what was prepared:
// what the second worker reads by then is the suspended state.
func actsOnTheFirstUndo(t *trial) error {
	o := t.orchestrator()
	o.OnClaim = func(c events.Claim) events.Payload {
		p := o.Permit(c)
		if c.Verb == events.Suspend {
			p.Undo = ""
		}
		return p
	}
	for _, step := range []struct {
		verb    events.Verb
		verdict events.Verdict
	}{
		{events.Suspend, events.Suspended}, {events.Suspend, events.Suspended},
		{events.Restore, events.Restored}, {events.Restore, events.Restored},
	} {
		r, err := o.Do(t.ctx, t.p, step.verb)
		if err != nil || r.Verdict != step.verdict && r.Verdict != events.Absent {
			return fmt.Errorf("%s: verdict %q %s %s, error %w", step.verb, r.Verdict, r.Class, r.Code, orNone(err))
		}
	}
	return t.broughtBack()
}

// waitsForTheReceipt refuses what was prepared, as after a cancel.
func waitsForTheReceipt(t *trial) error {
	o := t.orchestrator()
	o.OnReport = func(r events.Report) events.Payload {
		if r.Verdict == events.Prepared {
			return events.Receipt{Outcome: events.Rejected, Reason: "cancelled"}
		}
		return events.Receipt{Outcome: events.Took}
	}
	r, err := o.Do(t.ctx, t.p, events.Suspend)
	if err != nil || r.Verdict != events.Failed {
		return fmt.Errorf("suspend: verdict %q after a refusal, error %w", r.Verdict, orNone(err))
	}
	return t.untouched(t.subject, t.neighbour)
}

func erasesWhatIsSuspended(t *trial) error {
	u, err := t.suspended()
	if err != nil {
		return err
	}
	left, err := t.f.Items(t.f.Subject)
	if err != nil {
		return err
	}
	r, err := t.erase(t.f.Subject)
	if err != nil || left > 0 && !slices.Contains(effects, r.Verdict) {
		return fmt.Errorf("erase: verdict %q of %d items, error %w", r.Verdict, left, orNone(err))
	}
	if err := t.gone(); err != nil {
		return err
	}
	if _, err := t.restore(t.ctx, t.f.Subject, u); err != nil {
		return err
	}
	if err := t.gone(); err != nil {
		return fmt.Errorf("restore after erase: %w", err)
	}
	return t.untouched(t.neighbour)
}

func suspendsNobody(t *trial) error {
	u, err := t.prepare(t.f.Unknown)
	if err != nil {
		return err
	}
	suspended, err := t.suspend(t.ctx, t.f.Unknown, u)
	if err != nil {
		return err
	}
	restored, err := t.restore(t.ctx, t.f.Unknown, u)
	if err != nil {
		return err
	}
	if n := suspended.Counts.Total() + restored.Counts.Total(); n > 0 {
		return fmt.Errorf("suspend and restore: %d items of somebody unknown", n)
	}
	return t.untouched(t.subject, t.neighbour)
}

func suspendsInTime(t *trial) error {
	ended, cancel := context.WithCancel(t.ctx)
	cancel()
	u, err := t.prepare(t.f.Subject)
	if err != nil {
		return err
	}
	if r, err := t.suspend(ended, t.f.Subject, u); err == nil {
		return fmt.Errorf("suspend: verdict %q under a context that has ended: want an error", r.Verdict)
	}
	if err := t.untouched(t.subject, t.neighbour); err != nil {
		return err
	}
	if u, err = t.suspended(); err != nil {
		return err
	}
	suspended, err := t.shareOf(t.f.Subject)
	if err != nil {
		return err
	}
	if r, err := t.restore(ended, t.f.Subject, u); err == nil {
		return fmt.Errorf("restore: verdict %q under a context that has ended: want an error", r.Verdict)
	}
	return t.untouched(suspended, t.neighbour)
}

func admitsBlindnessToSuspend(t *trial) error {
	u, err := t.prepare(t.f.Subject)
	if err != nil {
		return err
	}
	if t.f.Break == nil {
		return errors.New("the fixture must have Break")
	}
	if err := t.f.Break(); err != nil {
		return fmt.Errorf("fixture: %w", err)
	}
	var faults []error
	if _, err := t.prepare(t.f.Subject); err == nil {
		faults = append(faults, errors.New("prepare: a value"))
	}
	if r, err := t.suspend(t.ctx, t.f.Subject, u); err == nil {
		faults = append(faults, fmt.Errorf("suspend: verdict %q", r.Verdict))
	}
	if r, err := t.restore(t.ctx, t.f.Subject, u); err == nil {
		faults = append(faults, fmt.Errorf("restore: verdict %q", r.Verdict))
	}
	return errors.Join(faults...)
}

// withstandsSuspend takes an error for an answer, but no effect.
func (t *trial) withstandsSuspend(ids []events.Identifier) error {
	if t.suspender == nil {
		return nil
	}
	u, err := t.prepare(ids)
	if err != nil {
		return nil //nolint:nilerr // whoever prepares nothing suspends nothing
	}
	if r, err := t.suspend(t.ctx, ids, u); err == nil && r.Counts.Total() > 0 {
		return fmt.Errorf("suspend: verdict %q with %d items", r.Verdict, r.Counts.Total())
	}
	return nil
}
