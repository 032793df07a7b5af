package saga

import "time"

// Effect is what follows from an input. The order of effects is the order of events.
type Effect interface{ effect() }

// Record appends an entry to the history.
type Record struct{ Entry Entry }

// Ring sends a command: the doorbell of an open step.
type Ring struct {
	Participant string
	Verb        Verb
	Round       int
	Issue       int // counts the doorbells of the saga
}

// Grant answers a claim with a permit.
type Grant struct {
	Permit    PermitID
	Round     int
	Attempt   int
	Life      time.Duration // counted by the worker from before it asked
	MaybeDone bool
	Needs     []string // identifier types to hand out: user_id (once the saga is bound), what it needs, and what it yielded, lest it delete what nobody was told of
	Baseline  Counts
	Undo      bool // hand out what the suspend step sealed
}

// Deny answers a claim without one.
type Deny struct {
	Reason Denial
	Until  time.Time // zero: unknown
}

// Denial says why a claim was not granted.
type Denial string

// The denials.
const (
	DenyUnknown   Denial = "unknown"
	DenyDone      Denial = "done"
	DenyStale     Denial = "stale"
	DenyBusy      Denial = "busy"
	DenyDelayed   Denial = "delayed"
	DenyParked    Denial = "parked"
	DenyEnded     Denial = "ended"
	DenyNotOpened Denial = "not_opened"
	DenyHeld      Denial = "held"
)

// Receive answers a report.
type Receive struct {
	Outcome Outcome
	Reason  string
	Undo    bool // hand out the undo value that counts: the first that was sealed
}

// Outcome says what a report did.
type Outcome string

// The outcomes.
const (
	Took     Outcome = "accepted"
	Noted    Outcome = "recorded"
	Rejected Outcome = "refused"
)

// Admit answers a request. Joined says that the saga was there before.
type Admit struct {
	Request string
	Joined  bool
}

// Postpone answers a request that can neither join nor start now: the live saga of the
// subject is past its pivot, is being restored, or erases less than is asked for. It is
// queued behind that saga. From a queued saga it says that the two cannot be made one: the
// request is to come again when that saga has ended.
type Postpone struct{}

// CancelAnswer answers a cancel.
type CancelAnswer struct {
	Result CancelResult
	Alive  []Live   // permits that may still be acted on
	Ended  []string // participants that ended what a restore does not bring back
}

// HoldAnswer answers a hold.
type HoldAnswer struct{ Alive []Live }

// Live is a permit that may still be acted on.
type Live struct {
	Participant string
	Verb        Verb
	Until       time.Time
}

// Bind says under which plan the saga goes on: it is stored with the state.
type Bind struct{ Plan Plan }

// AskPivot says that nothing of the saga's own is in the way of its pivot. The shell
// answers with [Cleared] or [Braked]; without an answer it asks again.
type AskPivot struct{}

// AskSubject says that an unbound saga is found to be about one user id, of which User is
// the keyed hash. The shell answers with [Bound] or [Taken]; without an answer, and while it
// is taken, it asks again.
type AskSubject struct{ User string }

// CancelResult says what a cancel did.
type CancelResult string

// The results of a cancel.
const (
	CancelDone      CancelResult = "cancelled" // the saga ends with it
	CancelWithdrawn CancelResult = "withdrawn" // other requests still want the erasure
	CancelTooLate   CancelResult = "too_late"
	CancelUnknown   CancelResult = "unknown"
)

// OperatorAnswer answers an operator's verb; empty Problem means that it was done.
type OperatorAnswer struct{ Problem string }

// Emit publishes a lifecycle event to every source that the saga serves.
type Emit struct {
	Kind        EventKind
	Participant string
	Reason      string
	Only        *Request // the event is about this request alone, and for its source
	Hold        *Hold    // of held and released
}

// EventKind names a lifecycle event.
type EventKind string

// The lifecycle events.
const (
	EventAccepted  EventKind = "accepted"
	EventSuspended EventKind = "suspended"
	EventHeld      EventKind = "held"
	EventReleased  EventKind = "released"
	EventExtended  EventKind = "extended"
	EventErasing   EventKind = "erasing"
	EventParked    EventKind = "parked"
	EventResumed   EventKind = "resumed"
	EventWithdrawn EventKind = "withdrawn" // one request was; others still want the erasure
	EventCancelled EventKind = "cancelled"
	EventFinished  EventKind = "finished"
)

// Finish ends the saga: build, store and publish the summary, then destroy the data key, when the bus has it.
// Head is that of the history before the final entry. Found means that the summary was
// published before the backup was restored: its bytes are on the bus, and stay as they are.
type Finish struct {
	Head  Hash
	Found bool
}

func (Record) effect()         {}
func (Ring) effect()           {}
func (Grant) effect()          {}
func (Deny) effect()           {}
func (Receive) effect()        {}
func (Admit) effect()          {}
func (Postpone) effect()       {}
func (CancelAnswer) effect()   {}
func (OperatorAnswer) effect() {}
func (Emit) effect()           {}
func (Finish) effect()         {}
func (HoldAnswer) effect()     {}
func (AskPivot) effect()       {}
func (AskSubject) effect()     {}
func (Bind) effect()           {}
