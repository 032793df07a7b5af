package participantstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

var (
	tells = &ability{"count", func(t *trial) bool { return t.counter != nil }, "its hello has neither verify nor resolve"}
	logs  = &ability{"log", func(t *trial) bool { return t.remote.Log != nil }, "its log was not given"}
)

// remoteChecks are those of a running worker: what a participant owes, and around it what
// its worker owes. The last of them judge what was said in all others.
var remoteChecks = slices.Concat(
	[]check{
		{"says who it is and what it can do", saysHello, nil},
		{"acks no doorbell, and acts on none, before its claim is answered", waitsForTheAnswer, nil},
		{"acts once, however often the doorbell rings", actsOncePerStep, nil},
		{"acts again in a new round", actsInANewRound, nil},
		{"asks again when the answer to its claim was lost, and acts once", survivesALostPermit, nil},
		{"reports again when the receipt was lost, and does not act again", survivesALostReceipt, nil},
		{"is told that it may be done, and finds nothing", survivesALostReport, nil},
		{"obeys a refusal", obeysRefusals, nil},
		{"does nothing under a permit that is dead when it arrives", countsFromBeforeTheClaim, nil},
		{"does nothing after the end of its permit", stopsAtTheDeadline, nil},
		{"renews its permit while it works", renewsItsPermit, nil},
		{"stops when its permit is not renewed", stopsWhenWithdrawn, nil},
		{"does nothing under a permit that is not for the step, or names nobody", refusesMisfits, nil},
		{"never takes a single item for the whole share", neverWidensItems, nil},
		{"refuses a verb that it lacks", refusesWhatItLacks, nil},
		{"acks what is no command, and leaves it at that", ignoresWhatIsNoCommand, nil},
		{"counts what is there", countsWhatIsThere, tells},
		{"suspends and restores by the undo that counts", actsOnTheUndoThatCounts, suspends},
	},
	overTheBus(checks),
	[]check{
		{"sends what the schemas take, and nothing else", keepsToTheSchemas, nil},
		{"keeps identifiers out of what it sends", leaksNothing, nil},
		{"keeps identifiers out of its log", logsNobody, logs},
	},
)

// inProcess are the checks that can only be made from within the worker's process. Those
// above stand for them.
var inProcess = []string{
	"touches nothing once its context ended",
	"reports what the wire takes",
	"acts on the first undo that was prepared",
	"suspends nothing when what it prepared is refused", // so does each Prepare over the bus
	"suspends and restores nothing once its context ended",
}

func overTheBus(all []check) (some []check) {
	for _, c := range all {
		if !slices.Contains(inProcess, c.name) && c.of != itemises {
			some = append(some, c)
		}
	}
	return some
}

func (t *trial) errand(verb events.Verb) *errand {
	task := t.task(verb, t.f.Subject)
	task.Saga = ""
	return t.wire.newErrand(task)
}

// look reads what is under the lock of the wire.
func (t *trial) look(f func()) {
	t.wire.mu.Lock()
	defer t.wire.mu.Unlock()
	f()
}

// erased says whether a report is of an erase that has taken the subject's share.
func (t *trial) erased(r events.Report) error {
	if !slices.Contains(effects, r.Verdict) {
		return fmt.Errorf("verdict %q %s %s: want what was done", r.Verdict, r.Class, r.Code)
	}
	return t.goneByFixture()
}

func (t *trial) goneByFixture() error {
	left, err := t.f.Items(t.f.Subject)
	if err == nil && left != 0 {
		err = fmt.Errorf("the system still holds %d items", left)
	}
	return err
}

// stays says whether nobody is touched, now and after a while.
func (t *trial) stays(after time.Duration) error {
	time.Sleep(after)
	return t.untouched(t.subject, t.neighbour)
}

func saysHello(t *trial) error {
	h := t.proxy.hello
	if !t.proxy.can(events.Erase) {
		return fmt.Errorf("its abilities are %v: want erase", h.Abilities)
	}
	if t.proxy.can(events.Suspend) != t.proxy.can(events.Restore) {
		return errors.New("suspend and restore need each other")
	}
	if len(h.Needs) == 0 {
		return errors.New("it needs no identifiers: then it cannot know whom to erase")
	}
	return nil
}

