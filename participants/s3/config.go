package s3

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// Config is the configuration of a [Participant].
type Config struct {
	Realm     string // the user directory that it serves; empty: any
	Region    string // for example eu-central-1; with an endpoint, us-east-1 by default
	Endpoint  string // base URL of another store; empty: that of AWS for the region
	PathStyle bool   // the bucket is in the path of a URL and not in its host

	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // only with temporary credentials

	// Credentials are asked for, instead of the three above, whenever they have run out.
	Credentials aws.CredentialsProvider

	// Delimiter is what separates the parts of a key; a value that holds it is refused. It is
	// "/" by default; "none" for keys without parts, in which no prefix is a person's.
	Delimiter string

	Places []Place

	Timeout time.Duration // of one request; default 30 s
	TLS     *tls.Config   // nil: the trust of the system
	Client  *http.Client  // default: one of its own; redirects are never followed
}

// Place is where objects of the person are: below a prefix, or under one key. In both
// ${user_id}, or another identifier type, stands for the person's value, and is filled with
// each that the task brings.
type Place struct {
	Kind   events.Kind // what a version, a delete marker and an unfinished upload count as
	Bucket string
	Prefix string // users/${user_id}/: the delimiter must come right after an identifier
	Key    string // avatars/${user_id}.png
	Ground string // of objects that a lock keeps; default: object lock
}

const (
	noDelimiter   = "none"
	defaultGround = "object lock"
	defaultRegion = "us-east-1"
)

func (c Config) withDefaults() Config {
	if c.Delimiter == "" {
		c.Delimiter = "/"
	}
	if c.Region == "" && c.Endpoint != "" {
		c.Region = defaultRegion
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	return c
}

// parse returns the places, or an error that names everything that is wrong.
func (c Config) parse() (places []*place, err error) {
	faults := []error{checkEndpoint(c.Endpoint), c.checkCredentials()}
	bad := func(wrong bool, problem string) {
		if wrong {
			faults = append(faults, errors.New(problem))
		}
	}
	bad(c.Region == "", "region: is needed")
	bad(c.Timeout < 0, "timeout: must not be negative")
	bad(c.TLS != nil && c.Client != nil, "tls: is of no use beside a client")
	bad(len(c.Places) == 0, "places: is needed")
	for i, p := range c.Places {
		parsed, err := p.parse(c.Delimiter)
		if err != nil {
			faults = append(faults, fmt.Errorf("places[%d]: %w", i, err))
		}
		places = append(places, parsed)
	}
	return places, errors.Join(faults...)
}

func (c Config) checkCredentials() error {
	static := c.AccessKeyID != "" || c.SecretAccessKey != "" || c.SessionToken != ""
	switch {
	case c.Credentials != nil && static:
		return errors.New("access_key_id, secret_access_key: are of no use beside other credentials")
	case c.Credentials == nil && (c.AccessKeyID == "" || c.SecretAccessKey == ""):
		return errors.New("access_key_id, secret_access_key: are needed")
	}
	return nil
}

func checkEndpoint(text string) error {
	if text == "" {
		return nil
	}
	if err := participants.VendorURL(text); err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	return nil
}

// place is a parsed [Place].
type place struct {
	Place
	template template
}

func (p Place) parse(delimiter string) (*place, error) {
	if p.Ground == "" {
		p.Ground = defaultGround
	}
	out := &place{Place: p}
	field, text := "prefix", p.Prefix
	if p.Key != "" {
		field, text = "key", p.Key
	}
	var err error
	if out.template, err = parseTemplate(text); err != nil {
		err = fmt.Errorf("%s: %w", field, err)
	}
	switch {
	case p.Kind == "":
		return out, errors.New("kind: is needed")
	case p.Bucket == "" || strings.ContainsAny(p.Bucket, "/${}"):
		return out, errors.New("bucket: want the name of one")
	case (p.Prefix == "") == (p.Key == ""):
		return out, errors.New("prefix: want a prefix or a key")
	case err != nil:
		return out, err
	case p.Prefix != "" && delimiter == noDelimiter:
		return out, errors.New("prefix: is of no use without a delimiter: want keys")
	case p.Prefix != "" && !out.template.closed(delimiter):
		return out, fmt.Errorf("prefix: the delimiter %s must come right after each identifier: what is 1's must not be 10's", delimiter)
	case p.Key != "" && !out.template.distinct(delimiter):
		return out, fmt.Errorf("key: the delimiter %s must stand between two identifiers", delimiter)
	}
	return out, nil
}

// typesOf returns the identifier types of the places, each once.
func typesOf(places []*place) (out []events.IdentifierType) {
	for _, p := range places {
		for _, typ := range p.template.types() {
			if !slices.Contains(out, typ) {
				out = append(out, typ)
			}
		}
	}
	return out
}
