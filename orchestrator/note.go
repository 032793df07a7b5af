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
	if o.log, err = o.cfg.Store.LastLog(ctx); err != nil {
		return fmt.Errorf("last log number: %w", err)
	}
	var n noted
	if err := o.metaJSON(ctx, metaNoted, &n); err != nil {
		return err
	}
	o.told = o.log
	if n.At == o.log {
		o.told = n.Told
	}
	return nil
}

// note commits meta values. It is for before the writer runs; with it, see learn.
func (o *Orchestrator) note(ctx context.Context, meta map[string][]byte) error {
	b := storage.Batch{Log: o.log + 1, Meta: maps.Clone(meta)}
	n, err := json.Marshal(noted{At: b.Log, Told: o.told})
	if err != nil {
		return err
	}
	b.Meta[metaNoted] = n
	if err := o.cfg.Store.Commit(ctx, b); err != nil {
		return fmt.Errorf("commit %d: %w", b.Log, err)
	}
	o.log = b.Log
	return nil
}
