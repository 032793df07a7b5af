package orchestrator

import "github.com/expunge-io/expunge/orchestrator/saga"

// gate answers a saga that asks to pass its pivot.
func (b *batch) gate(l *loaded, effects []saga.Effect) error {
	for _, e := range effects {
		if _, asks := e.(saga.AskPivot); !asks {
			continue
		}
		for _, in := range []saga.Input{saga.Cleared{}, saga.Announced{}} {
			if _, err := b.step(l, in); err != nil {
				return err
			}
		}
	}
	return nil
}
