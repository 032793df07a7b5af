package sandbox

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// CognitoConfig is the configuration of a [Cognito] look-alike.
type CognitoConfig struct {
	Region  string // of the signatures, for example eu-central-1
	Keys    []AccessKey
	Pools   []UserPool
	Journal string           // file; empty: state is lost with the process
	Now     func() time.Time // the clock of signatures, timestamps and the ledger
}

// AccessKey is a credential of an AWS account. It reaches that account's pools only.
type AccessKey struct {
	Account string // name in the ledger
	ID      string
	Secret  string
}

// UserPool is a user directory of an account.
type UserPool struct {
	Account string
	ID      string
	Aliases []string // attributes that serve as a user name too, for example email
}

// CognitoUser is one identity.
type CognitoUser struct {
	Pool       string            `json:"pool"`
	Username   string            `json:"username"`
	Sub        string            `json:"sub"`
	Attributes map[string]string `json:"attributes,omitempty"` // without sub and identities
	Links      []ProviderLink    `json:"links,omitempty"`
	Disabled   bool              `json:"disabled,omitempty"`
	SignedOut  int               `json:"signed_out,omitempty"` // how often a global sign-out took effect
	Created    time.Time         `json:"created"`              // set by Put when it is zero
	Changed    time.Time         `json:"changed"`
}

// ProviderLink is one external identity that is linked to a user.
type ProviderLink struct {
	Provider string `json:"provider"` // for example Google
	Subject  string `json:"subject"`  // the user id at the provider
	Primary  bool   `json:"primary"`  // the user is this external identity itself
}

type userKey struct{ pool, name string }

// cognitoRecord is one line of the journal: users as they now are, one that went, or one
// attempt that removed nothing.
type cognitoRecord struct {
	Put     []CognitoUser `json:"put,omitempty"`
	Drop    *userName     `json:"drop,omitempty"`
	Attempt *attemptedOn  `json:"attempt,omitempty"`
}

type userName struct {
	Pool string `json:"pool"`
	Name string `json:"name"`
}

type attemptedOn struct {
	Account string    `json:"account"`
	Pool    string    `json:"pool"`
	Kind    string    `json:"kind"`
	Key     string    `json:"key"`
	Effect  bool      `json:"effect"`
	Instant time.Time `json:"at"`
}

// Cognito is a look-alike of the user pool API of AWS Cognito. Make it with
// [OpenCognito]; close it to release the journal.
type Cognito struct {
	config  CognitoConfig
	inspect *http.ServeMux
	faults  faults

	mu      sync.Mutex // guards everything below
	journal *journal[cognitoRecord]
	ledger  *ledger
	users   map[userKey]CognitoUser
}

// OpenCognito returns a look-alike with what its journal holds.
func OpenCognito(c CognitoConfig) (*Cognito, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Cognito{config: c, ledger: newLedger("cognito"), users: map[userKey]CognitoUser{}}
	s.inspect = inspection[CognitoUser](s)
	log, err := openJournal(c.Journal, s.apply)
	if err != nil {
		return nil, err
	}
	s.journal = log
	return s, nil
}

func (c CognitoConfig) validate() error {
	var errs []error
	if c.Region == "" {
		errs = append(errs, errors.New("region: is needed"))
	}
	if c.Now == nil {
		errs = append(errs, errors.New("now: a clock is needed"))
	}
	if len(c.Keys) == 0 || len(c.Pools) == 0 {
		errs = append(errs, errors.New("keys, pools: at least one of each is needed"))
	}
	return errors.Join(errs...)
}

// Close releases the journal. Nothing is lost: every change is already on disk.
func (s *Cognito) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.close()
}

// Put stores users, or replaces them, in one durable step.
func (s *Cognito) Put(users ...CognitoUser) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now().UTC()
	users = slices.Clone(users)
	for i := range users {
		if users[i].Created.IsZero() {
			users[i].Created, users[i].Changed = now, now
		}
	}
	return s.journal.commit(cognitoRecord{Put: users})
}

// Change edits one user, as a person does at the vendor's console, in one durable step. Without
// such a user edit is not called; a user that it leaves as it was is not written.
func (s *Cognito) Change(pool, username string, edit func(u *CognitoUser) (changed bool)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[userKey{pool, username}]
	if !ok || !edit(&u) {
		return nil
	}
	u.Changed = s.config.Now().UTC()
	return s.journal.commit(cognitoRecord{Put: []CognitoUser{u}})
}

// Stored returns the users of a pool that still exist, by user name.
func (s *Cognito) Stored(pool string) []CognitoUser {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pool(pool)
}

func (s *Cognito) pool(id string) []CognitoUser {
	var out []CognitoUser
	for _, u := range s.users {
		if u.Pool == id {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b CognitoUser) int { return strings.Compare(a.Username, b.Username) })
	return out
}

// Ledger returns what was deleted, in order of the first attempt.
func (s *Cognito) Ledger() []Deletion {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.all()
}

// SetFaults replaces the fault switches; without arguments it ends all of them.
func (s *Cognito) SetFaults(list ...Fault) { s.faults.set(list) }

func (s *Cognito) apply(rec cognitoRecord) {
	for _, u := range rec.Put {
		u.Attributes = maps.Clone(u.Attributes)
		s.users[userKey{u.Pool, u.Username}] = u
	}
	if d := rec.Drop; d != nil {
		delete(s.users, userKey{d.Pool, d.Name})
	}
	if a := rec.Attempt; a != nil {
		d := s.ledger.attempt(item{a.Account, a.Pool, a.Kind, a.Key})
		if a.Effect {
			d.took(a.Instant)
		}
	}
}
