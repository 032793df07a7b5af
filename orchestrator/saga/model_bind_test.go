package saga

import "slices"

// Two users exist, u and v. An attribute is one user's; who is asked by it says whose, and
// in chaos now and then somebody else's.

func owner(value string) string {
	if value == "y" {
		return "v"
	}
	return "u"
}

// finders adds whoever can name a user by an attribute.
func (w *world) finders(p *Plan) {
	if w.unbound = w.one(4); !w.unbound && !w.one(6) {
		w.boundTo = "u"
		return
	}
	for _, name := range []string{"who", "whom"}[:1+w.draw(2)] {
		s := Spec{Name: name, Needs: []string{"t0"}, Yields: []string{UserID}, Suspends: w.one(3)}
		if w.one(6) {
			s.Unverified = "cannot count"
		}
		p.Participants = append(p.Participants, s)
	}
	if !w.unbound {
		w.boundTo = "u"
	}
}

// identifiers are what a request brings.
func (w *world) identifiers() []Identifier {
	switch {
	case w.boundTo != "":
		return []Identifier{{Type: UserID, Hash: w.boundTo}}
	case len(w.asked) > 0:
		return slices.Clone(w.asked[0].in.Identifiers)
	}
	return []Identifier{{Type: "t0", Hash: w.value()}}
}

// whose is whom the saga is about, as far as the world knows.
func (w *world) whose() string {
	if w.boundTo == "" && len(w.asked) > 0 {
		return owner(w.asked[0].in.Identifiers[0].Hash)
	}
	return w.boundTo
}

// owners are those whose attributes the saga knows: by them a worker without a user id looks.
func (w *world) owners() (users []string) {
	for _, id := range w.s.Identifiers {
		if id.Type == "t0" && !slices.Contains(users, owner(id.Hash)) {
			users = append(users, owner(id.Hash))
		}
	}
	return users
}

// name has a worker say whose the attributes are.
func (w *world) name(rep *ReportReceived, k *worker, y *system) {
	for _, user := range k.task.owners {
		if !slices.ContainsFunc(y.things, func(x thing) bool { return x.user == user }) {
			continue
		}
		if w.chaos && w.one(8) {
			user = map[string]string{"u": "v", "v": "u"}[user]
		}
		rep.Identifiers = append(rep.Identifiers, Identifier{Type: UserID, Hash: user})
	}
}

// heard notes which users a report names that was not thrown away.
func (w *world) heard(in ReportReceived, effects []Effect) {
	if in.Verb != Resolve || in.Verdict != Resolved {
		return
	}
	for _, e := range effects {
		r, ok := e.(Receive)
		if !ok || r.Outcome == Rejected || r.Outcome == Noted && (!w.open() || r.Reason == "this permit was reported before") {
			continue
		}
		for _, id := range in.Identifiers {
			if id.Type == UserID {
				w.hear(id.Hash)
			}
		}
	}
}

func (w *world) hear(user string) {
	about := w.boundTo
	if about == "" {
		about = w.operatorSaid
	}
	if about != "" && user != about && !w.said[user] && w.open() {
		w.doubtful = true
	}
	w.said[user] = true
}

// bind answers as the shell does.
func (w *world) bind(user string) {
	switch {
	case w.chaos && w.one(8): // the answer is lost
	case w.taken:
		w.input(Taken{"other"})
	default:
		w.input(Bound{User: user, Subject: "h " + user})
	}
}

// sayWhom is an operator who binds, in chaos to anybody.
func (w *world) sayWhom() {
	user := w.whose()
	if w.chaos && w.one(3) {
		user = []string{"u", "v"}[w.draw(2)]
	}
	if !w.chaos && len(w.said) > 0 && !w.said[user] {
		user = map[string]string{"u": "v", "v": "u"}[user]
	}
	w.input(BindTo{User: user, By: "ada", Ground: "looked"})
}

