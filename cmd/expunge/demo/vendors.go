package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/cognito"
	"github.com/expunge-io/expunge/participants/jumio"
	"github.com/expunge-io/expunge/participants/sandbox"
)

// vendors are the look-alikes, each behind a loopback address of its own.
type vendors struct {
	jumio                  *sandbox.Jumio
	cognito                *sandbox.Cognito
	jumioDoor, cognitoDoor net.Listener
	id, secret             string // credentials for both; new ones each time
	log                    *slog.Logger
}

// openVendors brings back what the journals in folder hold.
func openVendors(folder string, log *slog.Logger) (v *vendors, err error) {
	v = &vendors{id: rand.Text(), secret: rand.Text(), log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.close())
		}
	}()
	if v.jumio, err = sandbox.OpenJumio(sandbox.JumioConfig{
		Accounts: []sandbox.JumioAccount{{Tenant: people.Tenant, Token: v.id, Secret: v.secret}},
		Journal:  filepath.Join(folder, "jumio.journal"), Now: time.Now,
	}); err != nil {
		return v, fmt.Errorf("jumio look-alike: %w", err)
	}
	if v.cognito, err = sandbox.OpenCognito(sandbox.CognitoConfig{
		Region: people.Region, Keys: []sandbox.AccessKey{{Account: people.Tenant, ID: v.id, Secret: v.secret}},
		Pools:   []sandbox.UserPool{{Account: people.Tenant, ID: people.Pool, Aliases: []string{"email"}}},
		Journal: filepath.Join(folder, "cognito.journal"), Now: time.Now,
	}); err != nil {
		return v, fmt.Errorf("cognito look-alike: %w", err)
	}
	if v.jumioDoor, err = listen(); err != nil {
		return v, err
	}
	v.cognitoDoor, err = listen()
	return v, err
}

func listen() (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
}

func (v *vendors) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for door, h := range map[net.Listener]http.Handler{v.jumioDoor: v.jumio, v.cognitoDoor: v.cognito} {
		g.Go(func() error { return assembly.ServeHTTP(ctx, door, h, v.log) })
	}
	return g.Wait()
}

func (v *vendors) close() error {
	var errs []error
	for _, door := range []net.Listener{v.jumioDoor, v.cognitoDoor} {
		if door != nil {
			_ = door.Close() // run has closed it, unless it never ran
		}
	}
	if v.jumio != nil {
		errs = append(errs, v.jumio.Close())
	}
	if v.cognito != nil {
		errs = append(errs, v.cognito.Close())
	}
	return errors.Join(errs...)
}

func root(door net.Listener) string { return "http://" + door.Addr().String() }

func (v *vendors) cognitoConfig() *cognito.Config {
	return &cognito.Config{
		Realm: people.Realm, Region: people.Region, Pool: people.Pool, Endpoint: root(v.cognitoDoor),
		AccessKeyID: v.id, SecretAccessKey: v.secret,
	}
}

func (v *vendors) jumioConfig() *jumio.Config {
	c := &jumio.Config{Realm: people.Realm, UserAgent: "Expunge Demo/v1.0", Token: v.id, Secret: v.secret, Regions: map[string]jumio.Region{}}
	for _, p := range people.Probes() {
		r, ok := c.Regions[p.Region]
		if !ok {
			r = jumio.Region{
				API:       sandbox.JumioAPI(root(v.jumioDoor), p.Region),
				Retrieval: sandbox.JumioRetrieval(root(v.jumioDoor), p.Region),
				Probes:    map[events.Kind]string{},
			}
		}
		r.Probes[events.Kind(p.Kind)] = p.Reference
		c.Regions[p.Region] = r
	}
	return c
}
