package sandbox

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// SilaConfig is the configuration of a [Sila] look-alike.
type SilaConfig struct {
	Apps    []SilaApp
	Journal string           // file; empty: state is lost with the process
	Now     func() time.Time // the clock of tokens, of the age of requests, and of the ledger
}

// SilaApp is one customer of the vendor. It sees the entities that it registered only.
type SilaApp struct {
	Handle       string // name in entities and the ledger
	Address      string // of the key that signs for it, 0x and 40 hexadecimal digits; empty: no ECDSA
	ClientID     string // OAuth2; empty: none
	ClientSecret string
}

// SilaEntity is one person whom an app registered. A handle is there once, for all apps.
type SilaEntity struct {
	App          string     `json:"app"`
	Handle       string     `json:"handle"`
	Addresses    []string   `json:"addresses,omitempty"`    // of the keys that sign for the person
	Verification string     `json:"verification,omitempty"` // unverified (default), pending, passed, failed
	Data         []SilaItem `json:"data,omitempty"`
}

// SilaItem is one piece of registration data.
type SilaItem struct {
	Kind  string    `json:"kind"` // emails, phones, addresses or identities
	UUID  string    `json:"uuid"`
	Value string    `json:"value"`
	Added time.Time `json:"added"`
}

func (e SilaEntity) item(d SilaItem) item { return item{e.App, e.Handle, d.Kind, d.UUID} }

// silaRecord is one line of the journal: entities that came, or one attempt at a deletion.
type silaRecord struct {
	Put       []SilaEntity `json:"put,omitempty"`
	Delete    *silaTarget  `json:"delete,omitempty"`
	Effect    bool         `json:"effect,omitempty"`
	Reference string       `json:"reference,omitempty"` // used up
	Instant   time.Time    `json:"at,omitzero"`
}

type silaTarget struct {
	App    string `json:"app"`
	Handle string `json:"handle"`
	Kind   string `json:"kind"`
	UUID   string `json:"uuid"`
}

// Sila is a look-alike of the vendor's API, as far as deleting registration data goes.
// Make it with [OpenSila]; close it to release the journal.
type Sila struct {
	config  SilaConfig
	inspect *http.ServeMux
	faults  faults

	mu         sync.Mutex // guards everything below
	journal    *journal[silaRecord]
	ledger     *ledger
	entities   map[string]SilaEntity // by plain handle
	references map[string]bool       // that deletions have used up
	tokens     map[string]silaToken
}

// OpenSila returns a look-alike with what its journal holds. Tokens are not in it: they
// end with the process.
func OpenSila(c SilaConfig) (*Sila, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Sila{
		config: c, ledger: newLedger("sila"), entities: map[string]SilaEntity{},
		references: map[string]bool{}, tokens: map[string]silaToken{},
	}
	s.inspect = inspection[SilaEntity](s)
	log, err := openJournal(c.Journal, s.apply)
	if err != nil {
		return nil, err
	}
	s.journal = log
	return s, nil
}

func (c SilaConfig) validate() error {
	var errs []error
	if len(c.Apps) == 0 {
		errs = append(errs, errors.New("apps: at least one is needed"))
	}
	if c.Now == nil {
		errs = append(errs, errors.New("now: a clock is needed"))
	}
	for _, a := range c.Apps {
		if a.Handle == "" || a.Address == "" && (a.ClientID == "" || a.ClientSecret == "") {
			errs = append(errs, errors.New("apps: handle is needed, and address, or client id and secret"))
		}
	}
	return errors.Join(errs...)
}

// Close releases the journal. Nothing is lost: every change is already on disk.
func (s *Sila) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.close()
}

// Put stores entities, or replaces them, in one durable step.
func (s *Sila) Put(entities ...SilaEntity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.commit(silaRecord{Put: entities})
}

// Stored returns the entities with what is left of their data, in no particular order.
func (s *Sila) Stored() []SilaEntity {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]SilaEntity, 0, len(s.entities))
	for _, e := range s.entities {
		e.Data = slices.Clone(e.Data)
		out = append(out, e)
	}
	return out
}

// Ledger returns what was deleted, in order of the first attempt.
func (s *Sila) Ledger() []Deletion {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.all()
}

// SetFaults replaces the fault switches; without arguments it ends all of them.
func (s *Sila) SetFaults(list ...Fault) { s.faults.set(list) }

func (s *Sila) apply(rec silaRecord) {
	for _, e := range rec.Put {
		s.entities[plainHandle(e.Handle)] = e
	}
	if rec.Reference != "" {
		s.references[rec.Reference] = true
	}
	if rec.Delete == nil {
		return
	}
	t := *rec.Delete
	d := s.ledger.attempt(item{t.App, t.Handle, t.Kind, t.UUID})
	if !rec.Effect {
		return
	}
	d.took(rec.Instant)
	e := s.entities[plainHandle(t.Handle)]
	e.Data = slices.DeleteFunc(slices.Clone(e.Data), func(i SilaItem) bool { return e.item(i) == e.item(SilaItem{Kind: t.Kind, UUID: t.UUID}) })
	s.entities[plainHandle(t.Handle)] = e
}

// plainHandle is what two ways of writing a handle have in common.
func plainHandle(handle string) string {
	return strings.TrimSuffix(strings.ToLower(handle), ".silamoney.eth")
}
