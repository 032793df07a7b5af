package events

import "time"

// Payload is the data of one message. [Payloads] has all there are; they are
// passed as plain values, never as pointers.
//
// The json tags are read by [Encode] and [Decode]; encoding/json would write [Redacted]
// for what is private.
type Payload interface {
	ceType() string
	check(*place)
}

// Request asks for an erasure. Exactly one of UserID and Identifiers must be given.
// Unknown fields are refused: a misspelt scope must never widen an erasure.
type Request struct {
	UserID         Private      `json:"user_id,omitempty"`
	Identifiers    []Identifier `json:"identifiers,omitempty"`
	Plan           string       `json:"plan,omitempty"`            // name of a configured plan; empty: the source's default
	Scope          *Scope       `json:"scope,omitempty"`           // nil: everything that the plan covers
	Regime         string       `json:"regime,omitempty"`          // gdpr, ccpa or a configured name; empty: the source's default
	NotBefore      *time.Time   `json:"not_before,omitempty"`      // nil: now
	Reason         Private      `json:"reason,omitempty"`          // free text, sealed with the identifiers
	IdempotencyKey string       `json:"idempotency_key,omitempty"` // 1 to 128 bytes; empty: derived from ce-source and ce-id
	CorrelationID  string       `json:"correlation_id,omitempty"`  // [A-Za-z0-9._-]{1,64}; returned in every answer and event
}

// Scope narrows an erasure to some participants or to single items of them.
type Scope struct {
	Participants []string `json:"participants,omitempty"`
	Items        []Item   `json:"items,omitempty"`
}

// Item is one thing a participant holds, for example one image by its vendor reference.
type Item struct {
	Participant string  `json:"participant"`
	Kind        Kind    `json:"kind"`
	Reference   Private `json:"reference"`
}

// Cancel withdraws one request, which is named by the id that its acceptance returned.
// Unknown fields are refused.
type Cancel struct {
	Request string  `json:"request"`
	Reason  Private `json:"reason,omitempty"`
}

// StatusQuery asks for the state of a saga that serves a request of the asking source.
type StatusQuery struct {
	Saga string `json:"saga"`
}

// Acceptance answers a request: it was committed before this was sent.
type Acceptance struct {
	Saga          string    `json:"saga"`
	Request       string    `json:"request"`
	State         State     `json:"state"`
	Due           time.Time `json:"due"`
	Joined        bool      `json:"joined"`           // true: the saga was already there
	Queued        bool      `json:"queued,omitempty"` // true: it begins when the live saga of the same person has ended
	CorrelationID string    `json:"correlation_id,omitempty"`
}

// Problem answers what cannot be accepted. It never echoes the input.
type Problem struct {
	Code   string `json:"code"`            // stable, for programs, see the Code constants
	Field  string `json:"field,omitempty"` // path of the field at fault, as in scope.items[0].kind
	Detail string `json:"detail"`          // one sentence, for people
}

// The codes of a [Problem].
const (
	CodeInvalid     = "invalid"     // the message is malformed; Field says where
	CodeUnsupported = "unsupported" // well-formed, and not served by this version or configuration
	CodeUnknown     = "unknown"     // no such saga or request among the asker's own
	CodeTooLate     = "too_late"    // a cancel after the pivot or after the end
	CodeBusy        = "busy"        // try again; nothing was recorded
)

// Status answers a [StatusQuery].
type Status struct {
	Saga         string              `json:"saga"`
	State        State               `json:"state"`
	Parked       string              `json:"parked,omitempty"` // why an operator must act; empty: nobody must
	Due          time.Time           `json:"due"`
	Started      time.Time           `json:"started"`
	Ended        *time.Time          `json:"ended,omitempty"`
	Participants []ParticipantStatus `json:"participants"`
	Queued       bool                `json:"queued,omitempty"`      // waits for the end of the person's live saga
	Held         string              `json:"held,omitempty"`        // ground of a legal hold on the person; empty: none
	HeldUntil    *time.Time          `json:"held_until,omitempty"`  // end of that hold; nil: none is known
	GraceUntil   *time.Time          `json:"grace_until,omitempty"` // nothing irreversible before
	Alive        []AlivePermit       `json:"alive,omitempty"`       // what workers may do at this moment
	Exceptions   []Exception         `json:"exceptions,omitempty"`  // of one that ended, as its summary has them
}

