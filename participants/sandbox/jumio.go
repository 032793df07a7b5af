package sandbox

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// JumioConfig is the configuration of a [Jumio] look-alike.
type JumioConfig struct {
	Accounts      []JumioAccount
	Journal       string           // file; empty: state is lost with the process
	PendingStatus int              // answer to deleting a pending transaction; default 409
	Now           func() time.Time // the clock of timestamps and the ledger
}

// JumioAccount is one customer of the vendor. It sees its own transactions only.
type JumioAccount struct {
	Tenant string // name in transactions and the ledger
	Token  string // API token: the user id of Basic authentication
	Secret string // API secret: its password
}

// JumioTransaction is one verification that the vendor stores.
type JumioTransaction struct {
	Tenant    string `json:"tenant"`
	Region    string `json:"region"` // us, eu or sgp
	Kind      string `json:"kind"`   // scans, authentications or documents
	Reference string `json:"reference"`
	Pending   bool   `json:"pending,omitempty"`
}

func (t JumioTransaction) item() item { return item{t.Tenant, t.Region, t.Kind, t.Reference} }

// jumioRecord is one line of the journal: transactions that came, or one attempt at a
// deletion.
type jumioRecord struct {
	Put     []JumioTransaction `json:"put,omitempty"`
	Delete  *JumioTransaction  `json:"delete,omitempty"`
	Effect  bool               `json:"effect,omitempty"`
	Instant time.Time          `json:"at,omitzero"`
}

// Jumio is a look-alike of the vendor's delete and retrieval API, three kinds in three
// regions. Make it with [OpenJumio]; close it to release the journal.
type Jumio struct {
	config  JumioConfig
	inspect *http.ServeMux
	faults  faults

	mu      sync.Mutex // guards everything below
	journal *journal[jumioRecord]
	ledger  *ledger
	stored  map[item]JumioTransaction
}

// OpenJumio returns a look-alike with what its journal holds.
func OpenJumio(c JumioConfig) (*Jumio, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.PendingStatus == 0 {
		c.PendingStatus = http.StatusConflict
	}
	j := &Jumio{config: c, ledger: newLedger("jumio"), stored: map[item]JumioTransaction{}}
	j.inspect = inspection[JumioTransaction](j)
	log, err := openJournal(c.Journal, j.apply)
	if err != nil {
		return nil, err
	}
	j.journal = log
	return j, nil
}

func (c JumioConfig) validate() error {
	var errs []error
	if len(c.Accounts) == 0 {
		errs = append(errs, errors.New("accounts: at least one is needed"))
	}
	if c.Now == nil {
		errs = append(errs, errors.New("now: a clock is needed"))
	}
	for _, a := range c.Accounts {
		if a.Tenant == "" || a.Token == "" || a.Secret == "" {
			errs = append(errs, errors.New("accounts: tenant, token and secret are needed"))
		}
	}
	return errors.Join(errs...)
}

// Close releases the journal. Nothing is lost: every change is already on disk.
func (j *Jumio) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.journal.close()
}

// Put stores transactions, or replaces them, in one durable step.
func (j *Jumio) Put(txs ...JumioTransaction) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.journal.commit(jumioRecord{Put: txs})
}

// Stored returns the transactions that still exist, in no particular order.
func (j *Jumio) Stored() []JumioTransaction {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]JumioTransaction, 0, len(j.stored))
	for _, t := range j.stored {
		out = append(out, t)
	}
	return out
}

// Ledger returns what was deleted, in order of the first attempt.
func (j *Jumio) Ledger() []Deletion {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ledger.all()
}

// SetFaults replaces the fault switches; without arguments it ends all of them.
func (j *Jumio) SetFaults(list ...Fault) { j.faults.set(list) }

func (j *Jumio) apply(rec jumioRecord) {
	for _, t := range rec.Put {
		j.stored[t.item()] = t
	}
	if rec.Delete == nil {
		return
	}
	it := rec.Delete.item()
	d := j.ledger.attempt(it)
	if rec.Effect {
		delete(j.stored, it)
		d.took(rec.Instant)
	}
}
