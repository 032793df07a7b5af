package capture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// By is a way to find the person's profile.
type By string

// The ways to find a profile.
const (
	ByUUID        By = "uuid"         // identifiers of type capture_uuid
	ByKey         By = "key"          // identifiers of [Config.KeyType], in an attribute that is unique
	ByAccessToken By = "access_token" // identifiers of type capture_access_token
)

// Auth is where the client's credentials are sent.
type Auth string

// The places for credentials.
const (
	Basic Auth = "basic" // the Authorization header
	Form  Auth = "form"  // client_id and client_secret in the body
)

// Config is the configuration of a [Participant].
type Config struct {
	Realm        string // the user directory that it serves; empty: any
	URL          string // of the application: https://my-app.janraincapture.com
	ClientID     string // of a client with the feature owner or direct_access
	ClientSecret string
	Auth         Auth   // default: basic
	TypeName     string // entity type of the profiles; default: user

	By           []By                  // default: uuid
	KeyAttribute string                // with key: the attribute
	KeyType      events.IdentifierType // with key: the type of its values; default: user_id

	// YieldUUID makes resolve yield the capture_uuid of each profile that was found. The plan
	// must say so too.
	YieldUUID bool

	Timeout time.Duration // of one request; default 15 s
	Client  *http.Client  // default: one of its own; redirects are never followed
}

var _ interface {
	participants.Participant
	participants.Counter
	participants.Resolver
	participants.Needer
} = (*Participant)(nil)

// Participant erases profiles. It is safe for concurrent use.
type Participant struct {
	config Config
	http   *http.Client
}

// New returns a participant, or an error that names everything that is wrong with c. It
// contacts nobody.
func New(c Config) (*Participant, error) {
	c = c.filled()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Participant{config: c, http: participants.VendorClient(c.Client)}, nil
}

func (c Config) filled() Config {
	if c.Auth == "" {
		c.Auth = Basic
	}
	if c.TypeName == "" {
		c.TypeName = "user"
	}
	if len(c.By) == 0 {
		c.By = []By{ByUUID}
	}
	if c.KeyType == "" {
		c.KeyType = events.UserID
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	return c
}

func (c Config) validate() error {
	errs := []error{c.validateBy()}
	if err := participants.VendorURL(c.URL); err != nil {
		errs = append(errs, fmt.Errorf("url: %w; for example https://my-app.janraincapture.com", err))
	}
	if c.ClientID == "" {
		errs = append(errs, errors.New("client_id: is needed"))
	}
	if c.ClientSecret == "" {
		errs = append(errs, errors.New("client_secret: is needed"))
	}
	if c.Auth != Basic && c.Auth != Form {
		errs = append(errs, errors.New("auth: want basic or form"))
	}
	if c.Timeout < 0 {
		errs = append(errs, errors.New("timeout: must not be negative"))
	}
	return errors.Join(errs...)
}

func (c Config) validateBy() error {
	var errs []error
	for _, by := range c.By {
		if by != ByUUID && by != ByKey && by != ByAccessToken {
			errs = append(errs, fmt.Errorf("by: %q is none of uuid, key, access_token", by))
		}
	}
	switch keyed := slices.Contains(c.By, ByKey); {
	case keyed && c.KeyAttribute == "":
		errs = append(errs, errors.New("key_attribute: is needed to find profiles by key"))
	case !keyed && c.KeyAttribute != "":
		errs = append(errs, errors.New("key_attribute: is of no use unless by has key"))
	}
	if slices.Contains(c.By, ByAccessToken) && !c.YieldUUID {
		errs = append(errs, errors.New("yield_uuid: is needed with access_token, which ends with the deletion"))
	}
	return errors.Join(errs...)
}

// Close releases idle connections.
func (p *Participant) Close() error {
	p.http.CloseIdleConnections()
	return nil
}

// Needs implements [participants.Needer].
func (p *Participant) Needs() []events.IdentifierType {
	types := map[By]events.IdentifierType{ByUUID: UUID, ByKey: p.config.KeyType, ByAccessToken: AccessToken}
	var out []events.IdentifierType
	for _, by := range p.config.By {
		if !slices.Contains(out, types[by]) {
			out = append(out, types[by])
		}
	}
	return out
}

// Yields implements [participants.Resolver].
func (p *Participant) Yields() []events.IdentifierType {
	if p.config.YieldUUID {
		return []events.IdentifierType{UUID}
	}
	return nil
}

// nobody is well-formed, and no profile's: the vendor draws uuids at random.
const nobody = "00000000-0000-4000-8000-000000000000"

// Check looks for a profile that does not exist. It returns a *participants.Misconfigured
// when the host, the client or the type of entity is wrong; whether the client may delete
// shows only when it does.
func (p *Participant) Check(ctx context.Context) error {
	if err := p.look(ctx, nobody); !errors.Is(err, errNoRecord) {
		return err
	}
	return nil
}
