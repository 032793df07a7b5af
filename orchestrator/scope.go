package orchestrator

import (
	"fmt"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// narrow reads a request's scope: under which plan its saga runs, which items alone are
// meant, and what came later than the request and is left. A request without one means all
// that the plan covers.
func (o *Orchestrator) narrow(in *intake) *events.Problem {
	scope := in.request.Scope
	if scope == nil {
		return nil
	}
	names := slices.Clone(scope.Participants)
	for i, item := range scope.Items {
		if slices.Contains(scope.Participants, item.Participant) {
			return problem(events.CodeInvalid, fmt.Sprintf("scope.items[%d].participant", i), "its whole share is in the scope already")
		}
		names = append(names, item.Participant)
		in.items = append(in.items, saga.Item{Participant: item.Participant, Kind: string(item.Kind),
			Hash: o.cfg.Keys.Hash("item", item.Participant, string(item.Kind), item.Reference.Reveal())})
	}
	slices.Sort(names)
	narrow := in.plan.Narrow
	if in.request.UserID == "" {
		narrow = in.plan.NarrowToFind
	}
	plan, ok := narrow(slices.Compact(names))
	if !ok {
		return problem(events.CodeInvalid, "scope", "it names a participant that is not in the plan")
	}
	if err := plan.Validate(); err != nil {
		return problem(events.CodeInvalid, "scope", "the plan cannot be narrowed to it")
	}
	in.plan, in.cutOff = plan, o.cfg.Now().UTC().Round(0)
	return nil
}

// scopeParts tell a scope apart from every other, for the fingerprint of a request.
func scopeParts(in *intake) (parts []string) {
	if in.request.Scope == nil {
		return nil
	}
	parts = append(parts, in.plan.Digest())
	for _, i := range in.items {
		parts = append(parts, i.Participant, i.Kind, i.Hash)
	}
	return parts
}

// begins returns when a request's saga may begin; zero: at once.
func begins(r events.Request, now time.Time) time.Time {
	if r.NotBefore == nil || !r.NotBefore.After(now) {
		return time.Time{}
	}
	return r.NotBefore.UTC().Round(0)
}