// withheld is how long an answer to a claim is kept back.
const withheld = time.Second

func waitsForTheAnswer(t *trial) error {
	e := t.errand(events.Erase)
	defer e.close()
	e.onClaim = func(_ int, _ events.Claim) reply {
		return reply{payload: e.permit(false), after: withheld}
	}
	if err := e.ring(t.ctx); err != nil {
		return err
	}
	if err := t.wire.await(t.ctx, "claim", t.wire.patience, func() bool { return len(e.claims) > 0 }); err != nil {
		return err
	}
	if err := t.stays(withheld / 2); err != nil {
		return fmt.Errorf("before it had a permit: %w", err)
	}
	r, err := e.awaitReport(t.ctx, 1)
	if err := errors.Join(err, e.awaitAck(t.ctx)); err != nil {
		return err
	}
	t.look(func() {
		answers := t.wire.answers[e.rung[0]]
		if len(answers) == 0 || len(e.answered) == 0 || answers[0].at.Before(e.answered[0]) {
			err = errors.New("the doorbell was acked before the claim was answered")
		}
	})
	return errors.Join(err, t.erased(r.Report))
}

func actsOncePerStep(t *trial) error {
	e := t.errand(events.Erase)
	defer e.close()
	if err := errors.Join(e.ring(t.ctx), e.ring(t.ctx)); err != nil {
		return err
	}
	r, err := e.awaitReport(t.ctx, 1)
	if err := errors.Join(err, e.awaitAck(t.ctx)); err != nil {
		return err
	}
	if err := t.erased(r.Report); err != nil {
		return err
	}
	if err := t.remote.Seed(); err != nil {
		return err
	}
	if err := errors.Join(e.ring(t.ctx), e.awaitAck(t.ctx)); err != nil {
		return err
	}
	if err := t.stays(quiet); err != nil {
		return fmt.Errorf("rung again for what is done: %w", err)
	}
	return t.onePermit(e)
}

// onePermit says whether all reports of a step are the same one.
func (t *trial) onePermit(e *errand) (err error) {
	t.look(func() {
		for _, r := range e.reports {
			if !reflect.DeepEqual(r.Report, e.reports[0].Report) {
				err = errors.New("it has reported twice, and not the same")
			}
		}
	})
	return err
}

func actsInANewRound(t *trial) error {
	first := t.errand(events.Erase)
	r, err := first.run(t.ctx)
	if err := errors.Join(err, t.erased(r)); err != nil {
		return fmt.Errorf("round 1: %w", err)
	}
	if err := t.remote.Seed(); err != nil {
		return err
	}
	task := first.task
	task.Round = 2
	r, err = t.wire.newErrand(task).run(t.ctx)
	if err := errors.Join(err, t.erased(r)); err != nil {
		return fmt.Errorf("round 2: %w", err)
	}
	return nil
}

func survivesALostPermit(t *trial) error {
	e := t.errand(events.Erase)
	defer e.close()
	looked := make(chan struct{})
	e.onClaim = func(n int, _ events.Claim) reply {
		switch {
		case n == 1:
			return silence
		case e.done():
			return reply{payload: events.Refusal{Reason: events.RefusedDone}}
		}
		return reply{payload: e.permit(true), hold: looked}
	}
	if err := e.ring(t.ctx); err != nil {
		return err
	}
	err := t.wire.await(t.ctx, "claim", t.wire.patience, func() bool { return len(e.claims) > 0 })
	if err == nil {
		err = t.stays(quiet)
	}
	close(looked)
	if err != nil {
		return fmt.Errorf("without an answer: %w", err)
	}
	r, err := e.awaitReport(t.ctx, 1)
	if err := errors.Join(err, e.awaitAck(t.ctx)); err != nil {
		return err
	}
	time.Sleep(quiet)
	return errors.Join(t.erased(r.Report), t.onePermit(e))
}

