package storagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Keys names what [Dump] reads by key.
type Keys struct {
	Sagas                           []saga.ID
	Subjects, Requests, Plans, Meta []string
}

// What Dump shows in place of a value that cannot be had.
const (
	NotFound = "not found"
	Damaged  = "damaged"
)

// Dump makes every read of the store, and returns what each said: one line for a value,
// a line for each element of an iteration.
func Dump(ctx context.Context, s storage.Store, keys Keys) map[string][]string {
	lines := map[string][]string{}
	put := func(name string) func(any, error) {
		return func(v any, err error) { lines[name] = append(lines[name], text(v, err)) }
	}
	log, err := s.LastLog(ctx)
	put("log")(log, err)
	lines["timers"] = all(s.Timers(ctx))
	lines["outbox"] = all(s.Outbox(ctx))
	lines["live"] = all(s.Live(ctx))
	lines["finished"] = all(s.Finished(ctx, ""))
	lines["holds"] = all(s.Holds(ctx))
	lines["letters"] = all(s.DeadLetters(ctx))
	for _, id := range keys.Sagas {
		put("state " + string(id))(s.Load(ctx, id))
		put("history " + string(id))(s.History(ctx, id))
		put("summary " + string(id))(s.Summary(ctx, id))
		put("tombstone " + string(id))(s.Tombstone(ctx, id))
		put("vault " + string(id))(s.Vault(ctx, id))
	}
	for _, k := range keys.Subjects {
		put("subject " + k)(s.BySlot(ctx, k))
	}
	for _, k := range keys.Requests {
		put("request " + k)(s.Request(ctx, k))
	}
	for _, k := range keys.Plans {
		put("plan " + k)(s.Plan(ctx, k))
	}
	for _, k := range keys.Meta {
		put("meta " + k)(s.Meta(ctx, k))
	}
	return lines
}

// Differences says, line by line, where two dumps differ.
func Differences(got, want map[string][]string) (out []string) {
	names := map[string]bool{}
	for _, m := range []map[string][]string{got, want} {
		for name := range m {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.Equal(got[name], want[name]) {
			out = append(out, fmt.Sprintf("%s:\n\tgot  %.500q\n\twant %.500q", name, got[name], want[name]))
		}
	}
	return out
}

func text(v any, err error) string {
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return NotFound
	case errors.Is(err, storage.ErrDamaged):
		return Damaged
	case err != nil:
		return "error: " + err.Error()
	}
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "error: " + err.Error()
	}
	return string(b)
}

func all[T any](seq iter.Seq2[T, error]) []string {
	lines := []string{}
	for v, err := range seq {
		lines = append(lines, text(v, err))
	}
	return lines
}

// clone copies a batch, so that what the store does with it does not reach the ledger.
func clone(b storage.Batch) storage.Batch {
	raw, err := json.Marshal(b)
	if err == nil {
		b = storage.Batch{}
		err = json.Unmarshal(raw, &b)
	}
	if err != nil {
		panic("storagetest: a batch is always JSON: " + err.Error())
	}
	return b
}
