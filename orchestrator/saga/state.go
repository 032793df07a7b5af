package saga

import (
	"slices"
	"time"
)

// State is one saga. It is the fold of its history, so equal histories give equal states.
type State struct {
	ID       ID        `json:"id"`
	Plan     string    `json:"plan"` // digest
	Phase    Phase     `json:"phase"`
	Subject  string    `json:"subject"` // keyed hash of realm and user id; while unbound, of realm and identifiers; the pseudonym
	Regime   string    `json:"regime,omitempty"`
	Requests []Request `json:"requests"`
	Started  time.Time `json:"started"`
	Due      time.Time `json:"due"`
	Pivoted  time.Time `json:"pivoted,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	// Shares has one element for each participant of the plan, in the plan's order.
	Shares      []Share      `json:"shares"`
	Identifiers []Identifier `json:"identifiers,omitempty"`
	Issues      int          `json:"issues"` // doorbells rung so far
	// Items narrows the shares of their participants; CutOff, if set, is when the first
	// narrow request came: what was made later is left, see [State.CutOffOf].
	Items  []Item    `json:"items,omitempty"`
	CutOff time.Time `json:"cut_off,omitzero"`
	// Mixed means that the requests do not all ask for the same: the saga does all of it.
	Mixed     bool      `json:"mixed,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"` // nothing happens before
	// Look counts how often the shares were looked at before the pivot.
	Look int `json:"look,omitempty"`
	// Asked means that a request joined since the last look began.
	Asked bool `json:"asked,omitempty"`
	// GraceUntil is kept up to the pivot, which does not come before it: a clock that jumped
	// ahead and was set back must not cost anybody their grace.
	GraceUntil time.Time `json:"grace_until,omitzero"`
	Holds      []Hold    `json:"holds,omitempty"` // in the order in which they were placed
	Brake      string    `json:"brake,omitempty"` // the ceiling that keeps the saga from its pivot
	Doubt      string    `json:"doubt,omitempty"` // what an operator must look at before the pivot
	Extended   bool      `json:"extended,omitempty"`
	// Announced means that the bus has the pivot's event, so that it may be acted on.
	Announced bool `json:"announced,omitempty"`
	// Restored means that the saga comes from a backup that is older than its decisions.
	Restored bool `json:"restored,omitempty"`
	// Forgot means that it passed the pivot after the backup: what was found until then may be
	// erased where it was found, and is not known.
	Forgot bool `json:"forgot,omitempty"`
	// Halted says why nothing can be permitted to anybody; empty: nothing is in the way.
	Halted string `json:"halted,omitempty"`
	// Queued means that another saga of the subject is live: this one starts when that one
	// ends, and nothing happens to it before.
	Queued bool `json:"queued,omitempty"`
	// Unbound means that nobody has found yet whose the identifiers are: only those are asked
	// who need no user id, and nothing is touched. Ambiguous says why an operator must bind
	// it, Named is the keyed hash of the user id that one said, and Blocked is the saga of
	// that person which must end first.
	Unbound   bool   `json:"unbound,omitempty"`
	Ambiguous string `json:"ambiguous,omitempty"`
	Named     string `json:"named,omitempty"`
	Blocked   ID     `json:"blocked,omitempty"`
	// Lost are identifiers that were known, and whose values were lost with the box; those that
	// are named again are in Identifiers, too.
	Lost []LostValue `json:"lost,omitempty"`
	// Unvouched means that a request brought attributes that no system may have said to be the
	// person's, see vouch.go.
	Unvouched bool `json:"unvouched,omitempty"`
	// Pass counts how often the verifying phase was entered; QuietUntil is set while the
	// quiet time between two counts runs, and Quieted once it has run in this phase.
	Pass       int       `json:"pass,omitempty"`
	QuietUntil time.Time `json:"quiet_until,omitzero"`
	Quieted    bool      `json:"quieted,omitempty"`

	At   time.Time `json:"at"`   // of the last entry
	Seq  uint64    `json:"seq"`  // entries folded
	Head Hash      `json:"head"` // of the hash chain over them
}

// Request is one request that the saga serves.
type Request struct {
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Fingerprint string    `json:"fingerprint"` // keyed hash of what is asked: equal means the same request
	Correlation string    `json:"correlation,omitempty"`
	At          time.Time `json:"at"`
	NotBefore   time.Time `json:"not_before,omitzero"`
	Withdrawn   bool      `json:"withdrawn,omitempty"`
}

// Identifier is a sealed identifier: its type, the keyed hash of its value, and who
// contributed it; From is empty for the request's own.
type Identifier struct {
	Type string `json:"type"`
	Hash string `json:"hash"`
	From string `json:"from,omitempty"`
}

// LostValue is an identifier whose value is sealed no more. Asked means that an operator is asked
// about it by the doubt that stands. By and Ground are those of one who has looked.
type LostValue struct {
	Identifier
	Asked  bool   `json:"asked,omitempty"`
	By     string `json:"by,omitempty"`
	Ground string `json:"ground,omitempty"`
}

// Share is one participant's part of the saga.
type Share struct {
	Name    string `json:"name"`
	Resolve Step   `json:"resolve"`
	Suspend Step   `json:"suspend"`
	Restore Step   `json:"restore"`
	Erase   Step   `json:"erase"`
	Verify  Step   `json:"verify"`

	Baseline Counts `json:"baseline,omitempty"` // counted at resolve; nil: unknown
	Known    bool   `json:"known,omitempty"`    // resolve found something of the subject
	Left     *int64 `json:"left,omitempty"`     // items at the last count; nil: never counted
	// Expected is what there was to erase over all rounds, as far as it was counted: the
	// baseline, and what later counts found on top of what was erased by then.
	Expected Counts  `json:"expected,omitempty"`
	Before   Verdict `json:"before,omitempty"` // of the round before a share came back

	// Undo is the keyed hash of what a restore needs, as it was sealed first; empty: no
	// permit to suspend may be acted on yet.
	Undo string `json:"undo,omitempty"`
	// UndoLost means that the share may have been suspended before the undo value was sealed that
	// the saga has, if any: after the backup was taken from which it comes, or when it had another
	// box. What is sealed since may say "suspended".
	UndoLost  bool      `json:"undo_lost,omitempty"`
	Suspended time.Time `json:"suspended,omitzero"`
	Ended     Counts    `json:"ended,omitempty"` // what the suspending ended or changed
	Restored  time.Time `json:"restored,omitzero"`
	Brake     string    `json:"brake,omitempty"`    // the ceiling that the share passes
	Unbraked  bool      `json:"unbraked,omitempty"` // an operator let it pass

	// The outcome of erase. Counts adds up over rounds and partial attempts.
	Verdict  Verdict   `json:"verdict,omitempty"`
	Counts   Counts    `json:"counts,omitempty"`
	Inferred bool      `json:"inferred,omitempty"`
	RowsOnly bool      `json:"rows_only,omitempty"`
	Ground   string    `json:"ground,omitempty"` // retained or waived
	By       string    `json:"by,omitempty"`     // waived
	Until    time.Time `json:"until,omitzero"`   // retained
	Zero     bool      `json:"zero,omitempty"`   // counted at zero with the erase report
	Later    Counts    `json:"later,omitempty"`  // what was made after the cut-off, and is left
	Verified time.Time `json:"verified,omitzero"`
}

// Step is one verb of one participant. A zero Status means that it is not in the plan, or
// not yet its turn.
type Step struct {
	Status   Status    `json:"status,omitempty"`
	Round    int       `json:"round,omitempty"`
	Used     int       `json:"used,omitempty"`     // attempts of this round that count against the plan's limit
	Tries    int       `json:"tries,omitempty"`    // permits granted since the round began or an operator said retry
	Attempts int       `json:"attempts,omitempty"` // permits granted over all rounds
	Reason   string    `json:"reason,omitempty"`   // of delayed and parked
	Until    time.Time `json:"until,omitzero"`     // of delayed
	Rung     time.Time `json:"rung,omitzero"`      // last doorbell of this opening
	Rings    int       `json:"rings,omitempty"`    // doorbells of this opening
	// MaybeDone is set when a permit of this round died without a report.
	MaybeDone bool      `json:"maybe_done,omitempty"`
	Since     time.Time `json:"since,omitzero"` // the status was entered
	Permits   []Permit  `json:"permits,omitempty"`
}

// Permit is the right to act once. Dead is when the orchestrator stops believing that
// anybody may still act on it: grant, plus life, plus margin.
type Permit struct {
	ID        PermitID  `json:"id"`
	Round     int       `json:"round"`
	Attempt   int       `json:"attempt"`
	Instance  string    `json:"instance"`
	Granted   time.Time `json:"granted"`
	Dead      time.Time `json:"dead"`
	Reported  bool      `json:"reported,omitempty"`
	Expired   bool      `json:"expired,omitempty"`
	MaybeDone bool      `json:"maybe_done,omitempty"`
	Left      bool      `json:"left,omitempty"` // its report counted something that is left
	// Prepared permits of suspend may be acted on. Done means that a report said so: until
	// then what a prepared permit does may come late.
	Prepared bool `json:"prepared,omitempty"`
	Done     bool `json:"done,omitempty"`
}

// out reports whether nobody has heard of the permit's end yet.
func (p Permit) out() bool { return !p.Reported && !p.Expired }

// live reports whether somebody may still act on the permit at t.
func (p Permit) live(t time.Time) bool { return p.out() && t.Before(p.Dead) }

// Slot is what a saga occupies so that its subject has at most one that is live and one
// that is queued; empty for a final one.
func (s State) Slot() string {
	switch {
	case s.Phase.Final() || s.Subject == "":
		return ""
	case s.Queued:
		return QueuedSlot(s.Subject)
	}
	return s.Subject
}

// QueuedSlot is the slot of the saga that waits for the live one of a subject.
func QueuedSlot(subject string) string { return "queued " + subject }

// Share returns the participant's share, or nil.
func (s *State) Share(name string) *Share {
	i := slices.IndexFunc(s.Shares, func(h Share) bool { return h.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Shares[i]
}

// Step returns the share's step of verb v, or nil for an unknown verb.
func (h *Share) Step(v Verb) *Step {
	switch v {
	case Resolve:
		return &h.Resolve
	case Suspend:
		return &h.Suspend
	case Restore:
		return &h.Restore
	case Erase:
		return &h.Erase
	case Verify:
		return &h.Verify
	}
	return nil
}

// newest returns the latest permit of the current round, or nil.
func (t *Step) newest() *Permit {
	if n := len(t.Permits); n > 0 && t.Permits[n-1].Round == t.Round {
		return &t.Permits[n-1]
	}
	return nil
}

// permit returns the permit with this id, or nil.
func (t *Step) permit(id PermitID) *Permit {
	i := slices.IndexFunc(t.Permits, func(p Permit) bool { return p.ID == id })
	if i < 0 || id == "" {
		return nil
	}
	return &t.Permits[i]
}

// alive reports whether any permit of the step, of whatever round, may still be acted on.
func (t *Step) alive(now time.Time) bool {
	return slices.ContainsFunc(t.Permits, func(p Permit) bool { return p.live(now) })
}

// each calls f for every step that the saga has, in a fixed order.
func (s *State) each(f func(h *Share, v Verb, t *Step)) {
	for i := range s.Shares {
		for _, v := range Verbs {
			if t := s.Shares[i].Step(v); t.Status != "" {
				f(&s.Shares[i], v, t)
			}
		}
	}
}

// Unsealed reports whether the saga has a share that may be suspended, and whose undo value
// it does not know.
func (s State) Unsealed() bool {
	return s.Phase.beforePivot() && s.Pivoted.IsZero() && slices.ContainsFunc(s.Shares, Share.unsealed)
}

func (h Share) unsealed() bool { return h.Suspend.Status != "" && h.Undo == "" }

// Stuck returns why an operator must act, or "": the first parked step's reason, with its
// participant and verb.
func (s State) Stuck() (reason string) {
	if s.Phase.Final() {
		return ""
	}
	for _, why := range []string{s.Halted, s.Doubt, s.Ambiguous, s.Brake} {
		if why != "" {
			return why
		}
	}
	for _, h := range s.Shares {
		if h.Brake != "" {
			return h.Name + ": " + h.Brake
		}
	}
	s.each(func(h *Share, v Verb, t *Step) {
		if t.Status == Parked && reason == "" {
			reason = h.Name + " " + string(v) + ": " + t.Reason
		}
	})
	return reason
}

// Clone returns a deep copy.
func (s State) Clone() State {
	s.Requests = slices.Clone(s.Requests)
	s.Identifiers = slices.Clone(s.Identifiers)
	s.Lost = slices.Clone(s.Lost)
	s.Items = slices.Clone(s.Items)
	s.Holds = slices.Clone(s.Holds)
	s.Shares = slices.Clone(s.Shares)
	for i := range s.Shares {
		h := &s.Shares[i]
		h.Baseline, h.Counts, h.Expected, h.Ended = h.Baseline.clone(), h.Counts.clone(), h.Expected.clone(), h.Ended.clone()
		h.Later = h.Later.clone()
		for _, v := range Verbs {
			t := h.Step(v)
			t.Permits = slices.Clone(t.Permits)
		}
	}
	return s
}

func (c Counts) clone() Counts {
	if c == nil {
		return nil
	}
	return c.plus(nil)
}

// Current returns the step that the share is at: the furthest one that has opened, or
// erase while none has.
func (h *Share) Current() (Verb, *Step) {
	for i := len(Verbs) - 1; i >= 0; i-- {
		if t := h.Step(Verbs[i]); t.Status != "" && t.Status != Waiting {
			return Verbs[i], t
		}
	}
	if h.Resolve.Status == Waiting {
		return Resolve, &h.Resolve
	}
	return Erase, &h.Erase
}
