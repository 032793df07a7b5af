package orchestrator

import (
	"errors"
	"maps"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// claim answers a claim. The box is opened before the core is asked: a permit that could
// not be handed out must not be granted.
func (b *batch) claim(in *claim) (events.Payload, error) {
	b.o.heard(in.participant, in.claim.Time)
	if b.o.doubted(in.claim) {
		return b.refused(in, events.Refusal{Reason: events.RefusedNotReady}), nil
	}
	if r, barred := b.o.bars.refusal(in.claim, b.now); barred {
		return b.refused(in, r), nil
	}
	id := saga.ID(in.claim.Saga)
	l, err := b.load(id)
	if errors.Is(err, storage.ErrNotFound) {
		return b.refused(in, events.Refusal{Reason: events.RefusedUnknown}), nil
	}
	if err != nil {
		return nil, err
	}
	if l.state.Phase.Final() {
		return b.refused(in, events.Refusal{Reason: events.RefusedEnded}), nil
	}
	if in.claim.Verb == events.Erase && b.heldInDoubt(l, in.participant) {
		return b.refused(in, events.Refusal{Reason: events.RefusedHeld}), nil
	}
	if err := b.readable(l); err != nil {
		return nil, err
	}
	if l.state.Halted != "" {
		return b.refused(in, events.Refusal{Reason: events.RefusedParked}), nil
	}
	fresh, err := newID()
	if err != nil {
		return nil, err
	}
	effects, err := b.step(l, saga.Claimed{Participant: in.participant, Verb: saga.Verb(in.claim.Verb), Round: in.claim.Round,
		Instance: in.claim.Instance, Permit: saga.PermitID(in.claim.Permit), Fresh: saga.PermitID(fresh)})
	if err != nil {
		return nil, err
	}
	return b.claimAnswer(in, l, effects)
}

// readable halts a saga whose box cannot be opened, and lets it go on when it can again.
func (b *batch) readable(l *loaded) error {
	_, lost := b.open(l)
	if lost != nil {
		b.o.logger.Error("sealed box cannot be opened; its saga waits for an operator", "saga", string(l.state.ID), "error", lost)
		_, err := b.step(l, saga.BoxLost{})
		return err
	}
	if l.state.Halted == "" {
		return nil // as nearly always: no transition for nothing
	}
	_, err := b.step(l, saga.BoxFound{})
	return err
}

func (b *batch) claimAnswer(in *claim, l *loaded, effects []saga.Effect) (events.Payload, error) {
	for _, e := range effects {
		switch e := e.(type) {
		case saga.Grant:
			return b.permit(in, l, e), nil
		case saga.Deny:
			return b.refused(in, fromDeny(e)), nil
		}
	}
	return nil, errors.New("a claim without an answer")
}

func (b *batch) refused(in *claim, r events.Refusal) events.Payload {
	b.tell = append(b.tell, func() {
		b.o.metrics.refused.WithLabelValues(b.o.metrics.participant(in.participant), string(r.Reason)).Inc()
	})
	return r
}

// permit is what a granted claim hands out: the identifiers of the types that the plan
// says this participant needs, and no others.
func (b *batch) permit(in *claim, l *loaded, g saga.Grant) events.Permit {
	p := events.Permit{Permit: string(g.Permit), Saga: string(l.state.ID), Verb: in.claim.Verb, Round: g.Round, Attempt: g.Attempt,
		Generation: b.o.generation(), LifeMS: g.Life.Milliseconds(), MaybeDone: g.MaybeDone, Realm: l.contents.Realm,
		Identifiers: identifiers(*l.contents, g.Needs), Baseline: fromCounts(g.Baseline),
		Items: items(*l.contents, in.participant), CutOff: optional(l.state.CutOffOf(in.participant)), Due: optional(l.state.Due)}
	if g.Undo {
		p.Undo = events.Private(l.contents.Undo[in.participant])
	}
	return p
}

// items are those of a participant's share that a narrow saga is about.
func items(c vault.Contents, participant string) (out []events.Item) {
	for _, i := range c.Items {
		if i.Participant == participant {
			out = append(out, events.Item{Participant: i.Participant, Kind: events.Kind(i.Kind), Reference: events.Private(i.Reference)})
		}
	}
	return out
}

func identifiers(c vault.Contents, types []string) (out []events.Identifier) {
	if slices.Contains(types, saga.UserID) && c.UserID != "" {
		out = append(out, events.Identifier{Type: events.UserID, Value: events.Private(c.UserID)})
	}
	for _, id := range c.Identifiers {
		// User ids that were named are no more than that: the saga is bound to one of them.
		one := events.Identifier{Type: events.IdentifierType(id.Type), Value: events.Private(id.Value)}
		if slices.Contains(types, id.Type) && id.Type != saga.UserID && !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

// report takes a report in. What a resolve yields is hashed for the core and sealed.
func (b *batch) report(in *report) (events.Payload, error) {
	l, err := b.load(saga.ID(in.report.Saga))
	if errors.Is(err, storage.ErrNotFound) {
		return events.Receipt{Outcome: events.Rejected, Reason: "no such saga"}, nil
	}
	if err != nil {
		return nil, err
	}
	core := toReport(in.participant, in.report)
	for _, id := range in.report.Identifiers {
		core.Identifiers = append(core.Identifiers, saga.Identifier{Type: string(id.Type), Hash: b.hashOf(l.state, string(id.Type), id.Value.Reveal())})
	}
	if len(core.Identifiers) > 0 && !l.state.Phase.Final() {
		c, err := b.open(l)
		if err != nil {
			return nil, err
		}
		if !roomFor(*c, in.report.Identifiers) {
			core.Verdict, core.Class, core.Code = saga.Failed, saga.Misconfigured, "too_many_identifiers"
			core.Counts, core.Identifiers = nil, nil
		}
	}
	if core.Verdict == saga.Prepared && in.report.Undo != "" {
		core.Undo = b.o.cfg.Keys.Hash("undo", in.report.Undo.Reveal())
	}
	had := len(l.state.Identifiers)
	b.heard, b.had = in.report.Identifiers, map[saga.ID]int{l.state.ID: had}
	effects, err := b.step(l, core)
	if err != nil {
		return nil, err
	}
	if added := since(l.state, had); len(added) > 0 && !l.state.Phase.Final() {
		if err := b.sealNew(l, added, in.report.Identifiers); err != nil {
			return nil, err
		}
		if err := b.holdOn(l, b.o.personHashes("", "", in.report.Identifiers)); err != nil {
			return nil, err
		}
		if err := b.compareOwners(l, had); err != nil {
			return nil, err
		}
	}
	for _, e := range effects {
		if r, ok := e.(saga.Receive); ok {
			return b.receipt(in, l, r)
		}
	}
	return nil, errors.New("a report without an answer")
}

// receipt answers a report. A worker that prepared learns the undo value that counts: the
// first one, which is sealed with this commit if it is this one.
func (b *batch) receipt(in *report, l *loaded, r saga.Receive) (events.Payload, error) {
	answer := fromReceive(r)
	if !r.Undo {
		return answer, nil
	}
	c, err := b.open(l)
	if err != nil {
		return nil, err
	}
	if _, sealed := c.Undo[in.participant]; !sealed {
		next := *c
		next.Undo = maps.Clone(c.Undo)
		if next.Undo == nil {
			next.Undo = map[string]string{}
		}
		next.Undo[in.participant] = in.report.Undo.Reveal()
		if err := l.keep(next); err != nil {
			return nil, err
		}
	}
	answer.Undo = events.Private(l.contents.Undo[in.participant])
	return answer, nil
}

// What a permit can carry: it must fit into one message, whoever needs all of it.
const (
	maxIdentifiers     = 1000
	maxIdentifierBytes = 128 << 10
)

func roomFor(c vault.Contents, more []events.Identifier) bool {
	size := 0
	for _, id := range c.Identifiers {
		size += len(id.Value)
	}
	for _, id := range more {
		size += len(id.Value)
	}
	return len(c.Identifiers)+len(more) < maxIdentifiers && size <= maxIdentifierBytes
}

// since returns the identifiers that a saga took in after it had so many. One that was bound
// meanwhile may have fewer.
func since(s saga.State, had int) []saga.Identifier {
	return s.Identifiers[min(had, len(s.Identifiers)):]
}

// sealNew adds the identifiers that the core took in to the box.
func (b *batch) sealNew(l *loaded, added []saga.Identifier, values []events.Identifier) error {
	c, err := b.open(l)
	if err != nil {
		return err
	}
	next := *c
	next.Identifiers = slices.Clone(c.Identifiers)
	for _, a := range added {
		for _, v := range values {
			if string(v.Type) == a.Type && b.isHashOf(a.Hash, v) {
				next.Identifiers = append(next.Identifiers, vault.Identifier{Type: a.Type, Value: v.Value.Reveal(), From: a.From})
				break
			}
		}
	}
	return l.keep(next)
}
