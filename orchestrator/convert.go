package orchestrator

import (
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// The wire and the core have types of their own, so that neither depends on the other.
// This file is the only place where they meet.

func toCounts(c events.Counts) saga.Counts {
	if c == nil {
		return nil
	}
	out := make(saga.Counts, len(c))
	for k, v := range c {
		out[string(k)] = v
	}
	return out
}

func fromCounts(c saga.Counts) events.Counts {
	if c == nil {
		return nil
	}
	out := make(events.Counts, len(c))
	for k, v := range c {
		out[events.Kind(k)] = v
	}
	return out
}

// optional returns nil for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func value(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func fromDeny(d saga.Deny) events.Refusal {
	return events.Refusal{Reason: refusalReason(d.Reason), Until: optional(d.Until)}
}

func refusalReason(d saga.Denial) events.RefusalReason {
	switch d {
	case saga.DenyUnknown:
		return events.RefusedUnknown
	case saga.DenyDone:
		return events.RefusedDone
	case saga.DenyStale:
		return events.RefusedStale
	case saga.DenyBusy:
		return events.RefusedBusy
	case saga.DenyDelayed:
		return events.RefusedDelayed
	case saga.DenyParked:
		return events.RefusedParked
	case saga.DenyEnded:
		return events.RefusedEnded
	case saga.DenyHeld:
		return events.RefusedHeld
	case saga.DenyNotOpened:
		return events.RefusedNotYetOpen
	}
	return events.RefusedUnknown
}

func fromReceive(r saga.Receive) events.Receipt {
	return events.Receipt{Outcome: events.Outcome(r.Outcome), Reason: r.Reason}
}

// toReport is a report for the core, less its identifiers, which are hashed elsewhere.
func toReport(participant string, r events.Report) saga.ReportReceived {
	in := saga.ReportReceived{Participant: participant, Verb: saga.Verb(r.Verb), Round: r.Round, Permit: saga.PermitID(r.Permit),
		Verdict: saga.Verdict(r.Verdict), Counts: toCounts(r.Counts), Remaining: r.Remaining, Later: toCounts(r.Left), Ground: r.Ground,
		Until: value(r.Until), Class: saga.Class(r.Class), Code: r.Code, RowsOnly: r.RowsOnly}
	for _, counts := range []events.Counts{r.Counts, r.Left} {
		for k := range counts {
			if !events.ValidKind(participant, k) {
				return unknownKind(in)
			}
		}
	}
	return in
}

// unknownKind is a report that counts what its participant does not have. It failed; but what
// a count says is left is left, whatever it calls it.
func unknownKind(in saga.ReportReceived) saga.ReportReceived {
	left := in.Counts.Total()
	if in.Remaining != nil {
		left = max(left, *in.Remaining)
	}
	in.Counts, in.Later = nil, nil
	if in.Verdict == saga.Counted && left > 0 {
		in.Remaining = &left
		return in
	}
	in.Verdict, in.Class, in.Code = saga.Failed, saga.Misconfigured, "unknown_count_kind"
	return in
}

// statusOf shows a saga to a source or an operator.
func statusOf(s saga.State, now time.Time) events.Status {
	out := events.Status{Saga: string(s.ID), State: events.State(s.Phase), Parked: clip(s.Stuck()), Due: s.Due,
		Started: s.Started, Ended: optional(s.Ended), Participants: make([]events.ParticipantStatus, 0, len(s.Shares)),
		Queued: s.Queued, GraceUntil: optional(s.GraceUntil), Alive: alive(s.Alive(now))}
	if h := s.Held(""); h != nil {
		out.Held, out.HeldUntil = h.Ground, optional(h.Until)
	}
	for i := range s.Shares {
		st := shareStatus(&s.Shares[i])
		st.Held = s.Held(st.Name) != nil
		if s.Unbound && st.Step == string(saga.Waiting) {
			st.Reason = "needs user_id"
		}
		out.Participants = append(out.Participants, st)
	}
	return out
}

func alive(ls []saga.Live) (out []events.AlivePermit) {
	for _, l := range ls {
		out = append(out, events.AlivePermit{Participant: l.Participant, Verb: events.Verb(l.Verb), Until: l.Until})
	}
	return out
}

