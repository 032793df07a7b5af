package orchestrator

import (
	"errors"
	"maps"
	"slices"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// owners knows by which values the sagas under way hold their subjects, of the types of which
// a person has one: a value that two persons have is one of them's at most. It is the
// writer's, in memory alone, and holds nothing of a saga that has ended.
type owners struct {
	of map[string]map[saga.ID]bool // keyed hash
	by map[saga.ID]owned
}

// owned is what one saga holds its subject by.
type owned struct {
	subject string
	realm   string
	hashes  []string
}

func newOwners() *owners {
	return &owners{of: map[string]map[saga.ID]bool{}, by: map[saga.ID]owned{}}
}

// set takes over what a saga is by now. One that is not bound yet has no subject to compare.
func (o *owners) set(s saga.State, p saga.Plan, realm string) {
	for _, h := range o.by[s.ID].hashes {
		if delete(o.of[h], s.ID); len(o.of[h]) == 0 {
			delete(o.of, h)
		}
	}
	delete(o.by, s.ID)
	hashes := ownHashes(s, p)
	if len(hashes) == 0 {
		return
	}
	o.by[s.ID] = owned{subject: s.Subject, realm: realm, hashes: hashes}
	for _, h := range hashes {
		if o.of[h] == nil {
			o.of[h] = map[saga.ID]bool{}
		}
		o.of[h][s.ID] = true
	}
}

// ownHashes are the keyed hashes of what a saga's subject has one value of, but for the user
// id; none before it is bound, and after its end.
func ownHashes(s saga.State, p saga.Plan) (hashes []string) {
	if s.Unbound || s.Phase.Final() {
		return nil
	}
	for _, id := range s.EverKnown() {
		if id.Type != saga.UserID && slices.Contains(p.Single, id.Type) {
			hashes = append(hashes, id.Hash)
		}
	}
	return hashes
}

// compareOwners has an operator look at two sagas that hold two persons by one value, before
// either passes its pivot. from is how many identifiers were compared before.
func (b *batch) compareOwners(l *loaded, from int) error {
	if l.state.Unbound || l.state.Phase.Final() {
		return nil
	}
	for _, id := range since(l.state, from) {
		if id.Type == saga.UserID || !slices.Contains(l.plan.Single, id.Type) {
			continue
		}
		for _, other := range b.othersWith(l.state, id.Hash) {
			if err := b.doubtBoth(l, other, id.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

// othersWith returns the sagas of other persons of the realm that are held by a value too, as
// this batch sees them.
func (b *batch) othersWith(s saga.State, hash string) (ids []saga.ID) {
	realm := b.o.realmOf(s)
	for _, id := range slices.Sorted(maps.Keys(b.o.owners.of[hash])) {
		if w := b.o.owners.by[id]; b.sagas[id] == nil && w.subject != s.Subject && w.realm == realm {
			ids = append(ids, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b.sagas)) {
		l := b.sagas[id]
		if l.state.Subject != s.Subject && b.o.realmOf(l.state) == realm && slices.Contains(ownHashes(l.state, l.plan), hash) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (b *batch) doubtBoth(l *loaded, other saga.ID, typ string) error {
	why := func(id saga.ID) saga.Doubted {
		return saga.Doubted{Reason: "ambiguous: its value of " + typ + " is another person's as well, whom saga " + string(id) + " is about: look whose it is"}
	}
	if _, err := b.step(l, why(other)); err != nil {
		return err
	}
	if _, err := b.input(other, why(l.state.ID)); err != nil && !errors.Is(err, storage.ErrDamaged) && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return nil
}

// realmOf is the user directory of a saga's subject; empty if its source is no longer
// configured.
func (o *Orchestrator) realmOf(s saga.State) string {
	return o.cfg.Sources[s.Requests[0].Source].Realm
}
