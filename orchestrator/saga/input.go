package saga

import "time"

// Input is what can happen to a saga.
type Input interface{ input() }

// Requested asks for an erasure: it starts the saga or joins it.
type Requested struct {
	Saga        ID // used when it starts
	Request     Request
	Subject     string
	Regime      string
	Due         time.Time
	Identifiers []Identifier
	Plan        Plan      // what is asked for; a saga starts with the plan that Next is called with
	Items       []Item    // nil: whole shares
	CutOff      time.Time // of a narrow request: what was made later is left
	NotBefore   time.Time
	Queued      bool // the saga starts behind the subject's live one
	Unbound     bool // it brings attributes of a person alone, see [AskSubject]
}

// Begin makes a queued saga the live one of its subject.
type Begin struct{}

// Replanned lets a saga go on under a plan that asks for more; see [Plan.Union].
type Replanned struct{ Plan Plan }

// Bound answers [AskSubject]: the saga is that of a subject, which has no other one.
type Bound struct{ User, Subject string }

// Taken answers it, too: the subject has another saga, which must end first.
type Taken struct{ Saga ID }

// BindTo is an operator's word for whom an unbound saga is about. User is the keyed hash of
// the user id.
type BindTo struct{ User, By, Ground string }

// Cleared lets the saga pass its pivot, which it asked for by [AskPivot].
type Cleared struct{}

// Braked keeps it from passing, and says why.
type Braked struct{ Reason string }

// Announced says that the bus has the pivot's event.
type Announced struct{}

// HoldPlaced says that a legal hold lies on the saga's subject, or on one share.
type HoldPlaced struct{ Hold Hold }

// HoldReleased lifts it.
type HoldReleased struct{ ID, By, Ground string }

// Doubted says that an operator must look at the saga before its pivot.
type Doubted struct{ Reason string }

// CancelRequested withdraws one request of a source. By and Ground are an operator's, who
// does so in its place.
type CancelRequested struct {
	Request string
	Source  string
	By      string
	Ground  string
}

// CancelAll withdraws every request that stands, as an operator decided.
type CancelAll struct{ By, Ground string }

// Claimed is a worker's claim. With Permit set it renews that permit.
type Claimed struct {
	Participant string
	Verb        Verb
	Round       int
	Instance    string
	Permit      PermitID
	Fresh       PermitID // the id to give to a new permit
}

// ReportReceived is a worker's report.
type ReportReceived struct {
	Participant string
	Verb        Verb
	Round       int
	Permit      PermitID
	Verdict     Verdict
	Counts      Counts
	Remaining   *int64
	Later       Counts // of erase and verify: made after the cut-off, and left
	Identifiers []Identifier
	Ground      string
	Until       time.Time
	Class       Class
	Code        string
	RowsOnly    bool
	Undo        string // of prepared: keyed hash of what a restore needs
}

// Woke says that time has passed.
type Woke struct{}

// Recovered says that the orchestrator was started anew: permits are counted as if they
// had been granted just now, since clocks may have jumped meanwhile.
type Recovered struct{}

// Retry lets a parked step try again.
type Retry struct {
	Participant string
	Verb        Verb
	By, Ground  string
}

// Waive closes a participant's share without erasing it; with [Suspend] or [Restore] as
// its verb, that step alone.
type Waive struct {
	Participant string
	Verb        Verb // empty: erase
	By, Ground  string
}

// Resume settles the doubts about a saga: it goes on as it is.
type Resume struct{ By, Ground string }

// Extend moves the deadline, once.
type Extend struct {
	Until      time.Time
	By, Ground string
}

// Unbrake lets a share be erased although it has more items than its ceiling allows.
type Unbrake struct {
	Participant string
	By, Ground  string
}

// Decided says what is known from the bus of a saga that was restored from an older backup.
type Decided struct {
	Kind    Decision
	End     Phase  // of [DecidedEnd]
	Request string // of [DecidedWithdrawn]
	More    bool   // of [DecidedWithdrawn]: requests stand of which the saga knows nothing
}

// Decision is what had been decided after a backup was taken.
type Decision string

// The decisions.
const (
	DecidedCancel    Decision = "cancelled"
	DecidedWithdrawn Decision = "withdrawn" // one request
	DecidedSuspend   Decision = "suspended" // what is not sealed may be suspended already
	DecidedPivot     Decision = "pivoted"
	DecidedEnd       Decision = "ended"
)

// BoxLost says that the sealed identifiers cannot be read: nothing can be permitted.
type BoxLost struct{}

// BoxFound says that they can be read again.
type BoxFound struct{}

// Resealed says that the box was lost, and that there is a new one with what a request for the
// same subject brings, and with nothing else.
type Resealed struct {
	Identifiers []Identifier
	Items       []Item
}

func (Begin) input()           {}
func (Replanned) input()       {}
func (Bound) input()           {}
func (Taken) input()           {}
func (BindTo) input()          {}
func (Cleared) input()         {}
func (Braked) input()          {}
func (Announced) input()       {}
func (HoldPlaced) input()      {}
func (HoldReleased) input()    {}
func (Doubted) input()         {}
func (Resume) input()          {}
func (Extend) input()          {}
func (Unbrake) input()         {}
func (Decided) input()         {}
func (BoxLost) input()         {}
func (BoxFound) input()        {}
func (Resealed) input()        {}
func (Requested) input()       {}
func (CancelRequested) input() {}
func (CancelAll) input()       {}
func (Claimed) input()         {}
func (ReportReceived) input()  {}
func (Woke) input()            {}
func (Recovered) input()       {}
func (Retry) input()           {}
func (Waive) input()           {}
