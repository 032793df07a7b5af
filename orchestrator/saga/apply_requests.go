package saga

import (
	"fmt"
	"slices"
)

// changeRequests applies what changes whom and what the saga serves.
func (s *State) changeRequests(e Entry) error {
	switch e.Kind {
	case KStarted:
		return s.start(e)
	case KBegun:
		s.Queued = false
	case KJoined:
		return s.join(e)
	case KWithdrawn:
		s.withdraw(e)
	case KReplanned:
		s.replan(e)
	case KExtended:
		s.Due, s.Extended = e.Due, true
	}
	return nil
}

func (s *State) withdraw(e Entry) {
	for i := range s.Requests {
		if e.Request != nil && s.Requests[i].ID == e.Request.ID {
			s.Requests[i].Withdrawn = true
		}
	}
	if !e.NotBefore.IsZero() {
		s.NotBefore = e.NotBefore // whoever was in haste is gone
	}
}

func (s *State) start(e Entry) error {
	if e.Request == nil {
		return fmt.Errorf("%w: started without a request", ErrHistory)
	}
	*s = State{ID: e.Saga, Plan: e.Plan, Phase: Resolving, Look: 1, Subject: e.Subject, Regime: e.Regime,
		Requests: []Request{*e.Request}, Started: e.At, Due: e.Due, Identifiers: e.Identifiers,
		Items: e.Items, CutOff: e.CutOff, NotBefore: e.NotBefore, Queued: e.Queued, Unbound: e.Unbound, Unvouched: e.Unbound}
	for _, m := range e.Members {
		s.Shares = append(s.Shares, m.share(e))
	}
	return nil
}

func (m Member) share(e Entry) Share {
	h := Share{Name: m.Name}
	h.begin(m, e)
	return h
}

// begin adds the steps that a share does not have yet.
func (h *Share) begin(m Member, e Entry) {
	for _, v := range m.Verbs {
		if t := h.Step(v); t != nil && t.Status == "" {
			*t = Step{Status: Waiting, Round: 1, Since: e.At}
		}
	}
}

func (s *State) join(e Entry) error {
	if e.Request == nil {
		return fmt.Errorf("%w: joined without a request", ErrHistory)
	}
	s.Requests = append(s.Requests, *e.Request)
	s.Asked = s.Asked || e.Asked
	s.Identifiers = append(s.Identifiers, e.Identifiers...)
	s.Due, s.NotBefore, s.Items, s.CutOff, s.Mixed = e.Due, e.NotBefore, e.Items, e.CutOff, e.Mixed
	return nil
}

// replan goes on under another plan: nobody leaves, and who joins begins at the beginning.
func (s *State) replan(e Entry) {
	s.Plan, s.Brake = e.Plan, "" // who joins is resolved first; then it asks again
	var shares []Share
	for _, m := range e.Members {
		if h := s.Share(m.Name); h != nil {
			h.begin(m, e)
			shares = append(shares, *h)
			continue
		}
		shares = append(shares, m.share(e))
	}
	for _, h := range s.Shares {
		if !slices.ContainsFunc(shares, func(have Share) bool { return have.Name == h.Name }) {
			shares = append(shares, h)
		}
	}
	s.Shares = shares
}
