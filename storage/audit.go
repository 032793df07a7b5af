package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// Folds reports whether a state is the fold of its history; the error says what does not
// fit, nothing of its content.
func Folds(s saga.State, history []saga.Entry) error {
	folded, err := saga.Fold(history)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	want, err1 := json.Marshal(folded)
	have, err2 := json.Marshal(s)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return errors.New("its state is not the fold of its history")
	}
	return nil
}

// Audit folds the history of at most limit live sagas, those that moved last first: a
// crash can have harmed them most. It returns how many it folded, and a [DamagedError] for
// each that does not fit or cannot be read. Beside it no commit may run: call it at the
// start. The error is the one that ended it early.
func Audit(ctx context.Context, s Store, limit int) (folded int, faults []*DamagedError, err error) {
	live, faults, err := newestLive(ctx, s, limit)
	if err != nil {
		return 0, faults, err
	}
	for _, st := range live {
		history, err := s.History(ctx, st.ID)
		if err == nil {
			if err := Folds(st, history); err != nil {
				faults = append(faults, &DamagedError{Saga: st.ID, What: err.Error()})
			}
			folded++
			continue
		}
		damage, ok := errors.AsType[*DamagedError](err)
		if !ok {
			return folded, faults, err
		}
		faults = append(faults, damage)
	}
	return folded, faults, nil
}

// newestLive returns at most limit readable live sagas, and what says that it is not.
func newestLive(ctx context.Context, s Store, limit int) (live []saga.State, faults []*DamagedError, err error) {
	for st, err := range s.Live(ctx) {
		if damage, ok := errors.AsType[*DamagedError](err); ok {
			faults = append(faults, damage)
			continue
		}
		if err != nil {
			return nil, faults, err
		}
		if live = append(live, st); len(live) >= 2*limit+1 {
			live = newest(live, limit) // so that memory is bounded, too
		}
	}
	return newest(live, limit), faults, nil
}

func newest(live []saga.State, limit int) []saga.State {
	slices.SortStableFunc(live, func(a, b saga.State) int { return b.At.Compare(a.At) })
	return live[:min(len(live), max(0, limit))]
}
