package redis

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

var _ interface {
	participants.Participant
	participants.Counter
	participants.Needer
} = (*Participant)(nil)

// Participant erases entries of Redis. It is safe for concurrent use.
type Participant struct {
	config Config
	places []place
	types  []events.IdentifierType
	client redis.UniversalClient
}

// New returns a participant, or an error that names everything that is wrong with c. It
// contacts nobody.
func New(c Config) (*Participant, error) {
	c = c.withDefaults()
	places, err := c.parse()
	if err != nil {
		return nil, err
	}
	p := &Participant{config: c, places: places}
	for _, place := range places {
		for _, typ := range place.types() {
			if !slices.Contains(p.types, typ) {
				p.types = append(p.types, typ)
			}
		}
	}
	p.client = c.client()
	return p, nil
}

// client never tries again by itself, nor follows a slot that moves: an UNLINK whose answer
// was lost would then say that there was nothing. When to try again is the orchestrator's to
// say; a cluster's client learns of a moved slot by the first error.
func (c Config) client() redis.UniversalClient {
	if c.Cluster {
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: c.Addresses, Username: c.Username, Password: c.Password, TLSConfig: c.TLS, DisableIdentity: true,
			MaxRetries: -1, MaxRedirects: -1, DialTimeout: c.Timeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, ContextTimeoutEnabled: true,
		})
	}
	network := "tcp"
	if strings.HasPrefix(c.Addresses[0], "/") {
		network = "unix"
	}
	return redis.NewClient(&redis.Options{
		Network: network, Addr: c.Addresses[0], DB: c.Database, Username: c.Username, Password: c.Password, TLSConfig: c.TLS, DisableIdentity: true,
		MaxRetries: -1, DialTimeout: c.Timeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, ContextTimeoutEnabled: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// Close closes the connections.
func (p *Participant) Close() error { return p.client.Close() }

// Needs implements [participants.Needer].
func (p *Participant) Needs() []events.IdentifierType { return p.types }

// Check looks at the canary. It returns a *participants.Misconfigured when the address, the
// database or a right is wrong.
func (p *Participant) Check(ctx context.Context) error {
	n, err := p.client.Exists(ctx, p.config.Canary).Result()
	switch {
	case err != nil:
		return verbOf(ctx, err)
	case n == 0:
		return misconfigured("canary_missing", "the canary is not there: this is another database, or nobody has set it yet")
	}
	return nil
}
