package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events/bus"
)

func TestAConfigurationIsRefusedWithAllItsFaults(t *testing.T) {
	for _, c := range []struct {
		cfg    bus.Config
		fields []string
	}{
		{bus.Config{URL: "http://127.0.0.1"}, []string{"url"}},
		{bus.Config{URL: "nats://"}, []string{"url"}},
		{bus.Config{URL: "nats://u:secret@[::1", Password: "secret"}, []string{"url", "password"}},
		{bus.Config{CredsFile: "a", NKeySeedFile: "b"}, []string{"creds_file, nkey_seed_file"}},
		{bus.Config{URL: "gopher://x", User: "u", CredsFile: "a", TLS: bus.TLS{Cert: "c"}}, []string{"url", "user", "tls"}},
		{bus.Config{CredsFile: "/nowhere/x.creds", TLS: bus.TLS{CA: "/nowhere/ca.pem"}}, []string{"creds_file", "tls.ca"}},
		{bus.Config{NKeySeedFile: "/nowhere/x.seed"}, []string{"nkey_seed_file"}},
		{bus.Config{TLS: bus.TLS{Cert: "/nowhere/c.pem", Key: "/nowhere/k.pem"}}, []string{"tls.cert"}},
	} {
		nc, err := bus.Connect(c.cfg)
		if nc != nil {
			nc.Close()
		}
		requireFaults(t, err, c.fields...)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("shows the password: %v", err)
		}
	}
}

func TestAUserComesWithASeedFile(t *testing.T) {
	s := provisioned(t)
	path := filepath.Join(t.TempDir(), "demo.seed")
	if err := s.keys["demo"].Save(path); err != nil {
		t.Fatal(err)
	}
	dial(t, bus.Config{URL: s.url, NKeySeedFile: path})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := s.keys["billing"].Save(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("overwrote a seed: %v", err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	key, err := bus.ParseKey(bytes.TrimSpace(seed))
	if err != nil || key.Public() != s.keys["demo"].Public() {
		t.Errorf("%v, %v", key, err)
	}
}

func TestAKeyDoesNotPrintItsSeed(t *testing.T) {
	key, err := bus.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "seed")
	if err := key.Save(path); err != nil {
		t.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", key, "in", bus.Config{NKey: key})
	text := fmt.Sprintf("%v %+v %#v %s %x %+v %q", key, key, key, key, key, bus.Config{NKey: key}, []any{key}) + log.String()
	if strings.Contains(text, string(bytes.TrimSpace(seed))) || strings.Contains(text, fmt.Sprint(seed[:8])) {
		t.Errorf("%s", text)
	}
	if !strings.Contains(text, key.Public()) {
		t.Error("does not print its public half either")
	}
	for _, bad := range []string{"", "SUAAA", key.Public()} {
		if _, err := bus.ParseKey([]byte(bad)); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestWhoWaitsForABusThatIsAwayLearnsWhy(t *testing.T) {
	nc, err := bus.Connect(bus.Config{URL: "nats://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := bus.WaitConnected(ctx, nc); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	nc.Close()
	if err := bus.WaitConnected(t.Context(), nc); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("closed: %v", err)
	}
}

// Without credentials a client is the demo source where that is switched on, and nobody
// where it is not.
func TestWithoutCredentialsAClientIsTheDemoSourceOrNobody(t *testing.T) {
	open := devStand(t)
	nc := dial(t, bus.Config{URL: open.url})
	if _, err := nc.Request("erasure.requested.demo", []byte(`{"user_id":"u-0042"}`), 10*time.Second); err != nil {
		t.Errorf("demo: %v", err)
	}
	if _, err := nc.Request("erasure.requested.billing", []byte(`{}`), 100*time.Millisecond); err == nil {
		t.Error("demo wrote for billing")
	}

	shut, err := nats.Connect(provisioned(t).url)
	if !errors.Is(err, nats.ErrAuthorization) {
		shut.Close()
		t.Errorf("nobody: %v", err)
	}
}
