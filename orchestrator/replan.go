package orchestrator

import (
	"github.com/expunge-io/expunge/orchestrator/saga"
)

// replan lets a saga that has not passed its pivot go on under the union of its plan with
// the one that is configured now: a system that joined meanwhile is erased as well.
func (b *batch) replan(l *loaded) error {
	if l.state.Phase.Final() || !l.state.Pivoted.IsZero() {
		return nil
	}
	u, ok := b.o.united(l.plan, l.state.Plan)
	if !ok {
		return nil
	}
	_, err := b.step(l, saga.Replanned{Plan: u})
	return err
}

// united returns the union of a plan with the configured one of its name, unless it has all
// that that one asks for.
func (o *Orchestrator) united(p saga.Plan, digest string) (u saga.Plan, more bool) {
	if u, ok := o.unions[digest]; ok {
		return u, u.Name != ""
	}
	u = o.unite(p)
	if u.Digest() == digest {
		u = saga.Plan{}
	}
	o.unions.put(digest, u)
	return u, u.Name != ""
}

func (o *Orchestrator) unite(p saga.Plan) saga.Plan {
	now, ok := o.cfg.Plans[p.Name]
	if !ok {
		return p
	}
	if p.Scoped {
		if now, ok = now.Narrow(p.Erases()); !ok {
			return p
		}
	}
	return p.Union(now)
}
