package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// A store that was put back knows less than the bus: somebody has told, cancelled, passed
// the pivot or finished what it holds for under way. Such a start is recovering: before any
// door opens, what the bus says is folded into the store, and what the store knows nothing
// of is named for an operator.

const (
	metaRestored   = "restored"   // set when a backup is put back; empty: dealt with
	metaRecovering = "recovering" // number of the last batch that the backup knew, until it has caught up; then empty
	metaAhead      = "log_ahead"  // by how much messages count further than the store
	metaRecovery   = "recovery"   // what is left for an operator, as a Recovery
)

// Recovery is what the last start from an old store left for an operator.
type Recovery struct {
	At time.Time `json:"at,omitzero"`
	// Unknown are requests that were accepted after the backup and whose erasure did not
	// end: nothing of them is in the store. Their sources must send them again.
	Unknown []UnknownRequest `json:"unknown,omitempty"`
	// HeldBack are sagas of the store that went further than it knows; nothing is permitted
	// for them. Those that had passed the pivot go on when an operator confirms.
	HeldBack map[saga.ID]Decision `json:"held_back,omitempty"`
	// Unconfirmed means that the bus may have been lost together with what the store lacks:
	// nothing passes its pivot, and nothing past it is permitted, until an operator confirms.
	Unconfirmed bool `json:"-"`
	// KeysKept means that there are data keys of sagas that the store does not know. They are
	// destroyed when an operator confirms: until then a newer store may be put back.
	KeysKept  bool          `json:"keys_kept,omitempty"`
	Confirmed *Confirmation `json:"confirmed,omitempty"`
}

// UnknownRequest names a request that the store knows nothing of.
type UnknownRequest struct {
	Saga          saga.ID   `json:"saga"`
	Request       string    `json:"request"`
	Source        string    `json:"source"`
	CorrelationID string    `json:"correlation_id,omitempty"`
	At            time.Time `json:"at"`
	Pivoted       bool      `json:"pivoted,omitempty"` // something may be erased already
}

// unknownSagas counts the sagas behind the unknown requests.
func (r Recovery) unknownSagas() int {
	ids := map[saga.ID]bool{}
	for _, u := range r.Unknown {
		ids[u.Saga] = true
	}
	return len(ids)
}

// Confirmation is who answers for going on, and why.
type Confirmation struct {
	By     string    `json:"by"`
	Ground string    `json:"ground"`
	At     time.Time `json:"at"`
}

// Decision is what was decided about a saga after a backup.
type Decision string

// The decisions that events tell of.
const (
	DecidedCancel Decision = "cancelled"
	DecidedPivot  Decision = "erasing"
	DecidedEnd    Decision = "finished"
)

// logMargin is how far above the highest number on the bus batches go on: some may have
// been committed and never published, or be gone from the command stream.
const logMargin = 1_000_000

// logOnBus is the number of a batch as messages carry it: above whatever is on the bus, also
// when the store is an old backup whose own numbers were used before.
func (o *Orchestrator) logOnBus(log uint64) uint64 { return log + o.ahead }

// issue is the Nats-Msg-Id of a message that is published for the first time: the number of
// its batch, and its place there, make it one that was never used.
func (b *batch) issue(id string) string {
	return fmt.Sprintf("%s@%d.%d", id, b.o.logOnBus(b.log), len(b.out.Outbox))
}

// MarkRestored makes a backup that was put back, and that nobody uses, known as one, in a
// commit of its own. An orchestrator that starts on it is another one for the bus: it must
// take that over, and waits until no permit can be alive that the backup does not know of.
// What the backup knew last stays what it knew: batches that came after it are folded in.
func MarkRestored(ctx context.Context, s storage.Store, at time.Time) error {
	log, told, err := lastLog(ctx, s)
	if err != nil {
		return err
	}
	instance, err := newID()
	if err != nil {
		return err
	}
	return commitNote(ctx, s, log+1, told, map[string][]byte{
		metaInstance: []byte(instance), metaRestored: at.UTC().AppendFormat(nil, time.RFC3339)})
}

