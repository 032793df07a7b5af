package record

import "time"

// Ledger is what the systems saw.
type Ledger struct {
	People  []Person `json:"people"`  // who has a share, requested or not
	Effects []Effect `json:"effects"` // in no particular order
	Deeds   []Deed   `json:"deeds"`   // of operators; see the checker for what calls for one
	Freezes []Freeze `json:"freezes"` // of workers; see the checker for what they excuse

	// Skewed is when the orchestrator's clock was first set wrong: from then on nobody
	// outside knows when a grace is over. Zero: never.
	Skewed time.Time `json:"skewed,omitzero"`

	Residue []string `json:"residue"` // where an identifier was found that ought to be nowhere
}

// Person is one person, as counted at the end.
type Person struct {
	ID     string `json:"id"`
	Items  int    `json:"items"`  // at the start
	Left   int    `json:"left"`   // at the end, without those that were made again
	Whole  int    `json:"whole"`  // of those, how many are as they were at the start
	Reborn []Item `json:"reborn"` // made again after the end
}

// Item is something that was made again after a saga had ended.
type Item struct {
	Key  string    `json:"key"`
	Made time.Time `json:"made"`
	Left bool      `json:"left"` // whether it is there at the end, as it must be
}

// Effect is one effect: an item went, or was suspended.
type Effect struct {
	Person      string    `json:"person"`
	Participant string    `json:"participant"`
	Verb        Verb      `json:"verb"`
	Key         string    `json:"key"` // of the item
	At          time.Time `json:"at"`
}

// Deed is a share that was suspended, and that an operator brought back by hand.
type Deed struct {
	Saga        string    `json:"saga"`
	Person      string    `json:"person"`
	Participant string    `json:"participant"`
	Told        string    `json:"told,omitempty"` // what the orchestrator said of the saga; empty: it knows none
	Suspended   time.Time `json:"suspended"`      // what was undone
	At          time.Time `json:"at"`
}

// Freeze is a time in which a worker stood still.
type Freeze struct {
	Participants []string  `json:"participants"` // that it works for
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`
}
