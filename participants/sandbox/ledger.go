package sandbox

import "time"

// Deletion says what became of one item that somebody asked to delete.
type Deletion struct {
	Service  string    `json:"service"` // jumio, cognito, sila or capture
	Tenant   string    `json:"tenant"`  // whose data: the vendor's customer account
	Place    string    `json:"place"`   // jumio: region; cognito: pool id; sila: user handle; capture: entity type
	Kind     string    `json:"kind"`    // as the participant counts, for example scans
	Key      string    `json:"key"`     // the vendor's reference, a UUID, or the user name
	At       time.Time `json:"at"`      // of the first effect; zero: there was none
	Effects  int       `json:"effects"` // how often something was really removed
	Attempts int       `json:"attempts"`
}

type item struct{ tenant, place, kind, key string }

// ledger keeps one Deletion an item, in order of the first attempt.
type ledger struct {
	service string
	at      map[item]int
	list    []Deletion
}

func newLedger(service string) *ledger { return &ledger{service: service, at: map[item]int{}} }

// attempt notes a deletion that was asked for.
func (l *ledger) attempt(it item) *Deletion {
	i, known := l.at[it]
	if !known {
		i = len(l.list)
		l.at[it] = i
		l.list = append(l.list, Deletion{Service: l.service, Tenant: it.tenant, Place: it.place, Kind: it.kind, Key: it.key})
	}
	d := &l.list[i]
	d.Attempts++
	return d
}

// took notes that it really removed something.
func (d *Deletion) took(at time.Time) {
	d.Effects++
	if d.At.IsZero() {
		d.At = at
	}
}

func (l *ledger) all() []Deletion { return append([]Deletion(nil), l.list...) }
