package participants

import "github.com/expunge-io/expunge/events"

// abilities are what a participant can do; a nil interface is an ability that it lacks.
type abilities struct {
	Participant
	counter   Counter
	resolver  Resolver
	suspender Suspender
	items     []events.Kind // that can be named one by one
	needs     []events.IdentifierType
	yields    []events.IdentifierType
}

func abilitiesOf(p Participant) abilities {
	a := abilities{Participant: p, needs: []events.IdentifierType{events.UserID}}
	a.counter, _ = p.(Counter)
	a.resolver, _ = p.(Resolver)
	a.suspender, _ = p.(Suspender)
	if i, ok := p.(Itemizer); ok {
		a.items = i.ItemKinds()
	}
	if n, ok := p.(Needer); ok {
		a.needs = n.Needs()
	}
	if a.resolver != nil {
		a.yields = a.resolver.Yields()
	}
	return a
}

// verbs returns the verbs that the participant serves, in the order of the phases.
func (a abilities) verbs() []events.Verb {
	var out []events.Verb
	if a.resolver != nil || a.counter != nil {
		out = append(out, events.Resolve)
	}
	if a.suspender != nil {
		out = append(out, events.Suspend, events.Restore)
	}
	out = append(out, events.Erase)
	if a.counter != nil {
		out = append(out, events.Verify)
	}
	return out
}
