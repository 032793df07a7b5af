package events

import "time"

// Cancellation answers a [Cancel]. A refusal is a [Problem].
type Cancellation struct {
	Saga    string       `json:"saga"`
	Request string       `json:"request"`
	Result  CancelResult `json:"result"`
	State   State        `json:"state"`

	// Replicated is false while the bus has not stored the decision: it is recorded, and
	// would be lost with the orchestrator's disk.
	Replicated bool `json:"replicated"`

	Alive       []AlivePermit `json:"alive,omitempty"`        // may still be acted on; what they did is restored when they are reported or dead
	NotRestored []string      `json:"not_restored,omitempty"` // participants that ended sessions or tokens, which stay ended
}

// CancelResult says what a cancel did.
type CancelResult string

// The results of a cancel.
const (
	CancelledSaga    CancelResult = "cancelled" // it was the last request of its saga, which is undone
	WithdrawnRequest CancelResult = "withdrawn" // others still want the erasure
)

// Operation is what an operator decides or asks. Which fields go with a verb is said at
// each; any other one is refused, and so are unknown fields: it was meant for something
// else. By and Ground are needed for everything that changes something, and become part of
// the history, or of the log where no saga is concerned.
type Operation struct {
	Verb        OperationVerb `json:"verb"`
	Saga        string        `json:"saga,omitempty"`
	Participant string        `json:"participant,omitempty"`
	Step        Verb          `json:"step,omitempty"` // of the participant; empty: the one that it is at
	Request     string        `json:"request,omitempty"`
	Hold        string        `json:"hold,omitempty"` // id, from the answer to hold
	Realm       string        `json:"realm,omitempty"`
	UserID      Private       `json:"user_id,omitempty"`
	Identifiers []Identifier  `json:"identifiers,omitempty"`
	Ground      string        `json:"ground,omitempty"` // why, for people; never personal data
	By          string        `json:"by,omitempty"`     // who, for people
	Until       *time.Time    `json:"until,omitempty"`
	Source      string        `json:"source,omitempty"`
}

// OperationVerb is what an operator wants done.
type OperationVerb string

// The verbs of operators.
const (
	OpRetry          OperationVerb = "retry"           // saga; participant, step: one parked step, else all of them
	OpWaive          OperationVerb = "waive"           // saga, participant; step
	OpCancel         OperationVerb = "cancel"          // saga; request: withdraw one, else the whole saga
	OpResume         OperationVerb = "resume"          // saga: go on after what parked it was mended
	OpExtend         OperationVerb = "extend"          // saga, until: move due, once
	OpBind           OperationVerb = "bind"            // saga, user_id: say who an ambiguous request means
	OpHold           OperationVerb = "hold"            // realm, and user_id or identifiers; participant: its share alone; until
	OpRelease        OperationVerb = "release"         // hold
	OpReleaseBrake   OperationVerb = "release_brake"   // source, or saga and participant; else the ceiling of all together
	OpConfirmClock   OperationVerb = "confirm_clock"   // the clock was looked at, and is right
	OpConfirmRestore OperationVerb = "confirm_restore" // the store was put back, what it lacks is dealt with: erasures go on
	OpExplain        OperationVerb = "explain"         // saga; participant: what it waits for, whose turn, since when, until when; without: all that waits for an operator
	OpHolds          OperationVerb = "holds"           // which legal holds are on record
)

// Operated answers an [Operation] after the commit. A refusal is a [Problem].
type Operated struct {
	Saga       string        `json:"saga,omitempty"`
	Hold       string        `json:"hold,omitempty"` // hold: the id to release it by
	State      State         `json:"state,omitempty"`
	Explain    string        `json:"explain,omitempty"` // one line, for people
	Replicated bool          `json:"replicated"`        // as in a Cancellation
	Alive      []AlivePermit `json:"alive,omitempty"`   // cancel, hold: permits that may still be acted on
	Sagas      []string      `json:"sagas,omitempty"`   // the sagas that this concerns; a thousand at most
	Holds      []LegalHold   `json:"holds,omitempty"`   // holds: oldest first; a thousand at most
}

// LegalHold is a hold that is on record. On whom it lies nobody can read from it: only
// keyed hashes of that are kept.
type LegalHold struct {
	Hold        string     `json:"hold"` // the id to release it by
	Participant string     `json:"participant,omitempty"`
	Ground      string     `json:"ground"`
	By          string     `json:"by"`
	At          time.Time  `json:"at"`
	Until       *time.Time `json:"until,omitempty"`
}
