package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// explain says what one saga waits for, or what waits for an operator.
func (o *Orchestrator) explain(ctx context.Context, op events.Operation) (events.Payload, error) {
	if op.Saga == "" {
		return o.explainAll(ctx)
	}
	s, err := o.cfg.Store.Load(ctx, saga.ID(op.Saga))
	if errors.Is(err, storage.ErrDamaged) {
		return events.Operated{Saga: op.Saga, Explain: damagedRecord, Replicated: true}, nil
	}
	if bad := unreadable(err); bad != nil {
		return *bad, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := o.plan(ctx, s.Plan)
	if err != nil {
		return nil, err
	}
	now := o.cfg.Now()
	return events.Operated{Saga: op.Saga, State: events.State(s.Phase), Explain: o.describe(p, s, now), Replicated: true, Alive: alive(s.Alive(now))}, nil
}

// describe is [saga.Explain], and what no saga knows of: why permits are kept back.
func (o *Orchestrator) describe(p saga.Plan, s saga.State, now time.Time) string {
	if d, held := o.bars.holds(s.ID); held {
		return restoredSince(d)
	}
	line := saga.Explain(p, s, now)
	if s.Ambiguous != "" && s.Stuck() == s.Ambiguous {
		line += "; expunge op bind " + string(s.ID) + " --user-id ID"
	}
	if !s.Phase.Final() && o.recovery.get().Unconfirmed {
		line = "the store was put back, so nothing is erased until an operator confirms it (confirm_restore); " + line
	}
	return clip(line)
}

// restoredSince says why a saga is held back.
func restoredSince(d Decision) string {
	line := "the store was put back, and knows nothing of what was decided since: " + string(d)
	if d == DecidedPivot {
		line += "; an operator lets it go on with confirm_restore"
	}
	return line
}

// explainAll names what waits for an operator. It asks the writer, which alone knows of the
// brakes.
func (o *Orchestrator) explainAll(ctx context.Context) (events.Payload, error) {
	return o.ask(ctx, job{operate: func(b *batch) (events.Payload, error) {
		stuck, left := o.live.stuck(), o.recovery.get()
		line := o.standstill(b.seeBrakes(), left, len(stuck))
		return events.Operated{Sagas: listed(append(stuck, left.pivoted()...)), Explain: clip(line), Replicated: true}, nil
	}})
}

// standstill says what an operator has to decide, and with which verb.
func (o *Orchestrator) standstill(k brakes, left Recovery, stuck int) string {
	var parts []string
	if why := o.trust.why(); why != "" {
		parts = append(parts, "the clock is in doubt: "+why+" (confirm_clock)")
	}
	if what := left.describe(); what != "" {
		parts = append(parts, "the store was put back: "+what+" (confirm_restore)")
	}
	for _, of := range slices.Sorted(maps.Keys(k.On)) {
		parts = append(parts, "the brake of "+brakeName(of)+" is on (release_brake)")
	}
	switch {
	case stuck > 0:
		parts = append(parts, number(stuck, "saga")+" cannot go on without an operator")
	case len(parts) == 0:
		return "nothing waits for an operator"
	}
	return strings.Join(parts, "; ")
}

// describe says what a recovery left for an operator, or "".
func (r Recovery) describe() string {
	var parts []string
	if r.Unconfirmed {
		parts = append(parts, "nothing is erased before it is confirmed")
	}
	if n := len(r.pivoted()); n > 0 {
		parts = append(parts, number(n, "saga")+" held back that had passed the pivot")
	}
	if n := r.unknownSagas(); n > 0 {
		parts = append(parts, number(n, "erasure")+" that it knows nothing of, named in the log, to be asked for again")
	}
	if r.KeysKept {
		parts = append(parts, "data keys of sagas that it does not know are kept, and destroyed once it is confirmed")
	}
	return strings.Join(parts, ", ")
}

// pivoted returns the sagas that are held back until an operator confirms.
func (r Recovery) pivoted() (ids []saga.ID) {
	for id, d := range r.HeldBack {
		if d == DecidedPivot {
			ids = append(ids, id)
		}
	}
	return ids
}

// listed are ids for the wire, in order, as many as fit.
func listed(ids []saga.ID) (out []string) {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, id := range ids[:min(len(ids), longestList)] {
		out = append(out, string(id))
	}
	return out
}

const (
	longestList = 1000 // of the wire
	longestText = 1024 // bytes, of the wire
)

// clip makes text what the wire takes: one line, of bounded length. Grounds that people gave
// are in it, each of which may be that long by itself, and faults of plans, one a line.
func clip(text string) string {
	line := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if len(line) <= longestText {
		return line
	}
	cut := longestText - len("...")
	for !utf8.RuneStart(line[cut]) {
		cut--
	}
	return line[:cut] + "..."
}

// number counts things for people: "1 saga", "2 sagas".
func number(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
