package vault

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Create makes a data key for each saga that has none, and returns when all of them are
// on disk; call it before the batch that first stores their boxes is committed.
// [storage.ErrFull]: none was made, later calls may succeed. After any other error the
// process must exit and recover.
func (k *Keys) Create(ids ...saga.ID) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	if k.failed != nil {
		return k.failed
	}
	fresh, err := k.wrapFresh(ids)
	if err != nil || len(fresh) == 0 {
		return err
	}
	places, err := k.write(fresh)
	if err != nil {
		return err
	}
	if err := k.disk.Sync(); err != nil {
		return k.fail("sync", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, s := range fresh {
		k.keys[s.id] = places[i]
	}
	return nil
}

// wrapFresh makes the slots of those ids that have no key yet, each once. A key that is
// there stays: something may have been sealed with it.
func (k *Keys) wrapFresh(ids []saga.ID) (fresh []slot, err error) {
	for _, id := range ids {
		if id == "" || len(id) > longestID {
			return nil, fmt.Errorf("vault: not an id of at most %d bytes: %q", longestID, id)
		}
		if k.Has(id) || slices.ContainsFunc(fresh, func(s slot) bool { return s.id == id }) {
			continue
		}
		s := slot{id: id, kek: k.header.kek}
		if s.key, err = wrapNew(k.kek, k.random, k.header.binding("data-key", []byte(id))); err != nil {
			return nil, err
		}
		fresh = append(fresh, s)
	}
	return fresh, nil
}

// write puts each slot into the lowest free place. If the process dies here, what was
// written is an orphan, and what was written by halves is torn.
func (k *Keys) write(fresh []slot) (places []*place, err error) {
	before := len(k.uses)
	for _, s := range fresh {
		i := k.reserve()
		places = append(places, &place{slot: i, key: s.key})
		if _, err := k.disk.WriteAt(s.bytes(), slotAt(i)); err != nil {
			return nil, k.undo(places, before, err)
		}
	}
	return places, nil
}

// reserve takes the lowest free slot, so that the file can shrink from its end.
func (k *Keys) reserve() int {
	for k.lowest < len(k.uses) && k.uses[k.lowest] != free {
		k.lowest++
	}
	if k.lowest == len(k.uses) {
		k.uses = append(k.uses, free)
	}
	k.uses[k.lowest] = taken
	return k.lowest
}

// undo takes back a write that found no space. Nothing of it was synced, so it does not
// matter whether the undoing is.
func (k *Keys) undo(places []*place, before int, cause error) error {
	k.uses, k.lowest = k.uses[:before], min(k.lowest, before)
	places = slices.DeleteFunc(places, func(p *place) bool { return p.slot >= before })
	err := errors.Join(k.disk.Truncate(slotAt(before)), k.erase(places))
	if err != nil || !full(cause) {
		return k.fail("write", errors.Join(cause, err))
	}
	return fmt.Errorf("%w: keys file: %w", storage.ErrFull, cause)
}

func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// fail makes the file unusable until it is opened again: after a failed sync nobody knows
// what is on disk, and the next sync would not say.
func (k *Keys) fail(what string, err error) error {
	k.failed = fmt.Errorf("keys file: %s: %w", what, err)
	return k.failed
}

// Destroy erases the sagas' data keys and returns when they are gone from the disk; an id
// without a key is ignored. Call it after the commit of the final states. After an error
// the process must exit and recover: Sweep does the rest.
func (k *Keys) Destroy(ids ...saga.ID) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	if k.failed != nil {
		return k.failed
	}
	return k.destroy(k.forget(ids))
}

// forget takes the keys out of use: nothing is sealed or opened with them from here on.
func (k *Keys) forget(ids []saga.ID) (places []*place) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		if p := k.keys[id]; p != nil {
			places = append(places, p)
			delete(k.keys, id)
		}
	}
	return places
}

// destroy overwrites the places with zeros and syncs once. If the process dies before the
// sync, any of the keys may still be there whole or torn; Sweep takes both.
func (k *Keys) destroy(places []*place) error {
	if len(places) == 0 {
		return nil
	}
	if err := k.erase(places); err != nil {
		return k.fail("erase", err)
	}
	if err := k.disk.Sync(); err != nil {
		return k.fail("sync", err)
	}
	return k.shrink()
}

func (k *Keys) erase(places []*place) error {
	zeros := make([]byte, slotSize)
	for _, p := range places {
		if _, err := k.disk.WriteAt(zeros, slotAt(p.slot)); err != nil {
			return err
		}
		clear(p.key[:])
		k.uses[p.slot] = free
		k.lowest = min(k.lowest, p.slot)
	}
	return nil
}

// slack is how many free slots at the end are worth cutting off.
const slack = 512

// shrink cuts free slots off the end. Lost in a crash, it leaves zeros.
func (k *Keys) shrink() error {
	n := len(k.uses)
	for n > 0 && k.uses[n-1] == free {
		n--
	}
	if len(k.uses)-n < slack {
		return nil
	}
	if err := k.disk.Truncate(slotAt(n)); err != nil {
		return k.fail("truncate", err)
	}
	k.uses, k.lowest = k.uses[:n], min(k.lowest, n)
	return nil
}

// Sweep destroys the key of every saga for which live says no, and what a crash left torn
// or under another key-encryption key.
// Call it while no key waits for its saga to be committed; it returns how many keys it
// destroyed. live must say yes for a saga whose record is damaged: it may yet be mended.
func (k *Keys) Sweep(live func(saga.ID) bool) (int, error) {
	k.writing.Lock()
	defer k.writing.Unlock()
	if k.failed != nil {
		return 0, k.failed
	}
	places := k.forget(k.orphans(live))
	return len(places), k.destroy(append(places, k.leftovers()...))
}

func (k *Keys) orphans(live func(saga.ID) bool) (ids []saga.ID) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for id := range k.keys {
		if !live(id) {
			ids = append(ids, id)
		}
	}
	return ids
}
