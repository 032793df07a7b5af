package events

import "slices"

// The fixed participant names. A plan may add others.
const (
	Sessions           = "sessions"
	APIKeys            = "api-keys"
	PrivateKeys        = "private-keys"
	Delegations        = "delegations"
	IdentityProvider   = "identity-provider"
	VerificationImages = "verification-images"
	AutomationSettings = "automation-settings"
	RegistrationData   = "registration-data"
	Account            = "account"
)

// Verb is what a command asks a participant to do.
type Verb string

// The verbs. Resolve and verify only read; suspend is undone by restore; erase is final.
const (
	Resolve Verb = "resolve"
	Suspend Verb = "suspend"
	Restore Verb = "restore"
	Erase   Verb = "erase"
	Verify  Verb = "verify"
)

// Verdict is what a participant reports of one step.
type Verdict string

// The verdicts. Which of them a verb may report is said at each.
const (
	Resolved   Verdict = "resolved"   // resolve: the subject is known; identifiers and baseline counts follow
	Absent     Verdict = "absent"     // every verb but verify: the participant could see, and there is nothing
	Erased     Verdict = "erased"     // erase
	Anonymised Verdict = "anonymised" // erase
	Shredded   Verdict = "shredded"   // erase: the key that made the data readable is destroyed
	Retained   Verdict = "retained"   // erase: the participant itself must keep its share; ground given
	Counted    Verdict = "counted"    // verify: remaining says how much is left
	Prepared   Verdict = "prepared"   // suspend, first exchange: undo values, nothing done yet
	Suspended  Verdict = "suspended"  // suspend, second exchange
	Restored   Verdict = "restored"   // restore
	Failed     Verdict = "failed"     // any verb: class and code follow
	Waived     Verdict = "waived"     // never reported: an operator's decision, in a status or a summary
)

// FailureClass says who can mend a failure.
type FailureClass string

// The failure classes.
const (
	Transient     FailureClass = "transient"     // try again; back-off decides when
	RateLimited   FailureClass = "rate_limited"  // try again no earlier than retry_at
	Misconfigured FailureClass = "misconfigured" // an operator must change a configuration
	Refused       FailureClass = "refused"       // the participant will never do this; an operator must decide
)

// State is where a saga stands.
type State string

// The states of a saga; the last four are final.
const (
	Resolving               State = "resolving"
	Suspending              State = "suspending"
	Grace                   State = "grace"
	Erasing                 State = "erasing"
	Verifying               State = "verifying"
	Restoring               State = "restoring"
	Completed               State = "completed"
	CompletedWithExceptions State = "completed_with_exceptions"
	NotFound                State = "not_found"
	Cancelled               State = "cancelled"
)

// Final reports whether a saga in state s has ended.
func (s State) Final() bool {
	switch s {
	case Completed, CompletedWithExceptions, NotFound, Cancelled:
		return true
	case Resolving, Suspending, Grace, Erasing, Verifying, Restoring:
		return false
	}
	return false
}

// EventKind names a lifecycle event; it is a token of the event's subject.
type EventKind string

// The kinds of lifecycle events.
const (
	KindAccepted  EventKind = "accepted"
	KindSuspended EventKind = "suspended"
	KindErasing   EventKind = "erasing"
	KindParked    EventKind = "parked"
	KindResumed   EventKind = "resumed"
	KindHeld      EventKind = "held"
	KindReleased  EventKind = "released"
	KindRestoring EventKind = "restoring" // the last request was withdrawn; suspended shares are brought back
	KindExtended  EventKind = "extended"  // due was moved, by an operator
	KindWithdrawn EventKind = "withdrawn" // one request was, and others still want the erasure
	KindCancelled EventKind = "cancelled"
	KindFinished  EventKind = "finished"
)

// Kind is what a participant counts, for example api_keys. Each fixed participant has a
// closed list of them, see [Kinds].
type Kind string

var kinds = map[string][]Kind{
	Sessions:           {"sessions", "cache_entries"},
	APIKeys:            {"api_keys"},
	PrivateKeys:        {"private_keys"},
	Delegations:        {"delegations"},
	IdentityProvider:   {"identities", "provider_links"},
	VerificationImages: {"scans", "authentications", "documents", "images"},
	AutomationSettings: {"automation_settings"},
	RegistrationData:   {"emails", "phones", "addresses", "identities"},
	Account:            {"accounts", "profiles"},
}

// Kinds returns the count kinds of a fixed participant, and nil for any other name: a
// plan that adds a participant declares its kinds itself.
func Kinds(participant string) []Kind {
	return append([]Kind(nil), kinds[participant]...)
}

// ValidKind reports whether a participant may count k. For a participant without a closed
// list, every well-formed kind is valid: [a-z0-9_]{1,64}.
func ValidKind(participant string, k Kind) bool {
	list, fixed := kinds[participant]
	return slices.Contains(list, k) || !fixed && codeSet.has(string(k))
}

// Counts is how many items of each kind; no negative values.
type Counts map[Kind]int64

// Total returns the sum over all kinds.
func (c Counts) Total() (n int64) {
	for _, v := range c {
		n += v
	}
	return n
}
