package s3

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

var _ interface {
	participants.Participant
	participants.Counter
	participants.Needer
	participants.Itemizer
} = (*Participant)(nil)

// Participant erases objects. It is safe for concurrent use.
type Participant struct {
	config Config
	places []*place
	types  []events.IdentifierType
	http   *http.Client
	api    *s3.Client
	turns  *participants.Exclusive // by what is deleted
}

// New returns a participant, or an error that names everything that is wrong with c. It
// contacts nobody.
func New(c Config) (*Participant, error) {
	c = c.withDefaults()
	places, err := c.parse()
	if err != nil {
		return nil, err
	}
	p := &Participant{config: c, places: places, types: typesOf(places), turns: participants.NewExclusive()}
	p.http = participants.VendorClient(c.Client)
	if t, ok := p.http.Transport.(*http.Transport); ok && c.TLS != nil {
		t.TLSClientConfig = c.TLS.Clone()
	}
	p.api = s3.New(c.options(p.http))
	return p, nil
}

func (c Config) options(client *http.Client) s3.Options {
	o := s3.Options{
		Region:       c.Region,
		Credentials:  named{c.Credentials},
		UsePathStyle: c.PathStyle,
		HTTPClient:   whole{client},
		Retryer:      aws.NopRetryer{}, // when to try again is the orchestrator's to say
		// More than the operation demands, other stores may not know.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if c.Credentials == nil {
		o.Credentials = awscredentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
	}
	if c.Endpoint != "" {
		o.BaseEndpoint = aws.String(c.Endpoint)
	}
	return o
}

// Close releases idle connections.
func (p *Participant) Close() error {
	p.http.CloseIdleConnections()
	return nil
}

// Needs implements [participants.Needer].
func (p *Participant) Needs() []events.IdentifierType { return p.types }

// nobody is a value that is no person's.
const nobody = "expunge-configuration-check"

// Check looks for a person who does not exist, in every place. It returns a
// *participants.Misconfigured when an endpoint, a bucket, a right to list or a credential is
// wrong; whether it may delete shows only when it does.
func (p *Participant) Check(ctx context.Context) error {
	v := values{}
	for _, typ := range p.types {
		v[typ] = nobody
	}
	var targets []target
	for _, place := range p.places {
		targets = append(targets, place.of(v))
	}
	_, err := p.list(ctx, targets, time.Time{})
	return err
}
