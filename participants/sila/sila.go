package sila

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Config is the configuration of a [Participant]. Credentials are either ClientID and
// ClientSecret, or AppKey.
type Config struct {
	Realm     string // the user directory that it serves; empty: any
	API       string // base URL of the environment, for example https://api.silamoney.com
	AppHandle string

	ClientID     string // OAuth2
	ClientSecret string

	AppKey  string // ECDSA: the app's private key, 64 hexadecimal digits
	UserKey string // ECDSA: a private key that is registered with every user; empty: of type Key

	Probe             string        // a handle that is registered for good; empty: an unknown handle is a fault
	AdvancedKYC       bool          // ask get_verifications and not check_kyc
	Ground            string        // of a retained identity
	SessionIdentifier string        // sent with the deletion of an address, where the bank asks for it
	Timeout           time.Duration // of one request; default 15 s
	PendingWait       time.Duration // before an identity under verification is tried again; default 1 h

	Client *http.Client     // default: one of its own; redirects are never followed
	Now    func() time.Time // default: time.Now; the vendor refuses requests that are 5 min old, or from the future
}

const defaultGround = "identity passed verification: Sila does not delete it"

var _ interface {
	participants.Participant
	participants.Counter
	participants.Needer
	participants.Itemizer
} = (*Participant)(nil)

// Participant erases registration data. It is safe for concurrent use.
type Participant struct {
	config  Config
	appKey  *key // nil: OAuth2
	userKey *key // nil: it comes with the person
	http    *http.Client
	token   tokenCache
	turns   *participants.Exclusive // by handle
}

// New returns a participant, or an error that names everything that is wrong with c. It
// contacts nobody.
func New(c Config) (*Participant, error) {
	if c.Ground == "" {
		c.Ground = defaultGround
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if c.PendingWait == 0 {
		c.PendingWait = time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	p := &Participant{config: c, http: participants.VendorClient(c.Client), token: newTokenCache(), turns: participants.NewExclusive()}
	if err := errors.Join(c.validate(), p.readKeys()); err != nil {
		return nil, err
	}
	return p, nil
}

func (c Config) validate() error {
	var errs []error
	if err := participants.VendorURL(c.API); err != nil {
		errs = append(errs, fmt.Errorf("api: %w; for example https://api.silamoney.com or https://sandbox.silamoney.com", err))
	}
	if !handleForm.MatchString(c.AppHandle) {
		errs = append(errs, errors.New("app_handle: is needed"))
	}
	if c.Probe != "" && !handleForm.MatchString(c.Probe) {
		errs = append(errs, errors.New("probe: want a handle"))
	}
	errs = append(errs, c.validateCredentials())
	if c.Timeout < 0 || c.PendingWait < 0 {
		errs = append(errs, errors.New("timeout, pending_wait: must not be negative"))
	}
	return errors.Join(errs...)
}

func (c Config) validateCredentials() error {
	oauth := c.ClientID != "" || c.ClientSecret != ""
	ecdsa := c.AppKey != "" || c.UserKey != ""
	switch {
	case oauth && ecdsa:
		return errors.New("app_key, user_key: have no meaning with client_id and client_secret")
	case oauth && (c.ClientID == "" || c.ClientSecret == ""):
		return errors.New("client_id, client_secret: both are needed")
	case ecdsa && c.AppKey == "":
		return errors.New("app_key: is needed with user_key")
	case !oauth && !ecdsa:
		return errors.New("client_id: is needed, with client_secret; or app_key")
	}
	return nil
}

func (p *Participant) readKeys() error {
	var errs []error
	for _, k := range []struct {
		field, text string
		to          **key
	}{{"app_key", p.config.AppKey, &p.appKey}, {"user_key", p.config.UserKey, &p.userKey}} {
		if k.text == "" {
			continue
		}
		read, ok := parseKey(k.text)
		if !ok {
			errs = append(errs, errors.New(k.field+": want a private key of 64 hexadecimal digits"))
			continue
		}
		*k.to = read
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
	if p.appKey != nil && p.userKey == nil {
		return []events.IdentifierType{Handle, Key}
	}
	return []events.IdentifierType{Handle}
}

// Check asks the vendor for the probe, or else for the app's own handle. It returns a
// *participants.Misconfigured when the credentials, the host or the probe are wrong.
func (p *Participant) Check(ctx context.Context) error {
	if p.config.Probe != "" {
		return p.probe(ctx)
	}
	_, err := p.free(ctx, p.config.AppHandle)
	return err
}
