// Package storage is the contract between the orchestrator and its store: what one group
// commit changes, and what is read back at a start.
//
// storage/memory is the reference implementation, storage/bolt the one for production;
// storagetest holds both to the same behaviour. storage/vault seals what is personal, in
// front of either.
//
// A store promises: a Batch is applied whole or not at all; what Commit has returned for
// is there after the process, or the machine, dies; a record that was damaged is reported
// as [ErrDamaged] for its saga, and never read as something else.
package storage

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// Sentinels of a store.
var (
	ErrNotFound = errors.New("storage: not found")
	ErrPruned   = fmt.Errorf("%w: it was pruned", ErrNotFound)       // of a finished saga; see Store.Tombstone
	ErrDamaged  = errors.New("storage: damaged record")              // wrapped with the saga's id and what does not fit
	ErrFull     = errors.New("storage: no space left")               // nothing was changed; later commits may succeed
	ErrLocked   = errors.New("storage: another process has it open") // of Open
	ErrOrder    = errors.New("storage: batch out of order")          // Batch.Log is not the last one plus one
	ErrConflict = errors.New("storage: batch does not fit what is stored")
	ErrClosed   = errors.New("storage: closed")
)

// DamagedError is an [ErrDamaged] that says where. Saga is empty if the record is none of
// a saga's.
type DamagedError struct {
	Saga saga.ID
	What string // the record and what does not fit; nothing of its content
}

func (e *DamagedError) Error() string {
	if e.Saga == "" {
		return ErrDamaged.Error() + ": " + e.What
	}
	return ErrDamaged.Error() + ": saga " + string(e.Saga) + ": " + e.What
}

// Is makes a DamagedError an [ErrDamaged].
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// Store keeps sagas. Commit is called by one goroutine at a time; reads may run beside it
// and see the state before or after a batch, never between.
//
// An iteration reads in portions, so that it never keeps a commit waiting and its body may
// call any method: each element is as it was at some moment since the iteration began. A
// damaged element is yielded as its error and the iteration goes on; after any other error
// it ends. A read of anything damaged is [ErrDamaged], and concerns that record alone.
type Store interface {
	// Load returns the saga's state. ErrNotFound, ErrPruned, ErrDamaged.
	Load(ctx context.Context, id saga.ID) (saga.State, error)
	// History returns the saga's entries in order, live or finished. ErrNotFound, ErrPruned, ErrDamaged
	// (also when the chain does not lead to the state's head).
	History(ctx context.Context, id saga.ID) ([]saga.Entry, error)
	// Summary returns the bytes that were stored with the final state. ErrNotFound,
	// ErrPruned.
	Summary(ctx context.Context, id saga.ID) ([]byte, error)
	// Tombstone returns what is left of a pruned saga. ErrNotFound, also if it was not pruned.
	Tombstone(ctx context.Context, id saga.ID) (Tombstone, error)
	// Vault returns the saga's sealed box, opaque to the store. ErrNotFound.
	Vault(ctx context.Context, id saga.ID) ([]byte, error)
	// BySlot returns the id of the saga in a slot (State.Slot): the live one of a subject,
	// or the queued one. ErrNotFound.
	BySlot(ctx context.Context, slot string) (saga.ID, error)
	// Request returns what an idempotency key led to. ErrNotFound.
	Request(ctx context.Context, key string) (RequestKey, error)
	// Plan returns a plan by its digest. ErrNotFound.
	Plan(ctx context.Context, digest string) (saga.Plan, error)
	// Meta returns a value set by Batch.Meta. ErrNotFound.
	Meta(ctx context.Context, key string) ([]byte, error)
	// LastLog returns the log number of the last batch; 0: none yet.
	LastLog(ctx context.Context) (uint64, error)

	// Timers yields the wake-up of every live saga, earliest first.
	Timers(ctx context.Context) iter.Seq2[Timer, error]
	// Outbox yields the messages that were not sent yet, in commit order.
	Outbox(ctx context.Context) iter.Seq2[Message, error]
	// Live yields every live saga; a damaged one is yielded as a [DamagedError].
	Live(ctx context.Context) iter.Seq2[saga.State, error]
	// Finished yields the ids of finished sagas, oldest id first, from after on ("" = all);
	// pruned ones are not among them.
	Finished(ctx context.Context, after saga.ID) iter.Seq2[saga.ID, error]
	// Holds yields every hold that was placed and not released, by id.
	Holds(ctx context.Context) iter.Seq2[Hold, error]
	// DeadLetters yields what could not be decoded, oldest first.
	DeadLetters(ctx context.Context) iter.Seq2[DeadLetter, error]

	// Commit applies a batch in one transaction. After ErrFull, ErrOrder, ErrConflict and
	// ErrDamaged (the [DamagedError] names the saga that cannot go on) nothing is changed
	// and the store goes on. After any other error nobody knows whether the batch is there:
	// the store is unusable and the process must exit and recover.
	Commit(ctx context.Context, b Batch) error
	Close() error
}

