package events_test

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/events"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// print writes a vector as the README shows it.
func (v vector) print() string {
	var b strings.Builder
	if v.Subject != "" {
		fmt.Fprintf(&b, "subject: %s\n", v.Subject)
	}
	if v.Reply != "" {
		fmt.Fprintf(&b, "reply: %s\n", v.Reply)
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	for _, name := range slices.Sorted(maps.Keys(v.Header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, v.Header[name])
	}
	fmt.Fprintf(&b, "\n%s\n", v.Data)
	return b.String()
}

var shown = regexp.MustCompile("(?s)<!-- testdata/v1/([a-z-]+)\\.json -->\n```\n(.*?)```")

// TestREADMEShowsTheGoldenVectors compares every message that the README shows, byte by
// byte, and misses none of a complete erasure.
func TestREADMEShowsTheGoldenVectors(t *testing.T) {
	all, found := vectors(t), map[string]bool{}
	for _, m := range shown.FindAllStringSubmatch(readme(t), -1) {
		found[m[1]] = true
		if want := all[m[1]].print(); m[2] != want {
			t.Errorf("%s is shown as\n%s\nand is\n%s", m[1], m[2], want)
		}
	}
	for _, name := range []string{
		"requested", "acceptance", "event-accepted", "hello", "welcome",
		"command-resolve", "claim-resolve", "permit-resolve", "report-resolved",
		"command-erase", "claim-erase", "permit-erase", "claim-renewal", "permit-renewed", "report-erased", "receipt-accepted",
		"command-verify", "claim-verify", "permit-verify", "report-counted", "summary",
	} {
		if !found[name] {
			t.Errorf("%s is not shown", name)
		}
	}
	if n := strings.Count(readme(t), "<!-- testdata/"); n != len(found) {
		t.Errorf("%d blocks are marked, %d are shown once each", n, len(found))
	}
}

// TestREADMEExamplesAreMessages decodes what the README tells people to type.
func TestREADMEExamplesAreMessages(t *testing.T) {
	typed := regexp.MustCompile(`nats req erasure\.(request|cancel|status)\.demo '(\{.*?\})'`)
	doors := map[string]bool{}
	for _, m := range typed.FindAllStringSubmatch(readme(t), -1) {
		doors[m[1]] = true
		data := []byte(strings.NewReplacer("<request>", request, "<saga>", saga).Replace(m[2]))
		if err := decodePlain(m[1], data); err != nil {
			t.Errorf("%s: %v", m[0], err)
		}
	}
	if len(doors) != 3 {
		t.Errorf("only %v are shown", doors)
	}
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)\n```").FindAllStringSubmatch(readme(t), -1) {
		if !anyTypeTakes([]byte(m[1])) {
			t.Errorf("no message: %s", m[1])
		}
	}
}

func decodePlain(door string, data []byte) (err error) {
	switch door {
	case "request":
		_, _, err = events.Decode[events.Request](nil, data)
	case "cancel":
		_, _, err = events.Decode[events.Cancel](nil, data)
	case "status":
		_, _, err = events.Decode[events.StatusQuery](nil, data)
	}
	return err
}

func anyTypeTakes(data []byte) bool {
	return slices.ContainsFunc(events.Payloads(), func(p events.Payload) bool {
		return decode(events.TypeOf(p), data) == nil && string(mustEncode(p, data)) == string(data)
	})
}

// mustEncode decodes data as the type of p and encodes it again.
func mustEncode(p events.Payload, data []byte) []byte {
	h := events.Header{"ce-specversion": {"1.0"}, "ce-id": {"1"}, "ce-source": {"/s"}, "ce-type": {events.TypeOf(p)}}
	env, q, err := events.DecodeAny(h, data)
	if err != nil {
		return nil
	}
	m, err := events.Encode(env, q)
	if err != nil {
		return nil
	}
	return m.Data
}

// TestREADMETablesAreTheCode looks for every row that follows from the code.
func TestREADMETablesAreTheCode(t *testing.T) {
	text := readme(t)
	row := func(cells ...string) {
		if !strings.Contains(text, "| "+strings.Join(cells, " | ")+" |") {
			t.Errorf("no row %v", cells)
		}
	}
	for _, p := range []string{events.Sessions, events.APIKeys, events.PrivateKeys, events.Delegations, events.IdentityProvider, events.VerificationImages, events.AutomationSettings, events.RegistrationData, events.Account} {
		row("`"+p+"`", code(events.Kinds(p)))
	}
	for _, verb := range []events.Verb{events.Resolve, events.Restore, events.Erase, events.Verify} {
		if !regexp.MustCompile("\\| `" + string(verb) + "` \\| [^|]* \\| " + code(events.Verdicts(verb)) + " \\|").MatchString(text) {
			t.Errorf("no row of the verdicts of %s", verb)
		}
	}
	for f := range reflect.TypeFor[events.Request]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !strings.Contains(text, "\n| `"+name+"` | ") {
			t.Errorf("no row of the field %s of a request", name)
		}
	}
	for _, p := range events.Payloads() {
		if !strings.Contains(text, "`"+events.TypeOf(p)+"`") {
			t.Errorf("%s is not named", events.TypeOf(p))
		}
	}
	for _, words := range [][]string{
		{events.CodeInvalid, events.CodeUnsupported, events.CodeUnknown, events.CodeTooLate, events.CodeBusy},
		{string(events.Transient), string(events.RateLimited), string(events.Misconfigured), string(events.Refused)},
		{string(events.Took), string(events.Recorded), string(events.Rejected)},
	} {
		for _, w := range words {
			if !strings.Contains(text, "\n| `"+w+"` | ") {
				t.Errorf("no row of %s", w)
			}
		}
	}
	reasons := []events.RefusalReason{events.RefusedUnknown, events.RefusedDone, events.RefusedStale, events.RefusedBusy, events.RefusedDelayed, events.RefusedParked, events.RefusedHeld, events.RefusedEnded, events.RefusedNotReady, events.RefusedMisfit, events.RefusedNotYetOpen}
	if !strings.Contains(text, "`reason` is one of "+code(reasons)+".") {
		t.Errorf("the reasons of a refusal are %s", code(reasons))
	}
}

func code[T ~string](words []T) string {
	var out []string
	for _, w := range words {
		out = append(out, "`"+string(w)+"`")
	}
	return strings.Join(out, ", ")
}
