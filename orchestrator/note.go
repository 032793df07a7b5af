package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/expunge-io/expunge/storage"
)

// metaNoted is with every batch that is none of the writer's.
const metaNoted = "noted"

// noted tells batches of meta values, which a start makes before it looks at the bus, from
// those that have something to tell: an old store that was started and died, however often,
// is as old as before.
type noted struct {
	At   uint64 `json:"at"`   // number of this batch
	Told uint64 `json:"told"` // number of the last one before it that was none of these
}

// recoverLog reads the number of the last batch, and of the last one of the writer's.
func (o *Orchestrator) recoverLog(ctx context.Context) (err error) {
	o.log, o.told, err = lastLog(ctx, o.cfg.Store)
	return err
}

// lastLog returns the number of a store's last batch, and of the last one of a writer's.
func lastLog(ctx context.Context, s storage.Store) (log, told uint64, err error) {
	if log, err = s.LastLog(ctx); err != nil {
		return 0, 0, fmt.Errorf("last log number: %w", err)
	}
	var n noted
	if err := metaJSON(ctx, s, metaNoted, &n); err != nil {
		return 0, 0, err
	}
	if n.At == log {
		return log, n.Told, nil
	}
	return log, log, nil
}

// note commits meta values. It is for before the writer runs; with it, see learn.
func (o *Orchestrator) note(ctx context.Context, meta map[string][]byte) error {
	if err := commitNote(ctx, o.cfg.Store, o.log+1, o.told, meta); err != nil {
		return err
	}
	o.log++
	return nil
}

func commitNote(ctx context.Context, s storage.Store, log, told uint64, meta map[string][]byte) error {
	n, err := json.Marshal(noted{At: log, Told: told})
	if err != nil {
		return err
	}
	b := storage.Batch{Log: log, Meta: maps.Clone(meta)}
	b.Meta[metaNoted] = n
	if err := s.Commit(ctx, b); err != nil {
		return fmt.Errorf("commit %d: %w", log, err)
	}
	return nil
}
