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
}

// CancelRequested withdraws one request of a source.
type CancelRequested struct {
	Request string
	Source  string
}

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
	Identifiers []Identifier
	Ground      string
	Until       time.Time
	Class       Class
	Code        string
	RowsOnly    bool
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

// Waive closes a participant's share without erasing it.
type Waive struct {
	Participant string
	By, Ground  string
}

// BoxLost says that the sealed identifiers cannot be read: nothing can be permitted.
type BoxLost struct{}

// BoxFound says that they can be read again.
type BoxFound struct{}

func (BoxLost) input()         {}
func (BoxFound) input()        {}
func (Requested) input()       {}
func (CancelRequested) input() {}
func (Claimed) input()         {}
func (ReportReceived) input()  {}
func (Woke) input()            {}
func (Recovered) input()       {}
func (Retry) input()           {}
func (Waive) input()           {}
