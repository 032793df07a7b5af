package record

import "time"

// Cancel is one cancel.
type Cancel struct {
	Request  string    `json:"request"`
	Saga     string    `json:"saga"`
	Sent     time.Time `json:"sent"`
	Answered time.Time `json:"answered,omitzero"` // zero: never
	Result   string    `json:"result,omitempty"`  // as answered
	Code     string    `json:"code,omitempty"`    // of the problem, as answered
	Alive    []Permit  `json:"alive,omitempty"`   // as answered
	Kept     bool      `json:"kept,omitempty"`    // as answered: the bus has it too, and it outlives the disk
}

// Hold is one legal hold, from an operator's call to the call that ends it.
type Hold struct {
	Person      string    `json:"person"`
	Participant string    `json:"participant,omitempty"` // empty: the whole person
	ID          string    `json:"id,omitempty"`          // as answered
	Sent        time.Time `json:"sent"`
	Answered    time.Time `json:"answered,omitzero"` // zero: never
	Alive       []Permit  `json:"alive,omitempty"`   // as answered
	Kept        bool      `json:"kept,omitempty"`    // as answered: the bus has it too, and it outlives the disk
	Ending      time.Time `json:"ending,omitzero"`   // when its release was first asked for; zero: never
}

// Permit is one that was alive when a decision was answered: the answer says so, since what
// is under way by it cannot be called back.
type Permit struct {
	Participant string `json:"participant"`
	Verb        Verb   `json:"verb"`
}

// Verb is what a permit is for, and what an effect came of.
type Verb string

// The verbs that have effects.
const (
	Erase   Verb = "erase"
	Suspend Verb = "suspend"
)