// recovering is the state of a recovery, also for who asks from another goroutine.
type recovering struct {
	mu     sync.Mutex
	record Recovery
}

func (r *recovering) get() Recovery {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.record
	out.Unknown = slices.Clone(out.Unknown)
	out.HeldBack = maps.Clone(out.HeldBack)
	return out
}

func (r *recovering) set(record Recovery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record = record
}

// Recovery returns what waits for an operator since the store was put back.
func (o *Orchestrator) Recovery() Recovery { return o.recovery.get() }

// recoverRecovery reads what earlier starts left.
func (o *Orchestrator) recoverRecovery(ctx context.Context) error {
	var r Recovery
	if err := o.metaJSON(ctx, metaRecovery, &r); err != nil {
		return err
	}
	if err := o.metaJSON(ctx, metaAhead, &o.ahead); err != nil {
		return err
	}
	restored, err := o.cfg.Store.Meta(ctx, metaRestored)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("meta %s: %w", metaRestored, err)
	}
	r.Unconfirmed = len(restored) > 0
	o.adoptRecovery(r)
	return nil
}

// adoptRecovery makes a record count.
func (o *Orchestrator) adoptRecovery(r Recovery) {
	o.recovery.set(r)
	o.bars.hold(r.HeldBack, r.Unconfirmed)
}

// saveRecovery is for the batch that ends a recovery, or changes what it left.
func (b *batch) saveRecovery(r Recovery) error {
	v, err := json.Marshal(r)
	if err != nil {
		return err
	}
	b.meta(metaRecovery, v)
	b.meta(metaRecovering, []byte{})
	if !r.Unconfirmed {
		b.meta(metaRestored, []byte{})
	}
	return nil
}

// ErrNothingToConfirm means that no recovery waits for an operator.
var ErrNothingToConfirm = errors.New("no recovery waits for an operator")

// ConfirmRecovered lets the erasures of a store that was put back go on, on the word of an
// operator: by is a name, ground a sentence. Sagas that ended after the backup stay as they
// are. It returns after the commit.
func (o *Orchestrator) ConfirmRecovered(ctx context.Context, by, ground string) error {
	if by == "" || ground == "" {
		return errors.New("by and ground: both are needed")
	}
	r := o.recovery.get()
	if len(r.Unknown) == 0 && len(r.HeldBack) == 0 && !r.Unconfirmed && !r.KeysKept {
		return ErrNothingToConfirm
	}
	r.Unknown, r.Unconfirmed, r.KeysKept = nil, false, false
	r.Confirmed = &Confirmation{By: by, Ground: ground, At: o.cfg.Now()}
	maps.DeleteFunc(r.HeldBack, func(_ saga.ID, d Decision) bool { return d == DecidedPivot })
	if _, err := o.ask(ctx, job{do: confirming(r)}); err != nil {
		return err
	}
	o.logger.WarnContext(ctx, "the recovery is confirmed", "by", by, "ground", ground)
	o.ringAll(ctx)
	o.wakeBraked(ctx)
	return nil
}

// confirming records a confirmation, and what it permits once that is committed.
func confirming(r Recovery) func(*batch) error {
	return func(b *batch) error {
		b.tell = append(b.tell, func() { b.o.adoptRecovery(r) })
		b.sweep = func() { b.o.sweepConfirmed(b.ctx) }
		return b.saveRecovery(r)
	}
}

// sweepConfirmed destroys the keys that a confirmation lets go.
func (o *Orchestrator) sweepConfirmed(ctx context.Context) {
	if _, err := o.sweepKeys(ctx, false); err != nil {
		o.logger.WarnContext(ctx, "data keys that nobody needs are not destroyed, the next start does it", "error", err)
	}
}

// tooLate is the answer to a cancel of a saga that is held back: it went past its pivot.
func tooLate() events.Problem {
	return *problem(events.CodeTooLate, "request", "the erasure has passed the point of no return")
}
