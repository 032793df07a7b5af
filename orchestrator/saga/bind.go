package saga

import (
	"fmt"
	"slices"
	"strings"
)

// A request may bring attributes of a person alone: an address, a number. Its saga is
// unbound: whoever can be asked by those says whose they are, and nothing is touched of
// anybody, until it is bound to exactly one user id.

// needsUser reports whether a participant cannot be asked without the user id.
func (s Spec) needsUser() bool { return len(s.Needs) == 0 || slices.Contains(s.Needs, UserID) }

// names reports whether a participant may say whose an attribute is.
func (s Spec) names() bool { return slices.Contains(s.Yields, UserID) }

// Finds reports whether somebody in the plan can name a user id by identifiers of these
// types, or by what they lead to.
func (p Plan) Finds(types []string) bool {
	have := slices.Clone(types)
	for range p.Participants { // each may add what another one needs
		for _, s := range p.Participants {
			if !s.needsUser() && overlap(s.Needs, have) {
				have = union(have, s.Yields)
			}
		}
	}
	return slices.Contains(have, UserID)
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// candidates are the keyed hashes of the user ids that were named, each once.
func (s *State) candidates() (users []string) {
	for _, id := range s.Identifiers {
		if id.Type == UserID && !slices.Contains(users, id.Hash) {
			users = append(users, id.Hash)
		}
	}
	return users
}

// namedBefore are the user ids that were named before the box was lost, and are not by now: by
// a system, or by an operator.
func (s *State) namedBefore() (bySystems, byOperator []string) {
	for _, l := range s.missing() {
		switch {
		case l.Type != UserID:
		case l.From == "":
			byOperator = union(byOperator, []string{l.Hash})
		default:
			bySystems = union(bySystems, []string{l.Hash})
		}
	}
	return bySystems, byOperator
}

// advanceUnbound asks whoever can be asked by what is known, and then has the saga bound,
// parked or ended.
func (r *run) advanceUnbound() (moved bool) {
	r.openReady(Resolve, r.askable)
	if user := r.toBind(); user != "" {
		r.who = user
		return false
	}
	if r.s.Doubt != "" || r.s.Halted != "" || r.s.Ambiguous != "" || r.s.Named != "" || !r.all(r.asked) {
		return false
	}
	if _, why := r.whom(); why != "" {
		r.record(Entry{Kind: KAmbiguous, Reason: why})
		return false
	}
	return r.nobody()
}

// askable reports whether a participant can be asked without the user id, and everybody has
// answered from whom it would learn more.
func (r *run) askable(h *Share) bool {
	spec, _ := r.plan.Spec(h.Name)
	return !spec.needsUser() && r.at(spec.Needs) && r.teachersAsked(spec)
}

// at reports whether the saga has an identifier of one of these types.
func (r *run) at(types []string) bool {
	return slices.ContainsFunc(r.s.Identifiers, func(id Identifier) bool { return slices.Contains(types, id.Type) })
}

func (r *run) teachersAsked(spec Spec) bool {
	return !slices.ContainsFunc(r.plan.resolvedBy(spec), func(by string) bool {
		h := r.s.Share(by)
		return h != nil && !r.asked(h)
	})
}

// asked reports whether nothing more is to be learnt of a participant without the user id.
func (r *run) asked(h *Share) bool {
	spec, _ := r.plan.Spec(h.Name)
	if h.Resolve.Status == Reported || h.Resolve.Status == "" || spec.needsUser() {
		return true
	}
	return h.Resolve.Status == Waiting && !r.at(spec.Needs) && r.teachersAsked(spec)
}

// whom returns the keyed hash of the user id that an unbound saga is about, or why nobody
// can tell. Both are empty if nobody anywhere knows the person.
func (r *run) whom() (user, why string) {
	users := r.s.candidates()
	systems, operator := r.s.namedBefore()
	switch {
	case r.s.Named != "":
		return r.s.Named, ""
	case len(users) > 1:
		return "", fmt.Sprintf("ambiguous: %d user ids are found by what the request brings: bind it to one of them", len(users))
	case !r.all(func(h *Share) bool { return !r.mayName(h) || h.Verdict != Waived }):
		return "", "ambiguous: who might have named another user id was waived: bind it to one"
	case !r.s.Pivoted.IsZero():
		return "", "ambiguous: it passed the point of no return before the backup was put back, and who is found by now may be somebody else: bind it to one"
	case len(systems)+len(operator) > 0:
		return "", "ambiguous: a user id was named before the sealed values were lost, and is not named any more: bind it to one"
	case len(users) == 1:
		return users[0], ""
	case !r.all(r.knowsNobody):
		return "", "ambiguous: no user id is found by what the request brings, and nobody can say that there is none: bind it to one, or cancel it"
	}
	return "", ""
}

func (r *run) mayName(h *Share) bool {
	spec, _ := r.plan.Spec(h.Name)
	return spec.names()
}

// knowsNobody reports whether a share contradicts in nothing that the person is unknown:
// everybody who might name them was asked, and of those who were asked nobody knows them.
func (r *run) knowsNobody(h *Share) bool {
	spec, _ := r.plan.Spec(h.Name)
	if !spec.names() && (spec.needsUser() || h.Resolve.Status != Reported) {
		return true
	}
	return r.unknown(h)
}

// toBind returns the user id that the shell is to bind the saga to; empty: it is not, or
// not yet.
func (r *run) toBind() (user string) {
	switch {
	case !r.s.Unbound || r.s.Phase != Resolving || r.s.Queued || r.now.Before(r.s.NotBefore):
		return ""
	case r.s.Doubt != "" || r.s.Halted != "" || r.s.Ambiguous != "":
		return ""
	case r.s.Named == "" && !r.all(r.asked):
		return ""
	}
	user, _ = r.whom()
	return user
}

// bound makes the saga that of a subject. Everybody is looked at from the beginning: what
// was said before was said without the user id.
func (r *run) bound(in Bound) {
	if in.User != "" && in.Subject != "" && r.toBind() == in.User {
		others := r.othersNamedBy(in.User)
		r.record(Entry{Kind: KBound, Subject: in.Subject, Identifiers: append([]Identifier{{Type: UserID, Hash: in.User}}, r.vouchedBy(in.User)...)})
		if len(others) > 0 {
			r.doubt("another user id is named by " + strings.Join(others, ", ") + ": see that only what belongs to the one that was bound is erased there, or waive the share; then resume")
		}
	}
}

// othersNamedBy returns who named another user id than the one of several that a saga is bound
// to, also before the box was lost: they may hold somebody else's by the same identifiers, and
// an operator looks once more.
func (r *run) othersNamedBy(user string) (by []string) {
	for _, id := range r.s.EverKnown() {
		if id.Type == UserID && id.Hash != user && (id.From != "" || r.s.knows(id)) { // else it is what an operator said once
			by = union(by, []string{id.From})
		}
	}
	return by
}

// taken notes that the subject has another saga, which must end first.
func (r *run) taken(in Taken) {
	if r.toBind() != "" && r.s.Blocked != in.Saga {
		r.record(Entry{Kind: KBlocked, Reason: string(in.Saga)})
	}
}

// bindTo takes an operator's word for whom an unbound saga is about.
func (r *run) bindTo(in BindTo) {
	problem := signed(in.By, in.Ground)
	if problem == "" {
		problem = r.bindable(in.User)
	}
	if problem == "" {
		r.record(Entry{Kind: KNamed, Identifiers: []Identifier{{Type: UserID, Hash: in.User}}, By: in.By, Ground: in.Ground})
	}
	r.emit(OperatorAnswer{problem})
}

func (r *run) bindable(user string) (problem string) {
	systems, _ := r.s.namedBefore()
	users := union(r.s.candidates(), systems)
	switch {
	case r.s.Phase.Final():
		return "the saga has ended"
	case r.s.Phase == Restoring:
		return "the saga is cancelled: nothing of it is erased"
	case !r.s.Unbound:
		return "the saga is bound to a user id, and stays so: cancel it if it is the wrong one"
	case r.s.Named != "":
		return "somebody has said before whom it is about: cancel it if that is wrong"
	case r.s.Queued:
		return "the saga has not begun"
	case user == "":
		return "user_id: missing"
	case len(users) > 0 && !slices.Contains(users, user):
		return "the systems name another user id than this: if it is right nevertheless, cancel the saga and ask by user id"
	}
	return ""
}

// namedLate returns the user ids that a report names which moves no step: that somebody
// else is named than was believed counts whenever it is said, up to the pivot.
func (r *run) namedLate(in ReportReceived) []Identifier {
	spec, _ := r.plan.Spec(in.Participant)
	if in.Verb != Resolve || !r.cancellable() || !spec.names() {
		return nil
	}
	return r.news(in.Participant, slices.DeleteFunc(slices.Clone(in.Identifiers), func(id Identifier) bool { return id.Type != UserID }))
}

// single reports whether a person has one value of a type: of the user id always, though
// before a saga is bound it may be asked whose it is.
func (r *run) single(typ string) bool {
	if typ == UserID {
		return !r.s.Unbound || r.s.Named != ""
	}
	return slices.Contains(r.plan.Single, typ)
}
