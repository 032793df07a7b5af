package saga

import (
	"slices"
	"strings"
)

// An attribute that a request brings finds a person; it is not known to be theirs, and may be
// somebody else's, mistyped. Before anything is touched by it, a system must have said that
// it is the person's, or an operator must have looked.

const unvouched = "no system says of the "

// vouchedBy returns the request's attributes for which those vouch who named a user: each had
// that one alone to name anybody by.
func (r *run) vouchedBy(user string) (out []Identifier) {
	for _, named := range r.s.Identifiers {
		spec, _ := r.plan.Spec(named.From)
		if named.Type != UserID || named.Hash != user || named.From == "" {
			continue
		}
		var had []Identifier
		for _, id := range r.s.EverKnown() {
			if slices.Contains(spec.Needs, id.Type) && !slices.ContainsFunc(had, id.is) {
				had = append(had, id)
			}
		}
		if len(had) == 1 && had[0].From == "" {
			out = append(out, Identifier{Type: had[0].Type, Hash: had[0].Hash, From: named.From})
		}
	}
	return out
}

// unvouchedTypes returns the types of the attributes that only a request says are the person's,
// each once, if a share is to be erased by any of them. Whoever resumes settles all of them:
// those by which nothing is erased as yet are among them.
func (r *run) unvouchedTypes() (types []string) {
	if !r.s.Unvouched || r.s.Unbound {
		return nil
	}
	for _, id := range r.s.Identifiers {
		vouches := func(have Identifier) bool { return have.is(id) && have.From != "" }
		if id.From == "" && id.Type != UserID && !slices.ContainsFunc(r.s.Identifiers, vouches) {
			types = union(types, []string{id.Type})
		}
	}
	if !slices.ContainsFunc(types, r.erasedBy) {
		return nil
	}
	return types
}

// erasedBy reports whether a share is erased by identifiers of a type, or by what they lead to:
// who is only asked by them may say what others erase by.
func (r *run) erasedBy(typ string) bool {
	leads := func(s Spec) bool {
		return slices.ContainsFunc(s.Yields, func(y string) bool { return y != UserID })
	}
	return slices.ContainsFunc(r.plan.Participants, func(s Spec) bool {
		return slices.Contains(s.Needs, typ) && (!s.Bystander || leads(s)) || !s.Bystander && slices.Contains(s.Yields, typ)
	})
}

// doubtUnvouched has an operator look at what no system says is the person's.
func (r *run) doubtUnvouched(types []string) {
	r.doubt(unvouched + strings.Join(types, " and the ") + " that the request brought that it is this person's: see whose it is, then resume to erase by it, too")
}
