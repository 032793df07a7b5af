package orchestrator_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheServiceIsListed looks at the endpoints as an operator does.
func TestTheServiceIsListed(t *testing.T) {
	nats := os.Getenv("EXPUNGE_TEST_NATS_CLI")
	if nats == "" {
		t.Skip("not covered: nats command line")
	}
	r := newRig(t, twoShares())
	seed := filepath.Join(t.TempDir(), "operator.nk")
	if err := r.keys["operator"].Save(seed); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), nats, append([]string{"--server", r.srv.URL(), "--nkey", seed}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir()) // no context of this machine's user
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("nats %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	if out := run("micro", "ls"); !strings.Contains(out, "expunge") {
		t.Errorf("nats micro ls:\n%s", out)
	}
	out := run("micro", "info", "expunge")
	for _, subject := range []string{"erasure.request.*", "erasure.cancel.*", "erasure.status.*", "erasure.claim.*.>", "erasure.report.*.>", "erasure.hello.*"} {
		if !strings.Contains(out, subject) {
			t.Errorf("nats micro info does not show %s:\n%s", subject, out)
		}
	}
}
