package sandbox

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// CaptureConfig is the configuration of a [Capture] look-alike.
type CaptureConfig struct {
	Clients []CaptureClient
	Types   []string         // of entities, in every application
	Journal string           // file; empty: state is lost with the process
	Now     func() time.Time // the clock of the ledger
}

// CaptureClient is an API client of one of the vendor's customers. It sees the profiles of
// its own application only.
type CaptureClient struct {
	App     string // name in profiles and the ledger
	ID      string
	Secret  string
	Feature string // owner and direct_access may delete, direct_read_access only looks; others neither
}

// CaptureProfile is one profile that the vendor stores.
type CaptureProfile struct {
	App        string            `json:"app"`
	Type       string            `json:"type"`
	UUID       string            `json:"uuid"`
	Attributes map[string]string `json:"attributes,omitempty"` // those that are unique
	Token      string            `json:"token,omitempty"`      // an access token for it
	Expired    bool              `json:"expired,omitempty"`    // the token is over
}

func (c CaptureProfile) item() item { return item{c.App, c.Type, "identities", c.UUID} }

// captureRecord is one line of the journal: profiles that came, or one attempt at a
// deletion.
type captureRecord struct {
	Put     []CaptureProfile `json:"put,omitempty"`
	Delete  *CaptureProfile  `json:"delete,omitempty"`
	Effect  bool             `json:"effect,omitempty"`
	Instant time.Time        `json:"at,omitzero"`
}

// Capture is a look-alike of the vendor's entity and entity.delete. Make it with
// [OpenCapture]; close it to release the journal.
type Capture struct {
	config  CaptureConfig
	inspect *http.ServeMux
	faults  faults

	mu      sync.Mutex // guards everything below
	journal *journal[captureRecord]
	ledger  *ledger
	stored  map[item]CaptureProfile
}

// OpenCapture returns a look-alike with what its journal holds.
func OpenCapture(c CaptureConfig) (*Capture, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Capture{config: c, ledger: newLedger("capture"), stored: map[item]CaptureProfile{}}
	s.inspect = inspection[CaptureProfile](s)
	log, err := openJournal(c.Journal, s.apply)
	if err != nil {
		return nil, err
	}
	s.journal = log
	return s, nil
}

func (c CaptureConfig) validate() error {
	var errs []error
	if len(c.Clients) == 0 || len(c.Types) == 0 {
		errs = append(errs, errors.New("clients, types: at least one of each is needed"))
	}
	if c.Now == nil {
		errs = append(errs, errors.New("now: a clock is needed"))
	}
	for _, a := range c.Clients {
		if a.App == "" || a.ID == "" || a.Secret == "" || a.Feature == "" {
			errs = append(errs, errors.New("clients: app, id, secret and feature are needed"))
		}
	}
	return errors.Join(errs...)
}

// Close releases the journal. Nothing is lost: every change is already on disk.
func (s *Capture) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.close()
}

// Put stores profiles, or replaces them, in one durable step.
func (s *Capture) Put(profiles ...CaptureProfile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.commit(captureRecord{Put: profiles})
}

// Stored returns the profiles that still exist, in no particular order.
func (s *Capture) Stored() []CaptureProfile {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]CaptureProfile, 0, len(s.stored))
	for _, c := range s.stored {
		out = append(out, c)
	}
	return out
}

// Ledger returns what was deleted, in order of the first attempt.
func (s *Capture) Ledger() []Deletion {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.all()
}

// SetFaults replaces the fault switches; without arguments it ends all of them.
func (s *Capture) SetFaults(list ...Fault) { s.faults.set(list) }

func (s *Capture) apply(rec captureRecord) {
	for _, c := range rec.Put {
		s.stored[c.item()] = c
	}
	if rec.Delete == nil {
		return
	}
	it := rec.Delete.item()
	d := s.ledger.attempt(it)
	if rec.Effect {
		delete(s.stored, it)
		d.took(rec.Instant)
	}
}

// find returns the one profile that fits. The caller holds the lock.
func (s *Capture) find(fits func(CaptureProfile) bool) (CaptureProfile, bool) {
	for _, c := range s.stored {
		if fits(c) {
			return c, true
		}
	}
	return CaptureProfile{}, false
}

func (s *Capture) hasType(name string) bool { return slices.Contains(s.config.Types, name) }