// AlivePermit is a permit that was granted, is neither reported nor dead, and may still be
// acted on: a process that is frozen inside one call cannot be called back.
type AlivePermit struct {
	Participant string    `json:"participant"`
	Verb        Verb      `json:"verb"`
	Until       time.Time `json:"until"` // dead after that
}

// ParticipantStatus is one line of a [Status].
type ParticipantStatus struct {
	Name     string     `json:"name"`
	Verb     Verb       `json:"verb"` // the step that it is at
	Step     string     `json:"step"` // waiting, open, granted, reported, delayed or parked
	Reason   string     `json:"reason,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
	Attempts int        `json:"attempts"`
	Verdict  Verdict    `json:"verdict,omitempty"` // of erase
	Counts   Counts     `json:"counts,omitempty"`
	Verified bool       `json:"verified"`

	Suspended bool `json:"suspended,omitempty"` // its share is unusable, and can be restored
	Held      bool `json:"held,omitempty"`      // a legal hold on the person or on this share blocks its erase
}

// Command is the doorbell: it says that a step is open, and carries no personal data. It
// permits nothing; only a [Permit] does.
type Command struct {
	Saga        string `json:"saga"`
	Participant string `json:"participant"`
	Verb        Verb   `json:"verb"`
	Round       int    `json:"round"`
	Issue       int    `json:"issue"`      // counts the doorbells of this saga
	Generation  uint64 `json:"generation"` // of the orchestrator
	ClaimOn     string `json:"claim_on"`   // subject to claim on, opaque to the worker
	ReportOn    string `json:"report_on"`  // subject to report on, opaque to the worker
}

// Claim asks whether a step may still be done, and for whom. With Permit set it renews
// that permit.
type Claim struct {
	Saga     string    `json:"saga"`
	Verb     Verb      `json:"verb"`
	Round    int       `json:"round"`
	Instance string    `json:"instance"`         // of the worker: the same one gets the same permit again
	Permit   string    `json:"permit,omitempty"` // the permit to renew
	Time     time.Time `json:"time"`             // the worker's wall clock
}

// Permit answers a claim: the right to act once, for LifeMS milliseconds counted from
// before the claim was sent, on the worker's monotonic clock.
type Permit struct {
	Permit      string       `json:"permit"`
	Saga        string       `json:"saga"`
	Verb        Verb         `json:"verb"`
	Round       int          `json:"round"`
	Attempt     int          `json:"attempt"`
	Generation  uint64       `json:"generation"`
	LifeMS      int64        `json:"life_ms"`
	MaybeDone   bool         `json:"maybe_done"` // an earlier permit was never reported: finding nothing proves nothing
	Realm       string       `json:"realm"`
	Identifiers []Identifier `json:"identifiers"`        // what this participant needs, no more
	Baseline    Counts       `json:"baseline,omitempty"` // counted at resolve; nil when unknown
	Undo        Private      `json:"undo,omitempty"`     // restore: what counts; suspend: it was prepared before
	Items       []Item       `json:"items,omitempty"`    // narrow: nothing but these; empty: the whole share
	CutOff      *time.Time   `json:"cut_off,omitempty"`  // narrow: what was created later is left, and reported as left
	Due         *time.Time   `json:"due,omitempty"`      // by when the erasure must have ended: whose is nearest goes first
}

// Refusal answers a claim that is not granted. The command is finished either way.
type Refusal struct {
	Reason RefusalReason `json:"reason"`
	Until  *time.Time    `json:"until,omitempty"` // no use asking before; the orchestrator rings again by itself
}

// RefusalReason says why a claim was not granted.
type RefusalReason string

// The reasons, a closed set.
const (
	RefusedUnknown    RefusalReason = "unknown"    // no such saga, participant or step
	RefusedDone       RefusalReason = "done"       // the step is reported
	RefusedStale      RefusalReason = "stale"      // an older round, or a permit that is no longer alive
	RefusedBusy       RefusalReason = "busy"       // another instance holds the permit
	RefusedDelayed    RefusalReason = "delayed"    // backing off or rate limited
	RefusedParked     RefusalReason = "parked"     // an operator must act
	RefusedHeld       RefusalReason = "held"       // a legal hold
	RefusedEnded      RefusalReason = "ended"      // the saga is final or cancelled
	RefusedNotReady   RefusalReason = "not_ready"  // the orchestrator is recovering or stopping
	RefusedMisfit     RefusalReason = "misfit"     // the subject's participant is not the claim's
	RefusedNotYetOpen RefusalReason = "not_opened" // the step waits for others
)

// Report says what became of a permit.
type Report struct {
	Saga        string       `json:"saga"`
	Verb        Verb         `json:"verb"`
	Round       int          `json:"round"`
	Permit      string       `json:"permit"`
	Verdict     Verdict      `json:"verdict"`
	Counts      Counts       `json:"counts,omitempty"`      // resolve: the baseline; suspend, restore: what was ended or changed; erase: what was erased
	Remaining   *int64       `json:"remaining,omitempty"`   // items left, counted after acting; nil: cannot count
	Identifiers []Identifier `json:"identifiers,omitempty"` // resolve: what this participant yields
	Undo        Private      `json:"undo,omitempty"`        // suspend, prepared: what restore needs
	Ground      string       `json:"ground,omitempty"`      // retained: the ground, from the worker's configuration
	Until       *time.Time   `json:"until,omitempty"`       // retained: until when; failed as rate_limited: try again no earlier
	Class       FailureClass `json:"class,omitempty"`       // failed
	Code        string       `json:"code,omitempty"`        // failed: [a-z0-9_]{1,64}, never input
	RowsOnly    bool         `json:"rows_only,omitempty"`   // erased rows whose remote effect was not confirmed
	Left        Counts       `json:"left,omitempty"`        // erase, verify: created after the permit's cut-off; not part of remaining
}

// Receipt answers a report, after the commit.
type Receipt struct {
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
	Undo    Private `json:"undo,omitempty"` // answers prepared: the value that counts, which is the first one ever accepted
}

// Outcome says what a report did.
type Outcome string

// The outcomes. Each of them ends the worker's duty to report; only silence or a
// [Problem] with CodeBusy is a reason to send the report again.
const (
	Took     Outcome = "accepted" // it counts
	Recorded Outcome = "recorded" // kept in the history, changes nothing
	Rejected Outcome = "refused"  // it names no granted permit, or its data are not a report
)

// Hello announces a worker. It is sent at start and every minute.
type Hello struct {
	Instance  string           `json:"instance"`
	Version   string           `json:"version"` // of the worker's software
	Abilities []Verb           `json:"abilities"`
	Needs     []IdentifierType `json:"needs,omitempty"`
	Yields    []IdentifierType `json:"yields,omitempty"`
	Time      time.Time        `json:"time"`
}

// Welcome answers a hello.
type Welcome struct {
	Time  time.Time `json:"time"`            // the orchestrator's wall clock
	Known bool      `json:"known"`           // some configured plan has this participant
	Fault string    `json:"fault,omitempty"` // how the hello disagrees with the plans, for people
}

// Event is one step in the life of a saga. The person appears only as a pseudonym.
//
// A hold that lies on no saga, and its release, is an event without one: it goes to
// [SubjectDecision], for operators alone, and On says on whom it lies.
type Event struct {
	Saga          string     `json:"saga,omitempty"` // empty: a decision; then State, Pseudonym and Due are empty too
	Kind          EventKind  `json:"kind"`
	State         State      `json:"state,omitempty"`
	Pseudonym     string     `json:"pseudonym,omitempty"`
	Participant   string     `json:"participant,omitempty"` // held, released: the share; empty: the whole person
	Reason        string     `json:"reason,omitempty"`
	At            time.Time  `json:"at"`
	Due           time.Time  `json:"due,omitempty"` //nolint:modernize // Encode reads the tag, and leaves a zero time out
	Request       string     `json:"request,omitempty"`
	CorrelationID string     `json:"correlation_id,omitempty"`
	Hold          string     `json:"hold,omitempty"`   // id of the hold
	Ground        string     `json:"ground,omitempty"` // of a hold, or of what an operator decided
	Until         *time.Time `json:"until,omitempty"`  // end of a hold; nil: none is known
	On            []string   `json:"on,omitempty"`     // keyed hashes of the identifiers that the hold lies on
}

// Summary is the end of an erasure. Its bytes are built once, in the final transaction,
// and are the same for every source that joined.
type Summary struct {
	Saga         string               `json:"saga"`
	Pseudonym    string               `json:"pseudonym"`
	Plan         string               `json:"plan"`
	PlanDigest   string               `json:"plan_digest"`
	Regime       string               `json:"regime,omitempty"`
	State        State                `json:"state"`
	Started      time.Time            `json:"started"`
	Due          time.Time            `json:"due"`
	Ended        time.Time            `json:"ended"`
	Participants []ParticipantSummary `json:"participants"`
	Exceptions   []Exception          `json:"exceptions"`
	HistoryHead  string               `json:"history_head"`      // of the chain before the final entry
	Scope        *NarrowScope         `json:"scope,omitempty"`   // nil: everything that the plan covers
	CutOff       *time.Time           `json:"cut_off,omitempty"` // narrow: what was created later was left
}

// NarrowScope is the scope of a narrow saga without the references of its items, which
// are personal data.
type NarrowScope struct {
	Participants []string   `json:"participants,omitempty"`
	Items        []ItemKind `json:"items,omitempty"`
}

// ItemKind is an [Item] without its reference.
type ItemKind struct {
	Participant string `json:"participant"`
	Kind        Kind   `json:"kind"`
}

// ParticipantSummary is what one participant reported, and when it was counted at zero.
type ParticipantSummary struct {
	Name       string     `json:"name"`
	Verdict    Verdict    `json:"verdict"`
	Counts     Counts     `json:"counts"`
	Inferred   bool       `json:"inferred,omitempty"`  // the counts are the baseline's: the report was lost with its worker
	RowsOnly   bool       `json:"rows_only,omitempty"` // the remote effect was not confirmed
	Attempts   int        `json:"attempts"`
	Rounds     int        `json:"rounds"`
	ReportedAt *time.Time `json:"reported_at,omitempty"`
	VerifiedAt *time.Time `json:"verified_at,omitempty"`

	SuspendedAt *time.Time `json:"suspended_at,omitempty"`
	RestoredAt  *time.Time `json:"restored_at,omitempty"` // cancelled: the share is what it was, but for what Suspended counts as ended
	Suspended   Counts     `json:"suspended,omitempty"`   // what suspend ended or changed
	Left        Counts     `json:"left,omitempty"`        // narrow: created after the cut-off, and left
}

// Exception is a share that was not erased, or not proven to be.
type Exception struct {
	Participant string     `json:"participant"`
	Kind        string     `json:"kind"` // retained, waived or unverified
	Ground      string     `json:"ground"`
	By          string     `json:"by,omitempty"`
	Until       *time.Time `json:"until,omitempty"`
}

func (Request) ceType() string      { return typePrefix + "requested.v1" }
func (Cancel) ceType() string       { return typePrefix + "cancel.v1" }
func (StatusQuery) ceType() string  { return typePrefix + "status_query.v1" }
func (Acceptance) ceType() string   { return typePrefix + "acceptance.v1" }
func (Problem) ceType() string      { return typePrefix + "problem.v1" }
func (Cancellation) ceType() string { return typePrefix + "cancellation.v1" }
func (Operation) ceType() string    { return typePrefix + "operation.v1" }
func (Operated) ceType() string     { return typePrefix + "operated.v1" }
func (Status) ceType() string       { return typePrefix + "status.v1" }
func (Command) ceType() string      { return typePrefix + "command.v1" }
func (Claim) ceType() string        { return typePrefix + "claim.v1" }
func (Permit) ceType() string       { return typePrefix + "permit.v1" }
func (Refusal) ceType() string      { return typePrefix + "refusal.v1" }
func (Report) ceType() string       { return typePrefix + "report.v1" }
func (Receipt) ceType() string      { return typePrefix + "receipt.v1" }
func (Hello) ceType() string        { return typePrefix + "hello.v1" }
func (Welcome) ceType() string      { return typePrefix + "welcome.v1" }
func (Event) ceType() string        { return typePrefix + "event.v1" }
func (Summary) ceType() string      { return typePrefix + "summary.v1" }

const typePrefix = "io.expunge.erasure."

// Payloads returns a zero value of every payload type, in the order of an erasure.
func Payloads() []Payload {
	return []Payload{
		Request{}, Cancel{}, StatusQuery{}, Acceptance{}, Problem{}, Status{},
		Command{}, Claim{}, Permit{}, Refusal{}, Report{}, Receipt{}, Hello{}, Welcome{},
		Event{}, Summary{}, Cancellation{}, Operation{}, Operated{},
	}
}
