package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// metaKeys is the meta key under which the store remembers which keys file is its own.
const metaKeys = "keys_file"

// recoverKeys fails if the keys file is another store's.
func (o *Orchestrator) recoverKeys(ctx context.Context) error {
	own, err := o.cfg.Store.Meta(ctx, metaKeys)
	switch {
	case errors.Is(err, storage.ErrNotFound) && o.log == 0:
		return o.adopt(ctx)
	case err != nil:
		return fmt.Errorf("which keys file is the store's: %w", err)
	case string(own) != o.cfg.Keys.ID():
		return errors.New("the keys file is not this store's: look at the data directory and the volumes mounted there")
	}
	return nil
}

// adopt binds a new store to its keys file.
func (o *Orchestrator) adopt(ctx context.Context) error {
	if n := o.cfg.Keys.Len(); n > 0 {
		return fmt.Errorf("the store is new and the keys file holds the keys of %d erasures under way: put the database back, or remove the keys file to begin anew and lose them", n)
	}
	return o.note(ctx, map[string][]byte{metaKeys: []byte(o.cfg.Keys.ID())})
}

// sweep destroys the data keys that nobody needs. It comes after [Orchestrator.catchUp]: a
// store that was put back does not know all sagas, and may have been the wrong one. The keys
// of those it does not know are kept until an operator confirms. And it comes after
// [Orchestrator.recoverOutbox], which tells whose end the bus does not have yet.
func (o *Orchestrator) sweep(ctx context.Context) error {
	o.countKeyless(ctx)
	putBack := o.wasPutBack()
	unknown, err := o.sweepKeys(ctx, putBack)
	if err != nil || unknown == 0 || !putBack {
		return err
	}
	o.logger.WarnContext(ctx, "the store was put back: data keys of sagas that it does not know are kept until an operator confirms", "count", unknown)
	r := o.recovery.get()
	r.KeysKept = true
	v, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := o.note(ctx, map[string][]byte{metaRecovery: v}); err != nil {
		return err
	}
	o.adoptRecovery(r)
	return nil
}

// countKeyless says how many sagas under way have no data key: that is a keys file which is too
// old, and who puts the right one back must do so before requests seal them anew.
func (o *Orchestrator) countKeyless(ctx context.Context) {
	n := 0
	for _, id := range o.live.ids() {
		if !o.cfg.Keys.Has(id) {
			n++
		}
	}
	if n > 0 {
		o.logger.ErrorContext(ctx, "sagas under way have no data key: if there is a newer copy of the keys file, stop and put it back now; whatever is asked for again is sealed anew", "count", n)
	}
}

// keyPatience is how long a data key outlives its saga at most, while the bus does not take
// the event of the end.
const keyPatience = 24 * time.Hour

// sweepLate destroys the data keys that waited too long for the bus, which may be away.
func (o *Orchestrator) sweepLate(ctx context.Context) error {
	a, err := o.hand(ctx, job{aside: func() error {
		_, err := o.sweepKeys(ctx, o.wasPutBack())
		return err
	}})
	if err != nil {
		return err
	}
	return a.err
}

// sweepKeys destroys the keys of sagas that have ended and, unless it is unsure whether the
// store knows all, those of sagas that this does not know. It returns how many of those are
// left. It is for the writer, or for before it: a batch in the making has keys that the store
// does not know.
func (o *Orchestrator) sweepKeys(ctx context.Context, unsure bool) (unknown int, err error) {
	unsure = unsure || o.nameless
	since := o.cfg.Now().Add(-keyPatience)
	if o.trust.why() != "" {
		since = time.Time{} // nobody knows how long they have waited
	}
	swept, err := o.cfg.Keys.Sweep(func(id saga.ID) bool {
		switch {
		case o.live.has(id) || o.damaged[id] || o.relay.ending(id, since):
			return true
		case !unsure || o.ended(ctx, id):
			return false
		}
		unknown++
		return true
	})
	if err != nil {
		return unknown, fmt.Errorf("sweep data keys: %w", err)
	}
	if swept > 0 {
		o.logger.InfoContext(ctx, "data keys that no saga under way needs are destroyed", "count", swept)
	}
	return unknown, nil
}

// wasPutBack reports whether the store is, or may be, older than another copy of it, and
// nobody has confirmed that this is the one to go on with.
func (o *Orchestrator) wasPutBack() bool {
	r := o.recovery.get()
	return o.found != nil || o.outlived || r.Unconfirmed || r.KeysKept
}

// ended reports whether the store knows that a saga has ended.
func (o *Orchestrator) ended(ctx context.Context, id saga.ID) bool {
	s, err := o.cfg.Store.Load(ctx, id)
	return err == nil && s.Phase.Final()
}