func survivesALostReceipt(t *trial) error {
	e := t.errand(events.Erase)
	defer e.close()
	seeded := false // under the lock
	e.onReport = func(int, events.Report) reply {
		if !seeded {
			return silence
		}
		return reply{payload: events.Receipt{Outcome: events.Took}}
	}
	if err := e.ring(t.ctx); err != nil {
		return err
	}
	first, err := e.awaitReport(t.ctx, 1)
	if err := errors.Join(err, e.awaitAck(t.ctx)); err != nil {
		return err
	}
	if err := t.erased(first.Report); err != nil {
		return err
	}
	if err := t.remote.Seed(); err != nil { // what acts again finds something
		return err
	}
	before := 0
	t.look(func() { seeded, before = true, len(e.reports) })
	again, err := e.awaitReport(t.ctx, before+1)
	if err != nil {
		return fmt.Errorf("after a receipt that was lost: %w", err)
	}
	if err := t.stays(quiet); err != nil {
		return fmt.Errorf("it has acted again: %w", err)
	}
	if again.id != first.id {
		return errors.New("the report came again with another ce-id")
	}
	return t.onePermit(e)
}

// survivesALostReport has all reports of a permit come too late, as after a crash between
// effect and report, and then grants the step again.
func survivesALostReport(t *trial) error {
	e := t.errand(events.Erase)
	defer e.close()
	e.onReport = func(n int, r events.Report) reply {
		switch {
		case r.Permit == e.permit(false).Permit && e.task.Attempt > 1:
			return reply{payload: events.Receipt{Outcome: events.Took}}
		case n == 1:
			return silence
		}
		return reply{payload: events.Receipt{Outcome: events.Recorded, Reason: "the permit is dead"}}
	}
	e.onClaim = func(int, events.Claim) reply { return reply{payload: e.permit(e.task.Attempt > 1)} }
	if err := e.ring(t.ctx); err != nil {
		return err
	}
	if _, err := e.awaitReport(t.ctx, 2); err != nil {
		return fmt.Errorf("after a report that was lost: %w", err)
	}
	if err := e.awaitAck(t.ctx); err != nil {
		return err
	}
	time.Sleep(quiet) // the receipt is on its way
	before := 0
	t.look(func() { e.task.Attempt, before = 2, len(e.reports) })
	if err := e.ring(t.ctx); err != nil {
		return err
	}
	r, err := e.awaitReport(t.ctx, before+1)
	if err := errors.Join(err, e.awaitAck(t.ctx)); err != nil {
		return err
	}
	if r.Verdict != events.Absent && !slices.Contains(effects, r.Verdict) || r.Counts.Total() > 0 {
		return fmt.Errorf("verdict %q %s with %d items, where a predecessor has done it all", r.Verdict, r.Code, r.Counts.Total())
	}
	return t.goneByFixture()
}

func obeysRefusals(t *trial) error {
	var faults []error
	for _, why := range []events.RefusalReason{events.RefusedDone, events.RefusedBusy, events.RefusedHeld, events.RefusedNotReady} {
		e := t.errand(events.Erase)
		e.onClaim = func(int, events.Claim) reply { return reply{payload: events.Refusal{Reason: why}} }
		err := errors.Join(e.ring(t.ctx), e.awaitAck(t.ctx))
		if err == nil {
			err = errors.Join(t.stays(quiet), t.silent(e))
		}
		e.close()
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", why, err))
		}
	}
	return errors.Join(faults...)
}

// silent says whether nothing was reported of a step that was not granted.
func (t *trial) silent(e *errand) (err error) {
	t.look(func() {
		if len(e.reports) > 0 {
			err = fmt.Errorf("verdict %q was reported, and nothing was permitted", e.reports[0].Verdict)
		}
	})
	return err
}

const shortLife = time.Second

// countsFromBeforeTheClaim sends a permit whose life is over when it comes.
func countsFromBeforeTheClaim(t *trial) error {
	e := t.errand(events.Erase)
	defer e.close()
	e.life = shortLife
	e.onClaim = func(n int, _ events.Claim) reply {
		if n > 1 {
			return reply{payload: events.Refusal{Reason: events.RefusedEnded}}
		}
		return reply{payload: e.permit(false), after: shortLife * 3 / 2}
	}
	return t.changesNothing(e)
}

// changesNothing rings, and wants no effect whatever the worker makes of the answer.
func (t *trial) changesNothing(e *errand) error {
	if err := e.ring(t.ctx); err != nil {
		return err
	}
	if err := t.wire.await(t.ctx, "answer to a doorbell", t.wire.patience, e.handedBack); err != nil {
		return err
	}
	if err := t.stays(2 * quiet); err != nil {
		return err
	}
	var err error
	t.look(func() {
		for _, r := range e.reports {
			if r.Verdict != events.Failed && r.Verdict != events.Absent {
				err = fmt.Errorf("verdict %q, and there was nothing that it could have done", r.Verdict)
			}
		}
	})
	return err
}

