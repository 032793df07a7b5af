package orchestrator

import (
	"cmp"
	"errors"
	"slices"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// subjectsOf are the keyed hashes, under all versions of the key, by which the live saga is
// found that a request may join: of the user id, or of all the attributes that it brings.
func (o *Orchestrator) subjectsOf(in *intake) []string {
	if in.request.UserID != "" {
		return o.cfg.Keys.HashAll(vault.Subject, in.realm, in.request.UserID.Reveal())
	}
	return o.cfg.Keys.HashAll("unbound", append([]string{in.realm}, attributes(in.request)...)...)
}

// attributes are the identifiers of a request as a list that does not depend on their order.
func attributes(r events.Request) (parts []string) {
	ids := slices.Clone(r.Identifiers)
	slices.SortFunc(ids, func(a, b events.Identifier) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value.Reveal(), b.Value.Reveal()))
	})
	for _, id := range slices.Compact(ids) {
		parts = append(parts, string(id.Type), id.Value.Reveal())
	}
	return parts
}

// findable refuses a request without a user id that nobody could find one for.
func findable(in *intake) *events.Problem {
	if in.request.UserID != "" {
		return nil
	}
	var types []string
	for _, id := range in.request.Identifiers {
		types = append(types, string(id.Type))
	}
	switch {
	case !in.plan.Finds(types):
		return problem(events.CodeUnsupported, "identifiers", "nobody in the plan can name a user id by identifiers of these types")
	case !roomFor(vault.Contents{}, in.request.Identifiers):
		return problem(events.CodeInvalid, "identifiers", "they are too many for one permit")
	}
	return nil
}

// bind answers a saga that is found to be about one user id: it is that person's, unless
// they have another one, which ends first.
func (b *batch) bind(l *loaded, user string) error {
	if err := b.readable(l); err != nil || l.state.Halted != "" {
		return err
	}
	value, ok := b.userIDOf(*l.contents, user)
	if !ok {
		_, err := b.step(l, saga.Doubted{Reason: "the user id that it is about is not among what was sealed"})
		return err
	}
	subjects := b.o.cfg.Keys.HashAll(vault.Subject, l.contents.Realm, value)
	other, err := b.occupant(subjects)
	if err != nil {
		return err
	}
	if other != "" {
		_, err := b.step(l, saga.Taken{Saga: other})
		return err
	}
	if _, err := b.step(l, saga.Bound{User: user, Subject: subjects[0]}); err != nil {
		return err
	}
	next := *l.contents
	next.UserID = value
	next.Identifiers = slices.DeleteFunc(slices.Clone(next.Identifiers), func(id vault.Identifier) bool { // as the core does
		return id.From != "" && id.Type != saga.UserID
	})
	if err := l.keep(next); err != nil {
		return err
	}
	if err := b.holdOn(l, b.o.personHashes(next.Realm, value, nil)); err != nil {
		return err
	}
	return b.compareOwners(l, 0)
}

// userIDOf returns the user id of which user is the keyed hash: one that was sealed, or that
// the job under way brings.
func (b *batch) userIDOf(c vault.Contents, user string) (value string, ok bool) {
	ids := slices.Clone(b.heard)
	for _, id := range c.Identifiers {
		ids = append(ids, events.Identifier{Type: events.IdentifierType(id.Type), Value: events.Private(id.Value)})
	}
	for _, id := range ids {
		if id.Type == events.UserID && b.isHashOf(user, id) {
			return id.Value.Reveal(), true
		}
	}
	return "", false
}

// occupant returns the saga of a subject that is live, or queued behind one; empty: none.
func (b *batch) occupant(subjects []string) (saga.ID, error) {
	for _, s := range subjects {
		for _, slot := range []string{s, saga.QueuedSlot(s)} {
			if id, err := b.bySlot(slot); !errors.Is(err, storage.ErrNotFound) {
				return id, err
			}
		}
	}
	return "", nil
}

// isHashOf reports whether a hash is an identifier's, under any version of the key.
func (b *batch) isHashOf(hash string, id events.Identifier) bool {
	return slices.Contains(b.o.cfg.Keys.HashAll("identifier", string(id.Type), id.Value.Reveal()), hash)
}

// hashOf is the keyed hash of a value, under the version of the key by which the saga knows
// it, if it does: a key that was rotated meanwhile must not make two persons of one.
func (b *batch) hashOf(s saga.State, typ, value string) string {
	all := b.o.cfg.Keys.HashAll("identifier", typ, value)
	for _, id := range s.EverKnown() {
		if id.Type == typ && slices.Contains(all, id.Hash) {
			return id.Hash
		}
	}
	return all[0]
}

// said is the user id that an operator's decision brings.
func said(op events.Operation) []events.Identifier {
	if op.Verb != events.OpBind {
		return nil
	}
	return []events.Identifier{{Type: events.UserID, Value: op.UserID}}
}