// boundBy notes to whom the saga was bound, by the systems or by an operator.
func (w *world) boundBy(e Entry) {
	for _, id := range e.Identifiers {
		if e.Kind == KNamed {
			w.operatorSaid = id.Hash
			continue
		}
		if id.Type != UserID {
			continue
		}
		w.boundTo = id.Hash
		w.vouched = w.vouched || w.said[id.Hash] // by whom had nothing else to name anybody by
		for user := range w.said {
			w.doubtful = w.doubtful || user != id.Hash && w.open()
		}
	}
}

// unvouchedActs reports whether something is done by an attribute that only the request says is
// the person's.
func (w *world) unvouchedActs(e Entry) bool {
	if !w.unbound || w.vouched || !touches(e) {
		return false
	}
	return slices.ContainsFunc(w.plan.Participants, func(s Spec) bool {
		return !s.Bystander && (slices.Contains(s.Needs, "t0") || slices.Contains(s.Yields, "t0"))
	})
}

// touches reports whether an entry lets somebody do more than read, or leads there.
func touches(e Entry) bool {
	switch e.Kind {
	case KOpened, KGranted, KPrepared:
		return e.Verb != Resolve && e.Verb != Restore
	case KPhase:
		return e.Phase != Resolving && e.Phase != Restoring
	}
	return false
}

// misbound says what is wrong with a binding.
func (w *world) misbound(e Entry) string {
	switch {
	case e.Kind == KNamed && len(w.said) > 0 && !w.said[e.Identifiers[0].Hash]:
		return "bound to whom no system names, though others are named"
	case e.Kind != KBound:
	case w.boundTo != "":
		return "bound twice"
	case w.taken:
		return "the person has another saga"
	case w.doubtful:
		return "nobody has looked at the doubt"
	case w.operatorSaid != "" && e.Identifiers[0].Hash != w.operatorSaid:
		return "to somebody else than the operator said"
	case w.operatorSaid == "" && !w.s.Pivoted.IsZero():
		return "nobody said whom a pivot was about that the backup does not know"
	case w.operatorSaid == "" && (len(w.said) != 1 || !w.said[e.Identifiers[0].Hash]):
		return "to one whom not everybody names"
	case w.operatorSaid == "" && w.unaskedFinder() != "":
		return "nobody asked " + w.unaskedFinder()
	}
	return ""
}

// unaskedFinder is one who might have named somebody else.
func (w *world) unaskedFinder() string {
	for _, spec := range w.plan.Participants {
		if spec.names() && (w.systems[spec.Name].looked == 0 || w.waived[spec.Name]) {
			return spec.Name
		}
	}
	return ""
}

// blindlyLooked is a share whose last look was not for the user to whom the saga is bound.
func (w *world) blindlyLooked() string {
	for _, spec := range w.plan.Participants {
		if y := w.systems[spec.Name]; spec.Resolves() && !w.waived[spec.Name] && y.lookedFor != w.boundTo {
			return spec.Name
		}
	}
	return ""
}

// unasked: nobody knows the person, and not everybody was asked who might.
func (w *world) unasked(e Entry) string {
	if e.Kind != KFinished || e.Phase != NotFound || w.boundTo != "" || w.ended {
		return ""
	}
	if len(w.said) > 0 {
		return "not found, and somebody is named"
	}
	if name := w.unaskedFinder(); name != "" {
		return "not found, and nobody asked " + name
	}
	return ""
}

// saidBefore is the type of an identifier that nobody said to be theirs since the saga is bound.
func (w *world) saidBefore() string {
	bound := slices.IndexFunc(w.history, func(e Entry) bool { return e.Kind == KBound })
	if bound < 0 {
		return ""
	}
	for _, id := range w.s.Identifiers {
		said := func(e Entry) bool { return slices.Contains(e.Identifiers, id) }
		if id.From != "" && id.Type != UserID && !slices.ContainsFunc(w.history[bound:], said) {
			return id.Type
		}
	}
	return ""
}