// slowly has the system take its time, if it can.
func (t *trial) slowly() error {
	if t.remote.Slow == nil {
		return nil
	}
	return t.remote.Slow()
}

// margin is what a deadline may be missed by.
const margin = 500 * time.Millisecond

func stopsAtTheDeadline(t *trial) error {
	if err := t.slowly(); err != nil {
		return err
	}
	e := t.errand(events.Erase)
	defer e.close()
	e.life = shortLife
	e.onClaim = func(n int, _ events.Claim) reply {
		if n > 1 {
			return reply{payload: events.Refusal{Reason: events.RefusedEnded}}
		}
		return reply{payload: e.permit(false)}
	}
	e.onRenew = func(int, events.Claim) reply { return silence }
	if err := e.ring(t.ctx); err != nil {
		return err
	}
	if err := t.wire.await(t.ctx, "claim", t.wire.patience, func() bool { return len(e.claims) > 0 }); err != nil {
		return err
	}
	time.Sleep(shortLife + margin)
	return t.doesNoMore(e)
}

// doesNoMore says whether what the subject has now is what it has when everything that is
// slow has come to its end, and whether the report is of what is.
func (t *trial) doesNoMore(e *errand) error {
	now, err := t.f.Items(t.f.Subject)
	if err != nil {
		return err
	}
	time.Sleep(SlowFor)
	r, err := e.awaitReport(t.ctx, 1)
	if err != nil {
		return err
	}
	later, err := t.f.Items(t.f.Subject)
	switch {
	case err != nil:
		return err
	case later != now:
		return fmt.Errorf("the subject has %d items, and had %d when the permit was over", later, now)
	case now > 0 && r.Verdict != events.Failed:
		return fmt.Errorf("verdict %q, and %d items are there", r.Verdict, now)
	}
	return nil
}

const tooFast = untried("its work was done before half of the permit was over: give slow, or a system that takes its time")

func renewsItsPermit(t *trial) error {
	e, err := t.renewed(func(e *errand) reply { return reply{payload: e.permit(false)} })
	if err != nil {
		return err
	}
	defer e.close()
	r, err := e.awaitReport(t.ctx, 1)
	if err != nil {
		return err
	}
	return errors.Join(t.erased(r.Report), e.awaitAck(t.ctx))
}

func stopsWhenWithdrawn(t *trial) error {
	e, err := t.renewed(func(*errand) reply { return reply{payload: events.Refusal{Reason: events.RefusedStale}} })
	if err != nil {
		return err
	}
	defer e.close()
	time.Sleep(margin)
	if err := t.doesNoMore(e); err != nil {
		return err
	}
	r, err := e.awaitReport(t.ctx, 1)
	if err == nil && r.Verdict == events.Failed && (r.Class != events.Transient || r.Code != "permit_withdrawn") {
		err = fmt.Errorf("failed, %s, %s: want transient, permit_withdrawn", r.Class, r.Code)
	}
	return err
}

// renewed returns once a worker that is held up has asked to renew its permit.
func (t *trial) renewed(answer func(*errand) reply) (*errand, error) {
	if err := t.slowly(); err != nil {
		return nil, err
	}
	e := t.errand(events.Erase)
	e.life = 2 * shortLife
	e.onRenew = func(int, events.Claim) reply { return answer(e) }
	if err := e.ring(t.ctx); err != nil {
		return nil, err
	}
	err := t.wire.await(t.ctx, "renewal or report", t.wire.patience, func() bool { return e.renewals > 0 || e.done() })
	if err != nil {
		return nil, err
	}
	t.look(func() {
		if e.renewals > 0 {
			return
		}
		err = error(tooFast)
		if took := e.reports[0].at.Sub(e.answered[0]); took > e.life/2+margin {
			err = fmt.Errorf("it has worked for %s of a permit of %s, and not renewed it", took.Round(time.Millisecond), e.life)
		}
		e.closed = true
	})
	return e, err
}

