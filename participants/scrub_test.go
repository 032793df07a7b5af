package participants

import (
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
)

func TestTheScrubberRemovesEveryForm(t *testing.T) {
	scrub := scrubber(Task{Identifiers: []events.Identifier{
		{Type: "email", Value: "a+b@example.com"}, {Type: "name", Value: "Zoë \"Z\"\n"}, {Type: "user_id", Value: "u.1"},
	}})
	for text, want := range map[string]string{
		"to A+B@EXAMPLE.COM.":       "to [redacted].",
		"/u/a+b%40example.com":      "/u/[redacted]",
		"q=a%2Bb%40example.com":     "q=[redacted]",
		`no row for "u.1"`:          `no row for "[redacted]"`,
		`Zo\u00eb \"Z\"\n, Zoë`:     `[redacted], Zoë`,
		"Zo%C3%AB%20%22Z%22%0a":     "[redacted]",
		"nothing, not even u-1":     "nothing, not even u-1",
		"İ turns longer: u.1, U.1!": "İ turns longer: [redacted], [redacted]!",
	} {
		if got := scrub(text); got != want {
			t.Errorf("scrub(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestTheScrubberNeverPassesWhatItCannotSearch(t *testing.T) {
	broken := scrubber(Task{Identifiers: []events.Identifier{{Type: "email", Value: "a\xffb"}}})
	if got := broken("of a\xffb"); got != events.Redacted {
		t.Errorf("got %q", got)
	}
	none := scrubber(Task{Identifiers: []events.Identifier{{Type: "email"}}})
	if got := none("plain"); got != "plain" {
		t.Errorf("got %q", got)
	}
	if got := none(strings.Repeat("é", 2000)); len(got) > maxLogged+3 || !strings.HasSuffix(got, "é...") {
		t.Errorf("got %d bytes", len(got))
	}
}
