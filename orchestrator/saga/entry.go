package saga

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Entry is one thing that happened, as it is stored for ever. Which fields a kind uses is
// said at the kind; all others are zero.
type Entry struct {
	Seq  uint64    `json:"seq"` // 1, 2, 3 ... within the saga
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`

	Saga        ID           `json:"saga,omitempty"`
	Plan        string       `json:"plan,omitempty"`
	Subject     string       `json:"subject,omitempty"`
	Regime      string       `json:"regime,omitempty"`
	Due         time.Time    `json:"due,omitzero"`
	Request     *Request     `json:"request,omitempty"`
	Identifiers []Identifier `json:"identifiers,omitempty"`
	Members     []Member     `json:"members,omitempty"`
	Items       []Item       `json:"items,omitempty"`
	CutOff      time.Time    `json:"cut_off,omitzero"`
	Mixed       bool         `json:"mixed,omitempty"`
	NotBefore   time.Time    `json:"not_before,omitzero"`
	Asked       bool         `json:"asked,omitempty"` // the request came when a look was under way, or made
	Queued      bool         `json:"queued,omitempty"`
	Unbound     bool         `json:"unbound,omitempty"`
	Hold        *Hold        `json:"hold,omitempty"`

	Participant string   `json:"participant,omitempty"`
	Verb        Verb     `json:"verb,omitempty"`
	Round       int      `json:"round,omitempty"`
	Permit      PermitID `json:"permit,omitempty"`
	Attempt     int      `json:"attempt,omitempty"`
	Instance    string   `json:"instance,omitempty"`
	MaybeDone   bool     `json:"maybe_done,omitempty"`
	Undo        string   `json:"undo,omitempty"`

	Verdict   Verdict `json:"verdict,omitempty"`
	Counts    Counts  `json:"counts,omitempty"`
	Remaining *int64  `json:"remaining,omitempty"`
	Later     Counts  `json:"later,omitempty"` // made after the cut-off, and left
	Inferred  bool    `json:"inferred,omitempty"`
	RowsOnly  bool    `json:"rows_only,omitempty"`
	Class     Class   `json:"class,omitempty"`
	Ground    string  `json:"ground,omitempty"`
	By        string  `json:"by,omitempty"`

	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	Phase  Phase     `json:"phase,omitempty"`
}

// Kind names what an entry records.
type Kind string

// The kinds of entries. "Step" stands for participant, verb and round.
const (
	KStarted   Kind = "started"   // saga, plan, members, subject, regime, due, request, identifiers, items, cut_off, not_before, queued, unbound
	KBegun     Kind = "begun"     // a queued saga is live from here on
	KJoined    Kind = "joined"    // request, due, not_before, items, cut_off, mixed, identifiers
	KWithdrawn Kind = "withdrawn" // request, by, ground, not_before: if it is later now
	KReplanned Kind = "replanned" // plan, members: the saga goes on under a plan that asks for more
	KExtended  Kind = "extended"  // due, by, ground
	KPhase     Kind = "phase"     // phase entered; erasing for the first time is the pivot; grace: until
	KAnnounced Kind = "announced" // the bus has the pivot's event: it may be acted on
	KDecided   Kind = "decided"   // reason, request if it is about one: what the bus says of a saga that was restored from an older backup
	KHeld      Kind = "held"      // hold
	KReleased  Kind = "released"  // hold's id (reason), by, ground
	KBraked    Kind = "braked"    // participant or none, reason: a ceiling is passed
	KUnbraked  Kind = "unbraked"  // participant, by, ground
	KDoubted   Kind = "doubted"   // reason: an operator must look before the pivot; identifiers: lost values that it is about
	KSettled   Kind = "settled"   // by, ground: an operator has looked
	KAmbiguous Kind = "ambiguous" // reason: nobody can tell whom an unbound saga is about
	KNamed     Kind = "named"     // identifiers (the user id), by, ground: an operator can
	KBlocked   Kind = "blocked"   // reason: the saga of that person, which must end first
	KBound     Kind = "bound"     // subject, identifiers (the user id, and what those vouch for who named it): what was yielded is dropped, and everybody is looked at from the beginning
	KRewound   Kind = "rewound"   // until: the clock was set back; no permit lives longer than that
	KPrepared  Kind = "prepared"  // step, permit, undo: the permit may be acted on from here on
	KOpened    Kind = "opened"    // step; the doorbell rings
	KRung      Kind = "rung"      // step; the doorbell rings again
	KGranted   Kind = "granted"   // step, permit, attempt, instance, until (dead), maybe_done
	KRenewed   Kind = "renewed"   // step, permit, until (dead), maybe_done
	KExpired   Kind = "expired"   // step, permit: dead without a report
	KReported  Kind = "reported"  // step, permit, verdict and outcome: the step is closed
	KFailed    Kind = "failed"    // step, permit, class, reason (code), counts of a proven partial success, remaining, maybe_done
	KNoted     Kind = "noted"     // step, permit, verdict, reason: a report that changes nothing; identifiers: user ids that it names
	KDelayed   Kind = "delayed"   // step, reason, until
	KParked    Kind = "parked"    // step, reason
	KWaits     Kind = "waits"     // step, reason: an open step waits for others again
	KReopened  Kind = "reopened"  // step, reason: erase waits for its turn in a new round
	KQuieted   Kind = "quieted"   // until: the last count comes after the quiet time
	KHalted    Kind = "halted"    // reason: nothing can be permitted until it is mended
	KResumed   Kind = "resumed"   // what halted the saga is mended
	KResealed  Kind = "resealed"  // identifiers: what is sealed by now; all else that was known is lost, and everybody is looked at again
	KRecovered Kind = "recovered" // until: no permit alive at the restart is dead before
	KRetried   Kind = "retried"   // step, by, ground: a parked step may try again
	KWaived    Kind = "waived"    // step, by, ground
	KFinished  Kind = "finished"  // phase
)

// Member is a participant of a saga, and the steps that its share begins with.
type Member struct {
	Name  string `json:"name"`
	Verbs []Verb `json:"verbs"`
}

// members are those of a saga under plan p.
func (p Plan) members() (out []Member) {
	for _, s := range p.Participants {
		out = append(out, Member{Name: s.Name, Verbs: s.verbs()})
	}
	return out
}

// Hash is a SHA-256 value; it prints in hexadecimal.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) != 2*len(h) {
		return fmt.Errorf("hash: %d characters, want %d", len(b), 2*len(h))
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// Bytes is the entry as it is hashed and stored.
func (e Entry) Bytes() []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic("saga: an entry is always JSON: " + err.Error()) // years past 9999 only
	}
	return b
}

// Chain returns the head of the hash chain after an entry's bytes are appended to it.
func Chain(head Hash, entry []byte) (next Hash) {
	d := sha256.New()
	d.Write(head[:])
	d.Write(entry)
	d.Sum(next[:0])
	return next
}