// refusesMisfits grants what no orchestrator grants.
func refusesMisfits(t *trial) error {
	var faults []error
	for _, c := range []struct {
		name    string
		permit  func(*events.Permit)
		rewrite func([]byte) []byte
	}{
		{"a permit for another saga", func(p *events.Permit) { p.Saga = "check-another" }, nil},
		{"a permit for another verb", func(p *events.Permit) { p.Verb = events.Verify }, nil},
		{"a permit for another round", func(p *events.Permit) { p.Round = 9 }, nil},
		{"a permit that names nobody", func(*events.Permit) {}, field("identifiers", []any{})},
		{"an identifier of 10000 bytes", func(*events.Permit) {}, tooLong(t.f.Subject)},
		{"a permit that is no JSON", func(*events.Permit) {}, func(b []byte) []byte { return b[:len(b)-1] }},
	} {
		e := t.errand(events.Erase)
		e.onClaim = func(n int, _ events.Claim) reply {
			if n > 1 {
				return reply{payload: events.Refusal{Reason: events.RefusedEnded}}
			}
			p := e.permit(false)
			c.permit(&p)
			return reply{payload: p, rewrite: c.rewrite}
		}
		if err := t.changesNothing(e); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", c.name, err))
		}
		e.close()
	}
	return errors.Join(faults...)
}

// field replaces a field of a message.
func field(name string, value any) func([]byte) []byte {
	return func(data []byte) []byte {
		var fields map[string]any
		if json.Unmarshal(data, &fields) != nil {
			return data
		}
		fields[name] = value
		changed, err := json.Marshal(fields)
		if err != nil {
			return data
		}
		return changed
	}
}

// tooLong has the values of the subject begin what is longer than the wire takes.
func tooLong(ids []events.Identifier) func([]byte) []byte {
	var long []any
	for _, id := range ids {
		value := id.Value.Reveal()
		long = append(long, map[string]any{"type": id.Type, "value": value + strings.Repeat("%", 10_000-len(value))})
	}
	return field("identifiers", long)
}

// neverWidensItems permits to act on one item that nobody has.
func neverWidensItems(t *trial) error {
	kind := events.Kind("items")
	if fixed := events.Kinds(t.f.Name); fixed != nil {
		kind = fixed[0]
	}
	e := t.errand(events.Erase)
	e.task.Items = []events.Item{{Participant: t.f.Name, Kind: kind, Reference: "check-nothing-of-that-name"}}
	r, err := e.run(t.ctx)
	if err != nil {
		return err
	}
	if r.Verdict != events.Failed && r.Verdict != events.Absent {
		err = fmt.Errorf("verdict %q: want failed, refused, no_items, or absent if it can act on single items", r.Verdict)
	}
	return errors.Join(err, t.stays(0))
}

func refusesWhatItLacks(t *trial) error {
	var faults []error
	lacks := false
	for _, verb := range []events.Verb{events.Resolve, events.Suspend, events.Restore, events.Verify} {
		if t.proxy.can(verb) {
			continue
		}
		lacks = true
		e := t.errand(verb)
		if verb == events.Restore {
			e.task.Undo = "nothing"
		}
		r, err := e.run(t.ctx)
		if err == nil && (r.Verdict != events.Failed || r.Class != events.Refused || r.Code != "no_ability") {
			err = fmt.Errorf("verdict %q %s %s: want failed, refused, no_ability", r.Verdict, r.Class, r.Code)
		}
		if err = errors.Join(err, t.stays(0)); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", verb, err))
		}
	}
	if !lacks {
		return untried("it lacks none")
	}
	return errors.Join(faults...)
}

