package cognito

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// The identifier types that this participant may need.
const (
	Username events.IdentifierType = "cognito_username"
	Sub      events.IdentifierType = "cognito_sub"
)

// The kinds that it counts.
const (
	identities    events.Kind = "identities"
	providerLinks events.Kind = "provider_links"
)

// Config is the configuration of a [Participant].
type Config struct {
	Realm           string // the user directory that it serves; empty: any
	Region          string // of AWS, for example eu-central-1
	Pool            string // user pool id
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // only with temporary credentials
	Endpoint        string // base URL; empty: that of AWS for the region
	NeedSub         bool   // demand the identity's sub from the task, and compare it

	// AllowNoSignOut tolerates a service that does not support global sign-out. The result
	// then says that the remote effect was not confirmed.
	AllowNoSignOut bool

	Timeout    time.Duration // of one request; default 15 s
	RetryDelay time.Duration // asked for when the vendor throttles; default 5 s
	Client     *http.Client  // default: one of its own; redirects are never followed
}

var _ interface {
	participants.Participant
	participants.Counter
	participants.Needer
	participants.Suspender
} = (*Participant)(nil)

// Participant erases identities. It is safe for concurrent use.
type Participant struct {
	config Config
	http   *http.Client
	api    *cip.Client
}

// New returns a participant, or an error that names everything that is wrong with c. It
// contacts nobody.
func New(c Config) (*Participant, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if c.RetryDelay == 0 {
		c.RetryDelay = 5 * time.Second
	}
	p := &Participant{config: c, http: participants.VendorClient(c.Client)}
	options := cip.Options{
		Region:      c.Region,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		HTTPClient:  p.http,
		Retryer:     aws.NopRetryer{}, // when to try again is the orchestrator's to say
	}
	if c.Endpoint != "" {
		options.BaseEndpoint = aws.String(c.Endpoint)
	}
	p.api = cip.New(options)
	return p, nil
}

func (c Config) validate() error {
	var errs []error
	if c.Region == "" {
		errs = append(errs, errors.New("region: is needed"))
	}
	if !strings.Contains(c.Pool, "_") {
		errs = append(errs, errors.New("pool: want a user pool id, such as eu-central-1_AbCdEfGhI"))
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		errs = append(errs, errors.New("access_key_id, secret_access_key: are needed"))
	}
	if err := participants.VendorURL(c.Endpoint); c.Endpoint != "" && err != nil {
		errs = append(errs, fmt.Errorf("endpoint: %w", err))
	}
	if c.Timeout < 0 || c.RetryDelay < 0 {
		errs = append(errs, errors.New("timeout, retry_delay: must not be negative"))
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
	if p.config.NeedSub {
		return []events.IdentifierType{Username, Sub}
	}
	return []events.IdentifierType{Username}
}

// checkName is well-formed, and nobody's: names of real users come from the account.
const checkName = "expunge-configuration-check"

// Check asks for a user that does not exist. It returns a *participants.Misconfigured
// when the pool, the region or a credential is wrong.
func (p *Participant) Check(ctx context.Context) error {
	if _, err := p.get(ctx, checkName); !errors.Is(err, errNoUser) {
		return err
	}
	return nil
}
