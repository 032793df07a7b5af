package storagetest

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// ledger is what a store should hold, worked out from the batches alone: slow, without
// any index, and too simple to be wrong.
type ledger struct {
	batches []storage.Batch
	keys    Keys
}

func (l *ledger) add(b storage.Batch) {
	l.batches = append(l.batches, b)
	for _, c := range b.Sagas {
		l.keys.Sagas = once(l.keys.Sagas, c.State.ID)
		l.keys.Subjects = once(l.keys.Subjects, c.State.Slot())
	}
	for _, p := range b.Plans {
		l.keys.Plans = once(l.keys.Plans, p.Digest())
	}
	for _, r := range b.Requests {
		l.keys.Requests = once(l.keys.Requests, r.Key)
	}
	for k := range b.Meta {
		l.keys.Meta = once(l.keys.Meta, k)
	}
}

func once[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// changes yields what happened to one saga, and the outcome.
func (l *ledger) saga(id saga.ID) (last storage.Change, history []saga.Entry, vault []byte) {
	for _, b := range l.batches {
		for _, c := range b.Sagas {
			if c.State.ID != id {
				continue
			}
			last = c
			history = append(history, c.Entries...)
			if c.Vault != nil {
				vault = c.Vault
			}
		}
	}
	if last.State.Phase.Final() {
		vault = nil
	}
	return last, history, vault
}

func (l *ledger) pruned(id saga.ID) bool {
	return slices.ContainsFunc(l.batches, func(b storage.Batch) bool { return slices.Contains(b.Prune, id) })
}

func (l *ledger) dump(keys Keys) map[string][]string {
	lines := map[string][]string{"log": {text(len(l.batches), nil)}}
	for _, k := range keys.Subjects {
		lines["subject "+k] = []string{NotFound}
	}
	l.dumpSagas(lines)
	l.dumpOutbox(lines)
	for _, k := range keys.Requests {
		lines["request "+k] = []string{text(l.request(k))}
	}
	held := map[string]storage.Hold{}
	letters := []storage.DeadLetter{}
	for _, b := range l.batches {
		letters = append(letters, b.DeadLetters...)
		for _, h := range b.Holds {
			held[h.ID] = h
		}
		for _, id := range b.Released {
			delete(held, id)
		}
		for _, p := range b.Plans {
			lines["plan "+p.Digest()] = []string{text(p, nil)}
		}
		for k, v := range b.Meta {
			lines["meta "+k] = []string{string(v)}
		}
	}
	lines["holds"] = []string{}
	for _, id := range slices.Sorted(maps.Keys(held)) {
		lines["holds"] = append(lines["holds"], text(held[id], nil))
	}
	lines["letters"] = texts(letters[max(0, len(letters)-storage.DeadLetterLimit):])
	return lines
}

func (l *ledger) dumpSagas(lines map[string][]string) {
	var timers []storage.Timer
	var live []saga.State
	var finished []saga.ID
	for _, id := range slices.Sorted(slices.Values(l.keys.Sagas)) {
		last, history, vault := l.saga(id)
		lines["tombstone "+string(id)] = []string{NotFound}
		if l.pruned(id) {
			lines["tombstone "+string(id)] = []string{text(storage.TombstoneOf(last.State), nil)}
			for _, read := range []string{"state ", "history ", "summary ", "vault "} {
				lines[read+string(id)] = []string{NotFound}
			}
			continue
		}
		lines["state "+string(id)] = []string{text(last.State, nil)}
		lines["history "+string(id)] = []string{text(history, nil)}
		lines["summary "+string(id)] = []string{text(bytesOr(last.Summary))}
		lines["vault "+string(id)] = []string{text(bytesOr(vault))}
		if last.State.Phase.Final() {
			finished = append(finished, id)
			continue
		}
		live = append(live, last.State)
		timers = append(timers, storage.Timer{At: last.Wake, Saga: id})
		lines["subject "+last.State.Slot()] = []string{text(id, nil)}
	}
	slices.SortStableFunc(timers, func(a, b storage.Timer) int { return a.At.Compare(b.At) })
	lines["timers"], lines["live"], lines["finished"] = texts(timers), texts(live), texts(finished)
}

func bytesOr(b []byte) (any, error) {
	if b == nil {
		return nil, storage.ErrNotFound
	}
	return b, nil
}

func (l *ledger) dumpOutbox(lines map[string][]string) {
	var sent []storage.MessageKey
	var outbox []storage.Message
	for _, b := range l.batches {
		outbox = append(outbox, b.Outbox...)
		sent = append(sent, b.Sent...)
	}
	outbox = slices.DeleteFunc(outbox, func(m storage.Message) bool { return slices.Contains(sent, m.Key) })
	slices.SortFunc(outbox, func(a, b storage.Message) int {
		return cmp.Or(cmp.Compare(a.Key.Log, b.Key.Log), cmp.Compare(a.Key.Index, b.Key.Index))
	})
	lines["outbox"] = texts(outbox)
}

func (l *ledger) request(key string) (r storage.RequestKey, err error) {
	err = storage.ErrNotFound
	for _, b := range l.batches {
		for _, q := range b.Requests {
			if q.Key == key {
				r, err = q, nil
			}
		}
		if r.Expires.Before(b.Expire) {
			err = storage.ErrNotFound
		}
	}
	return r, errors.Join(err)
}

func texts[T any](list []T) []string {
	lines := []string{}
	for _, v := range list {
		lines = append(lines, text(v, nil))
	}
	return lines
}
