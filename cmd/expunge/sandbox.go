package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/expunge-io/expunge/cmd/expunge/assembly"
	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/participants/sandbox"
)

// What the sandbox knows. None of it is a secret: it listens on loopback, and holds nothing real.
const (
	sandboxCustomer = "sandbox"
	sandboxID       = "sandbox"
	sandboxSecret   = "sandbox-secret"
	sandboxRegion   = "eu-central-1"
	sandboxPool     = "eu-central-1_Sandbox01"
	sandboxProbe    = "00000000-0000-4000-8000-000000000001"
	sandboxHandle   = "expunge_probe"
)

// sandboxWorkers is a configuration of workers for the sandbox, whose URL is the first argument.
const sandboxWorkers = `workers:
  verification-images:
    jumio:
      user_agent: Sandbox Eraser/v1.0
      token: %[2]s
      secret: %[3]s
      regions:
        eu: {api: '%[1]s/eu', retrieval: '%[1]s/eu/retrieval', probes: {scans: %[6]s}}
  identity-provider:
    cognito:
      region: %[4]s
      pool: %[5]s
      endpoint: '%[1]s'
      access_key_id: %[2]s
      secret_access_key: %[3]s
  profiles:
    capture:
      url: '%[1]s'
      client_id: %[2]s
      client_secret: %[3]s
  registration-data:
    sila:
      api: '%[1]s'
      app_handle: %[8]s
      client_id: %[2]s
      client_secret: %[3]s
      probe: %[7]s
`

func sandboxConfig(url string) string {
	return fmt.Sprintf(sandboxWorkers, url, sandboxID, sandboxSecret, sandboxRegion, sandboxPool, sandboxProbe, sandboxHandle, sandboxCustomer)
}

func sandboxCommand(w world) *cobra.Command {
	var listen, data string
	c := &cobra.Command{
		Use: "sandbox", Short: "Serve look-alikes of Jumio, Cognito, Sila and Capture, to try workers on",
		Long: `Serve look-alikes of Jumio, AWS Cognito, Sila and Janrain Capture behind one address, and print
the configuration of workers that erase in them. They check credentials as the vendors do, keep what
is stored in them, and count the deletions that took effect. Below /sandbox/jumio, /sandbox/cognito,
/sandbox/sila and /sandbox/capture there are

  GET, PUT /stored            what is stored; a PUT of a JSON list adds to it
  GET /ledger                 what was deleted, when, and how often that was tried
  PUT, DELETE /faults         a JSON list of faults: {"status":500}, {"lie":true}, {"reset":true},
                              {"delay":2000000000} in nanoseconds, each with "action", "skip", "times"

They are look-alikes: what passes here may still fail at the vendor.

` + exitCodes,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return runSandbox(c.Context(), w, listen, data) },
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8085", "loopback address, as host:port; port 0: any free one")
	c.Flags().StringVar(&data, "data", "", "folder that survives; default: everything is lost at the end")
	return c
}

func runSandbox(ctx context.Context, w world, listen, data string) (err error) {
	if !config.Loopback(listen) {
		return withCode(exitUsage, errors.New("--listen must be a loopback address such as 127.0.0.1:8085"))
	}
	if data != "" {
		if err := os.MkdirAll(data, 0o700); err != nil {
			return err
		}
	}
	v, err := openSandbox(data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	var lc net.ListenConfig
	door, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return adviseTaken(err, "--listen takes another one")
	}
	url := "http://" + door.Addr().String()
	fmt.Fprintf(w.out, "# The sandbox listens on %s until it is interrupted. Workers for it:\n\n%s\n", url,
		strings.TrimSuffix(sandboxConfig(url), "\n"))
	return assembly.ServeHTTP(ctx, door, v, newLogger(w.err, config.Log{Level: "info", Format: "text"}))
}

// openSandbox returns the look-alikes, with what proves to the adapters that they can see.
func openSandbox(folder string) (*sandbox.Vendors, error) {
	v, err := sandbox.OpenVendors(sandbox.VendorsConfig{
		Customer: sandboxCustomer, ID: sandboxID, Secret: sandboxSecret,
		Region: sandboxRegion, Pool: sandboxPool, Type: "user", Folder: folder, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		v.Jumio.Put(sandbox.JumioTransaction{Tenant: sandboxCustomer, Region: "eu", Kind: "scans", Reference: sandboxProbe}),
		v.Sila.Put(sandbox.SilaEntity{App: sandboxCustomer, Handle: sandboxHandle}),
	)
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}
