package saga

// ID names a saga: a UUIDv7 in its canonical text form.
type ID string

// PermitID names a permit; it is unguessable, and made by the shell.
type PermitID string

// Verb is what a participant is asked to do.
type Verb string

// The verbs.
const (
	Resolve Verb = "resolve"
	Suspend Verb = "suspend"
	Restore Verb = "restore"
	Erase   Verb = "erase"
	Verify  Verb = "verify"
)

// Verbs are all verbs, in the order in which they come.
var Verbs = [...]Verb{Resolve, Suspend, Restore, Erase, Verify}

// Verdict is what a participant reports of one step.
type Verdict string

// The verdicts; Waived is an operator's, never a participant's.
const (
	Resolved   Verdict = "resolved"
	Absent     Verdict = "absent"
	Erased     Verdict = "erased"
	Anonymised Verdict = "anonymised"
	Shredded   Verdict = "shredded"
	Retained   Verdict = "retained"
	Waived     Verdict = "waived"
	Counted    Verdict = "counted"
	Prepared   Verdict = "prepared"
	Suspended  Verdict = "suspended"
	Restored   Verdict = "restored"
	Failed     Verdict = "failed"
)

// Class says who can mend a failure.
type Class string

// The failure classes.
const (
	Transient     Class = "transient"
	RateLimited   Class = "rate_limited"
	Misconfigured Class = "misconfigured"
	Refused       Class = "refused"
)

// Phase is where a saga stands.
type Phase string

// The phases; the last four are final.
const (
	Resolving               Phase = "resolving"
	Suspending              Phase = "suspending"
	Grace                   Phase = "grace"
	Erasing                 Phase = "erasing"
	Verifying               Phase = "verifying"
	Restoring               Phase = "restoring"
	Completed               Phase = "completed"
	CompletedWithExceptions Phase = "completed_with_exceptions"
	NotFound                Phase = "not_found"
	Cancelled               Phase = "cancelled"
)

// Final reports whether a saga in phase p has ended.
func (p Phase) Final() bool {
	switch p {
	case Completed, CompletedWithExceptions, NotFound, Cancelled:
		return true
	case Resolving, Suspending, Grace, Erasing, Verifying, Restoring:
		return false
	}
	return false
}

// beforePivot reports whether nothing irreversible has been permitted yet.
func (p Phase) beforePivot() bool {
	return p == Resolving || p == Suspending || p == Grace
}

// Status is where one step stands.
type Status string

// The statuses of a step. The zero value means that the plan has no such step.
const (
	Waiting  Status = "waiting"  // for other steps
	Open     Status = "open"     // the doorbell has rung; anybody may claim
	Granted  Status = "granted"  // a permit is under way
	Delayed  Status = "delayed"  // until a time: backing off or rate limited
	Parked   Status = "parked"   // an operator must act
	Reported Status = "reported" // closed by a report or a waiver
)

// Counts is how many items of each kind.
type Counts map[string]int64

// mostItems is the largest count that every JSON reader takes for what it is. Sums stop at
// it: a participant that lies about numbers must not keep a summary from being written.
const mostItems = 1<<53 - 1

// Total returns the sum over all kinds, at most 2^53-1.
func (c Counts) Total() (n int64) {
	for _, v := range c {
		n = min(n+v, mostItems)
	}
	return n
}

// plus returns the sum of both, kind by kind, each at most 2^53-1.
func (c Counts) plus(d Counts) Counts {
	sum := Counts{}
	for k, v := range c {
		sum[k] += v
	}
	for k, v := range d {
		sum[k] = min(sum[k]+v, mostItems)
	}
	return sum
}

// atLeast returns, kind by kind, the larger of both, and whether that is more than c.
func (c Counts) atLeast(d Counts) (Counts, bool) {
	most := c.plus(nil)
	raised := false
	for k, v := range d {
		if v > most[k] {
			most[k], raised = v, true
		}
	}
	return most, raised
}
