package participantstest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
)

// The worker in Node.js was written from events/README.md alone, for the orchestrator's tests.
// Its system is a file with the number of items of each user.
const foreignWorker = "../../orchestrator/testdata/worker.mjs"

func TestAWorkerInAnotherLanguagePasses(t *testing.T) {
	t.Parallel()
	passes(t, newForeign(t), append([]string{
		"renews its permit while it works", "stops when its permit is not renewed",
	}, suspending...)...)
}

func TestASlowWorkerInAnotherLanguageKeepsToItsPermits(t *testing.T) {
	t.Parallel()
	r := newForeign(t, "SLOW_MS=3000")
	r.Slow = func() error { return nil } // it always is
	r.Only = "its permit"
	n := 0
	err := r.Check(t.Context(), func(s Score) {
		n++
		if s.Err != nil || s.Untold != "" {
			t.Errorf("%s: %v %s", s.Check, s.Err, s.Untold)
		}
	})
	if err != nil || n != 3 {
		t.Errorf("%d checks, %v", n, err)
	}
}

// newForeign runs a worker in Node.js until the test ends. It skips without the Node packages.
func newForeign(t *testing.T, env ...string) *Remote {
	t.Helper()
	modules := os.Getenv("EXPUNGE_TEST_NODE_MODULES")
	if modules == "" {
		t.Skip("not covered: Node.js with a NATS client")
	}
	s, dir, log := newStand(t, "larder"), t.TempDir(), &lines{}
	store, seed := filepath.Join(dir, "items.json"), filepath.Join(dir, "seed")
	if err := s.theirKey.Save(seed); err != nil {
		t.Fatal(err)
	}
	r := s.remote(newLarder(), log)
	r.Seed = func() error {
		return replaceFile(store, `{"u-check-0042":3,"u-check-00421":2,"u-check-7":1}`)
	}
	r.Items = func(ids []events.Identifier) (int64, error) { return itemsIn(store, ids) }
	r.Break = func() error { return os.Rename(store, store+".away") }
	r.Mend = func() error {
		if err := os.Rename(store+".away", store); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	r.Slow = nil
	if err := r.Seed(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", foreignWorker)
	cmd.Env = append(os.Environ(), append(env, "NATS_URL="+s.server.URL(), "NKEY_SEED_FILE="+seed,
		"PARTICIPANT=larder", "KIND=items", "STORE="+store)...)
	cmd.Stderr = log
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Log(strings.TrimSpace(log.String()))
		}
	})
	return r
}

// replaceFile writes a file in one step for who reads it.
func replaceFile(path, text string) error {
	if err := os.WriteFile(path+".seed", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".seed", path)
}

func itemsIn(path string, ids []events.Identifier) (n int64, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var items map[string]int64
	if err := json.Unmarshal(data, &items); err != nil {
		return 0, err
	}
	for _, v := range valuesOf(ids) {
		n += items[v]
	}
	return n, nil
}
