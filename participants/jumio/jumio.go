package jumio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Config is the configuration of a [Participant].
type Config struct {
	Realm         string // the user directory that it serves; empty: any
	UserAgent     string // as the vendor asks: YourCompany YourApp/v1.0
	Token, Secret string // credentials for the regions that have none of their own
	Regions       map[string]Region
	DefaultRegion string        // of bare references; empty: a bare reference is a fault
	Timeout       time.Duration // of one request; default 15 s
	PendingWait   time.Duration // before a transaction in progress is tried again; default 5 min
	Client        *http.Client  // default: one of its own; redirects are never followed
}

var _ interface {
	participants.Participant
	participants.Counter
	participants.Needer
	participants.Itemizer
} = (*Participant)(nil)

// Participant erases verification images. It is safe for concurrent use.
type Participant struct {
	config  Config
	regions map[string]Region
	http    *http.Client
}

// New returns a participant, or an error that names everything that is wrong with c. It
// contacts nobody. Regions left out of a non-empty map are not served; an empty map means
// all three.
func New(c Config) (*Participant, error) {
	if len(c.Regions) == 0 {
		c.Regions = map[string]Region{US: {}, EU: {}, SGP: {}}
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if c.PendingWait == 0 {
		c.PendingWait = 5 * time.Minute
	}
	p := &Participant{config: c, regions: map[string]Region{}, http: participants.VendorClient(c.Client)}
	for name, r := range c.Regions {
		p.regions[name] = r.filled(name, c)
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	return p, nil
}

var userAgentForm = regexp.MustCompile(`^\S.* \S+/v?[0-9][0-9A-Za-z.+-]*$`)

func (p *Participant) validate() error {
	var errs []error
	if !userAgentForm.MatchString(p.config.UserAgent) {
		errs = append(errs, errors.New("user_agent: want the form YourCompany YourApp/v1.0"))
	}
	for _, name := range slices.Sorted(maps.Keys(p.regions)) {
		if _, known := vendor[name]; !known {
			errs = append(errs, fmt.Errorf("regions: %q is none of us, eu, sgp", name))
			continue
		}
		errs = append(errs, p.regions[name].validate(name))
	}
	if d := p.config.DefaultRegion; d != "" && p.regions[d].API == "" {
		errs = append(errs, errors.New("default_region: is not among the regions"))
	}
	if p.config.Timeout < 0 || p.config.PendingWait < 0 {
		errs = append(errs, errors.New("timeout, pending_wait: must not be negative"))
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
	return []events.IdentifierType{Scan, Authentication, Document}
}

// Check retrieves every configured probe. It returns a *participants.Misconfigured when a
// credential, a host or a probe is wrong, and tells nothing about regions without probes.
func (p *Participant) Check(ctx context.Context) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(p.regions)) {
		for _, kind := range slices.Sorted(maps.Keys(p.regions[name].Probes)) {
			errs = append(errs, p.probe(ctx, name, kind))
		}
	}
	return errors.Join(errs...)
}
