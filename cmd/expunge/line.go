package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/events/bus"
)

// line says how a command reaches the bus.
type line struct {
	url, creds, nkey, ca string
	timeout              time.Duration
}

// flags adds those of the connection. Whose credentials they are is said for people; the
// variables of the credentials begin with prefix, so that a source and an operator can
// live in one environment.
func (l *line) flags(c *cobra.Command, w world, whose, prefix string) {
	flagOrEnv(c, w, &l.url, "nats", "EXPUNGE_NATS_URL", nats.DefaultURL, "URL of the NATS server")
	flagOrEnv(c, w, &l.creds, "creds", prefix+"_CREDS_FILE", "", "credentials file of "+whose)
	flagOrEnv(c, w, &l.nkey, "nkey", prefix+"_NKEY_FILE", "", "file with the user seed of "+whose)
	flagOrEnv(c, w, &l.ca, "tls-ca", "EXPUNGE_NATS_CA_FILE", "", "who signed the server's certificate")
	c.Flags().DurationVar(&l.timeout, "timeout", 10*time.Second, "how long to wait for an answer")
}

// flagOrEnv adds a flag whose default the environment can set.
func flagOrEnv(c *cobra.Command, w world, to *string, flag, variable, fallback, help string) {
	if value := w.getenv(variable); value != "" {
		fallback = value
	}
	c.Flags().StringVar(to, flag, fallback, help+" (also "+variable+")")
}

// dial connects within the timeout; who is a name for those who list connections.
func (l *line) dial(ctx context.Context, who string) (*nats.Conn, error) {
	nc, err := bus.Connect(bus.Config{
		URL: l.url, Name: "expunge " + who, CredsFile: l.creds, NKeySeedFile: l.nkey, TLS: bus.TLS{CA: l.ca},
	})
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if err := bus.WaitConnected(limited, nc); err != nil {
		cause := nc.LastError()
		nc.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, withCode(exitNoAnswer, advise(unreached(l.url, cause), "start it with expunge dev or expunge serve, or say where it is with --nats"))
	}
	return nc, nil
}

// unreached names the place without what a URL may hold besides.
func unreached(raw string, cause error) error {
	place := "the given URL"
	if u, err := url.Parse(raw); err == nil {
		place = u.Redacted()
	}
	if cause == nil {
		cause = errors.New("nobody answers")
	}
	return fmt.Errorf("the bus at %s cannot be reached: %w", place, cause)
}