// Batch is everything that one group commit changes. What does not fit is ErrConflict: a
// saga that goes on after its end, entries that do not lead from the stored head to the
// new one, a saga without its plan, a second live saga of one subject.
type Batch struct {
	Log         uint64       // the last batch's number plus one
	Sagas       []Change     // applied in order
	Plans       []saga.Plan  // put if their digest is not there; seen by Sagas of the same batch
	Outbox      []Message    // appended; Key.Log is Log, and Index ascends
	Sent        []MessageKey // leave the outbox; one that is not there is ignored
	Requests    []RequestKey // idempotency keys; the later of two equal ones stays
	Expire      time.Time    // request keys that expire before are dropped; zero: none
	DeadLetters []DeadLetter // a bounded number is kept, the newest; see DeadLetterLimit
	Holds       []Hold       // placed, or changed
	Released    []string     // ids of holds; one that is not there is ignored
	Meta        map[string][]byte
	// Prune takes state, history and summary of finished sagas away and leaves a Tombstone,
	// after Sagas were applied. ErrConflict if one is live, not there, or pruned already.
	Prune []saga.ID
}

// Tombstone is what stays of a pruned saga: enough to say that it ended, how and when, and
// to recognise its published summary, which names the head of the history.
type Tombstone struct {
	Saga  saga.ID    `json:"saga"`
	Phase saga.Phase `json:"phase"`
	Ended time.Time  `json:"ended"`
	Seq   uint64     `json:"seq"`
	Head  saga.Hash  `json:"head"`
}

// TombstoneOf returns the tombstone of a finished saga.
func TombstoneOf(s saga.State) Tombstone {
	return Tombstone{Saga: s.ID, Phase: s.Phase, Ended: s.Ended, Seq: s.Seq, Head: s.Head}
}

// Hold is a legal hold on a person or on one share of theirs, also while no saga is about
// them. On are keyed hashes of what it lies on: of realm and user id, or of identifiers.
type Hold struct {
	saga.Hold
	On []string
}

// Change is what happened to one saga in a batch.
type Change struct {
	State saga.State
	// Entries are appended to its history; the last one's Seq is State.Seq. None: only the
	// vault or the wake-up changes.
	Entries []saga.Entry
	Wake    time.Time // zero if and only if the saga is final: no timer
	// Vault replaces the sealed box when it is not nil. A final state drops the box.
	Vault []byte
	// Summary is set exactly once, with the final state, and not empty; its bytes are never
	// changed.
	Summary []byte
}

// Timer says when a saga wants to be woken.
type Timer struct {
	At   time.Time
	Saga saga.ID
}

// MessageKey orders the outbox: by batch, then within it.
type MessageKey struct {
	Log   uint64
	Index uint32
}

// Message is a message to publish, already encoded.
type Message struct {
	Key     MessageKey
	Saga    saga.ID
	Subject string
	MsgID   string // Nats-Msg-Id; the same for every attempt to publish this row
	Header  map[string][]string
	Data    []byte
	At      time.Time // committed
}

// RequestKey says which saga and request an idempotency key belongs to. Key is a keyed
// hash; the key itself is not stored.
type RequestKey struct {
	Key     string
	Saga    saga.ID
	Request string
	Expires time.Time
}

// DeadLetterLimit bounds the dead letters that a store keeps.
const DeadLetterLimit = 10_000

// DeadLetter is a message that could not be decoded: never its payload.
type DeadLetter struct {
	At     time.Time
	Origin string // stream or endpoint
	Source string // of the subject's token
	Size   int
	Digest string // keyed hash of the payload
	Fault  string // field and problem, without values
}