func shareStatus(h *saga.Share) events.ParticipantStatus {
	verb, step := h.Current()
	return events.ParticipantStatus{Name: h.Name, Verb: events.Verb(verb), Step: string(step.Status), Reason: step.Reason,
		Until: optional(step.Until), Attempts: step.Attempts, Verdict: events.Verdict(h.Verdict),
		Counts: fromCounts(h.Counts), Verified: !h.Verified.IsZero(),
		Suspended: h.Suspended.After(h.Restored)}
}

// summaryOf is the end of a saga. head is the history's before its final entry.
func summaryOf(p saga.Plan, s saga.State, head saga.Hash) events.Summary {
	out := events.Summary{Saga: string(s.ID), Pseudonym: s.Subject, Plan: p.Name, PlanDigest: s.Plan, Regime: s.Regime,
		State: events.State(s.Phase), Started: s.Started, Due: s.Due, Ended: s.Ended, HistoryHead: head.String(),
		Participants: make([]events.ParticipantSummary, 0, len(s.Shares)), Exceptions: []events.Exception{},
		Scope: scopeOf(p, s), CutOff: optional(s.CutOff)}
	for i := range s.Shares {
		h := &s.Shares[i]
		spec, _ := p.Spec(h.Name)
		if spec.Bystander {
			continue // outside the scope
		}
		out.Participants = append(out.Participants, shareSummary(h))
		if x, ok := exception(p, s, spec, h); ok {
			out.Exceptions = append(out.Exceptions, x)
		}
	}
	return out
}

// scopeOf tells what a narrow saga was about, without the references of its items.
func scopeOf(p saga.Plan, s saga.State) *events.NarrowScope {
	if !p.Scoped {
		return nil
	}
	out := &events.NarrowScope{}
	for _, i := range s.Items {
		k := events.ItemKind{Participant: i.Participant, Kind: events.Kind(i.Kind)}
		if !slices.Contains(out.Items, k) {
			out.Items = append(out.Items, k)
		}
	}
	for _, name := range p.Erases() {
		if !slices.ContainsFunc(s.Items, func(i saga.Item) bool { return i.Participant == name }) {
			out.Participants = append(out.Participants, name)
		}
	}
	return out
}

func shareSummary(h *saga.Share) events.ParticipantSummary {
	out := events.ParticipantSummary{Name: h.Name, Verdict: events.Verdict(h.Verdict), Counts: fromCounts(h.Counts), Inferred: h.Inferred,
		RowsOnly: h.RowsOnly, Attempts: h.Erase.Attempts, Rounds: h.Erase.Round, VerifiedAt: optional(h.Verified),
		SuspendedAt: optional(h.Suspended), RestoredAt: optional(h.Restored), Suspended: fromCounts(h.Ended), Left: fromCounts(h.Later)}
	switch {
	case h.Erase.Status == saga.Reported:
		out.ReportedAt = optional(h.Erase.Since)
	case h.Resolve.Status == saga.Reported && !h.Known:
		// The saga ended before anything was erased: what resolve said is all there is.
		out.Verdict, out.ReportedAt = events.Absent, optional(h.Resolve.Since)
	}
	return out
}

func exception(p saga.Plan, s saga.State, spec saga.Spec, h *saga.Share) (events.Exception, bool) {
	x := events.Exception{Participant: h.Name, Ground: h.Ground, By: h.By, Until: optional(h.Until)}
	lost := s.Blind(p, spec)
	switch {
	case s.Phase != saga.CompletedWithExceptions:
		return x, false
	case h.Verdict == saga.Retained:
		x.Kind = "retained"
	case h.Verdict == saga.Waived:
		x.Kind = "waived"
	case spec.Unverified != "":
		x.Kind, x.Ground = "unverified", spec.Unverified
	case len(lost) > 0:
		x.Kind, x.By, x.Ground = "unverified", lost[0].By, clip("the value of "+lost[0].Type+" by which it was found was lost, and an operator looked: "+lost[0].Ground)
	case s.Forgot && p.Learns(spec):
		x.Kind, x.Ground = "unverified", "the backup that was put back is from before the point of no return: what it was found by may have been erased where it was found"
	default:
		return x, false
	}
	return x, true
}