func ignoresWhatIsNoCommand(t *trial) error {
	e := t.errand(events.Erase)
	defer e.close()
	e.onClaim = func(int, events.Claim) reply { return reply{payload: e.permit(false)} }
	for name, rewrite := range map[string]func([]byte) []byte{
		"a verb that is none": field("verb", "obliterate"),
		"no JSON":             func([]byte) []byte { return []byte("{") },
		"another participant": func(b []byte) []byte {
			return bytes.ReplaceAll(b, []byte(t.f.Name), []byte(t.f.Name+"-2"))
		},
	} {
		m, err := t.wire.encode(e.command)
		if err != nil {
			return err
		}
		m.Data = rewrite(m.Data)
		if err := errors.Join(e.put(t.ctx, m), e.awaitAck(t.ctx), t.stays(quiet)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	var err error
	t.look(func() {
		if len(e.claims) > 0 {
			err = errors.New("it has claimed what is no command")
		}
	})
	return errors.Join(err, t.silent(e))
}

// countsWhatIsThere asks by each verb that reads.
func countsWhatIsThere(t *trial) error {
	var faults []error
	for _, c := range []struct {
		of   string
		ids  []events.Identifier
		want int64
	}{{"the subject", t.f.Subject, t.subject.items}, {"somebody unknown", t.f.Unknown, 0}} {
		for _, verb := range []events.Verb{events.Resolve, events.Verify} {
			if !t.proxy.can(verb) {
				continue
			}
			if err := t.countsBy(verb, c.ids, c.want); err != nil {
				faults = append(faults, fmt.Errorf("%s of %s: %w", verb, c.of, err))
			}
		}
	}
	return errors.Join(append(faults, t.stays(0))...)
}

func (t *trial) countsBy(verb events.Verb, ids []events.Identifier, want int64) error {
	r, err := t.proxy.do(t.ctx, participants.Task{Realm: t.realm(), Identifiers: ids}, verb)
	if err != nil {
		return err
	}
	said := r.Counts.Total()
	if verb == events.Verify {
		said = *r.Remaining
	}
	if said != want {
		return fmt.Errorf("verdict %q of %d items, and there are %d", r.Verdict, said, want)
	}
	if verb == events.Resolve && want > 0 && r.Verdict != events.Resolved {
		return fmt.Errorf("verdict %q: want resolved", r.Verdict)
	}
	return nil
}

// keepsToTheSchemas also erases once, so that there is something to judge.
func keepsToTheSchemas(t *trial) (err error) {
	_, fault := t.erase(t.f.Subject)
	t.look(func() { err = errors.Join(distinctFaults(t.wire.schema)...) })
	return errors.Join(fault, err)
}

func leaksNothing(t *trial) (err error) {
	_, fault := t.erase(t.f.Subject)
	t.look(func() { err = errors.Join(distinctFaults(t.wire.leaks)...) })
	return errors.Join(fault, err)
}

func distinctFaults(faults []error) (out []error) {
	for _, f := range faults {
		if !slices.ContainsFunc(out, func(o error) bool { return o.Error() == f.Error() }) {
			out = append(out, f)
		}
	}
	return out
}

func logsNobody(t *trial) error {
	if _, err := t.erase(t.f.Subject); err != nil {
		return err
	}
	text, err := t.remote.Log()
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		return errors.New("it has logged nothing: is this its log?")
	}
	if holds(text, t.wire.private) {
		return errors.New("there is an identifier in it")
	}
	return nil
}

// actsOnTheUndoThatCounts suspends what is suspended under a permit that does not know it: what
// the worker prepares by then is the suspended state, and the receipt brings what was prepared
// before. A permit that brings it has it reported as it is.
func actsOnTheUndoThatCounts(t *trial) error {
	first, err := t.suspended()
	if err != nil {
		return err
	}
	e := t.errand(events.Suspend)
	e.onReport = func(_ int, r events.Report) reply {
		receipt := events.Receipt{Outcome: events.Took}
		if r.Verdict == events.Prepared {
			receipt.Undo = first
		}
		return reply{payload: receipt}
	}
	if r, err := e.run(t.ctx); err != nil || r.Verdict != events.Suspended && r.Verdict != events.Absent {
		return fmt.Errorf("suspend what is suspended: verdict %q %s, error %w", r.Verdict, r.Code, orNone(err))
	}
	if err := t.reportsTheUndo(first); err != nil {
		return err
	}
	for range 2 {
		if _, err := t.restore(t.ctx, t.f.Subject, first); err != nil {
			return err
		}
		if err := t.broughtBack(); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) reportsTheUndo(u participants.Undo) error {
	e := t.errand(events.Suspend)
	e.task.Undo = u
	if _, err := e.run(t.ctx); err != nil {
		return err
	}
	var err error
	t.look(func() {
		for _, r := range e.reports {
			if r.Verdict == events.Prepared && r.Undo != u {
				err = errors.New("suspend: it has prepared anew, and the permit had brought what counts")
			}
		}
	})
	return err
}
