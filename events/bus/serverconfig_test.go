package bus_test

import (
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events/bus"
)

func TestAServerConfigurationIsRefusedWithAllItsFaults(t *testing.T) {
	s := newStand(t)
	cfg := s.cfg
	cfg.Port, cfg.StoreDir, cfg.Host, cfg.Durability, cfg.StoreBytes = 99999, "relative", "x\"\njetstream: off", "maybe", -1
	cfg.Participants = append(cfg.Participants, bus.Account{Name: "a.b"}, bus.Account{Name: "sessions"})
	cfg.Operators = append(cfg.Operators, s.cfg.Orchestrator[0], "SUASEEDBYMISTAKE")
	cfg.NoAuthSource = "nobody"
	_, err := cfg.Text()
	requireFaults(t, err, "port", "store_dir", "durability", "store_bytes", "participants[2]", "participants[3]",
		"operators[1]: is the key of orchestrator[0]", "operators[2]", "no_auth_source")
	if strings.Contains(err.Error(), "SUASEED") {
		t.Errorf("shows a seed: %v", err)
	}
	cfg = s.cfg
	cfg.Host = "x\"\njetstream: off"
	_, err = cfg.Text()
	requireFaults(t, err, "host")
}

// What a tenant may do is exactly this; the attacks of TestNobodyReachesBeyondItsOwnSubjects
// show that the server enforces it.
func TestEachAccountGetsItsOwnSubjectsAndNothingElse(t *testing.T) {
	text, err := newStand(t).cfg.Text()
	if err != nil {
		t.Fatal(err)
	}
	for account, want := range map[string][]string{
		`"participant-api-keys"`: {
			"service erasure.claim.api-keys.>", "service erasure.report.api-keys.>", "service erasure.hello.api-keys",
			"service $JS.ACK.ERASURE_COMMANDS.api-keys.>", "stream erasure.deliver.api-keys",
		},
		`"source-demo"`: {
			"service erasure.requested.demo", "service erasure.request.demo", "service erasure.cancel.demo", "service erasure.status.demo",
			"stream erasure.event.*.demo", "stream erasure.summary.demo",
		},
		`"OPERATORS"`: {"service erasure.operate", "service $SRV.>", "stream erasure.event.>", "stream erasure.summary.>"},
	} {
		got := importsOf(t, text, account)
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s imports %q, want %q", account, got, want)
		}
	}
	if strings.Count(text, "$JS.API") != 0 {
		t.Error("somebody may call the JetStream API")
	}
	if n := strings.Count(text, "jetstream: enabled"); n != 1 {
		t.Errorf("%d accounts have JetStream", n)
	}
}

// importsOf reads the imports of one account back.
func importsOf(t *testing.T, text, account string) []string {
	t.Helper()
	_, section, found := strings.Cut(text, "  "+account+" {")
	if !found {
		t.Fatalf("no account %s", account)
	}
	_, section, _ = strings.Cut(section, "imports: [")
	section, _, _ = strings.Cut(section, "    ]")
	var out []string
	for line := range strings.Lines(section) {
		kind, rest, ok := strings.Cut(strings.TrimSpace(line), `: { account: "EXPUNGE", subject: "`)
		if ok {
			out = append(out, strings.TrimPrefix(kind, "{ ")+" "+strings.TrimSuffix(rest, `" } }`))
		}
	}
	return out
}
