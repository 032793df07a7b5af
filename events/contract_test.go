package events_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
)

func TestDecodeTellsAnotherTypeFromAMalformedMessage(t *testing.T) {
	v := vectors(t)["report-erased"]
	env, r, err := events.Decode[events.Claim](v.header(), []byte(v.Data))
	if !errors.Is(err, events.ErrUnknownType) || errors.Is(err, events.ErrMalformed) {
		t.Errorf("a report as a claim: %v", err)
	}
	if env.ID != v.Header["ce-id"] || !reflect.ValueOf(r).IsZero() {
		t.Errorf("envelope %+v, claim %+v", env, r)
	}
	h := v.header()
	h["ce-type"] = []string{"io.expunge.erasure.report.v2"}
	if _, _, err := events.DecodeAny(h, []byte(v.Data)); !errors.Is(err, events.ErrUnknownType) {
		t.Errorf("a version to come: %v", err)
	}
	if _, _, err := events.DecodeAny(nil, []byte(v.Data)); !errors.Is(err, events.ErrMalformed) {
		t.Errorf("plain JSON names no type: %v", err)
	}
}

func TestDecodeReturnsTheEnvelopeOfMalformedData(t *testing.T) {
	v := vectors(t)["cancel"]
	env, _, err := events.Decode[events.Cancel](v.header(), []byte(`{"request":"r","why":"x"}`))
	if !errors.Is(err, events.ErrMalformed) || env.ID != "undo-2231" || env.Source != "/sources/billing" {
		t.Errorf("envelope %+v, %v", env, err)
	}
}

func TestOutsideARequestUnknownFieldsAreIgnored(t *testing.T) {
	data := `{"saga":"s","verb":"erase","round":1,"instance":"w","time":"2026-02-03T10:00:00+01:00","permit":null,"new":{"a":[1]},"SAGA":"x"}`
	_, c, err := events.Decode[events.Claim](nil, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	if want := (events.Claim{Saga: "s", Verb: events.Erase, Round: 1, Instance: "w", Time: at(0)}); c != want {
		t.Errorf("claim %+v, want %+v", c, want)
	}
	if _, _, err := events.Decode[events.Claim](nil, []byte(strings.Replace(data, `"a":[1]`, `"a":1,"a":2`, 1))); !errors.Is(err, events.ErrMalformed) {
		t.Errorf("a name twice in what is ignored: %v", err)
	}
}

func TestEncodeSaysAllThatIsWrong(t *testing.T) {
	_, err := events.Encode(events.Envelope{Source: "://", Subject: "a\nb"}, events.Report{
		Verb: events.Verify, Verdict: events.Erased, Counts: events.Counts{"A": 1}, Code: "x", Identifiers: []events.Identifier{{}}})
	for _, field := range []string{"ce-id", "ce-source", "ce-subject", "saga", "round", "permit", "verdict", "counts", "code", "identifiers", "identifiers[0].type", "identifiers[0].value"} {
		if !strings.Contains(err.Error(), field+": ") {
			t.Errorf("nothing is said of %s", field)
		}
	}
	if !errors.Is(err, events.ErrMalformed) {
		t.Errorf("%v is not ErrMalformed", err)
	}
}

func TestEncodeRefusesWhatItCannotWrite(t *testing.T) {
	env := events.Envelope{ID: "1", Source: "/s"}
	for name, p := range map[string]events.Payload{
		"no payload":    nil,
		"a pointer":     &events.Cancel{Request: "r"},
		"a nil pointer": (*events.Cancel)(nil),
		"broken UTF-8":  events.Cancel{Request: "r", Reason: "\xff"},
		"the year 0":    events.Welcome{Time: time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)},
		"the year 10000": events.Welcome{
			Time: time.Date(9999, 12, 31, 23, 59, 0, 0, time.FixedZone("", -3600))},
		"too much": events.Request{Identifiers: many(300, events.Private(strings.Repeat("a", 4096)))},
	} {
		if _, err := events.Encode(env, p); !errors.Is(err, events.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func many(n int, value events.Private) (ids []events.Identifier) {
	for range n {
		ids = append(ids, events.Identifier{Type: "email", Value: value})
	}
	return ids
}

func TestErrorsStayShort(t *testing.T) {
	data := `{"identifiers":[` + strings.TrimSuffix(strings.Repeat(`{"type":"A","value":1},`, 1000), ",") + `]}`
	_, _, err := events.Decode[events.Request](nil, []byte(data))
	if err == nil || len(err.Error()) > 4096 || !strings.Contains(err.Error(), "more faults follow") {
		t.Errorf("%d bytes of error", len(err.Error()))
	}
}

func TestTimesAreWrittenInUTC(t *testing.T) {
	m, err := events.Encode(events.Envelope{ID: "1", Source: "/s", Time: at(0).In(time.FixedZone("", 7200))},
		events.Refusal{Reason: events.RefusedBusy, Until: ptr(at(1).In(time.FixedZone("", 7200)))})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Header["ce-time"][0] + string(m.Data); got != `2026-02-03T09:00:00Z{"reason":"busy","until":"2026-02-03T09:00:01Z"}` {
		t.Errorf("written %s", got)
	}
}

// TestKnownToBeNoneIsNotUnknown keeps the difference between a baseline of nothing and no
// baseline.
func TestKnownToBeNoneIsNotUnknown(t *testing.T) {
	for _, want := range []events.Counts{nil, {}} {
		p := permit(events.Erase, "p")
		p.Baseline = want
		m, err := events.Encode(events.Envelope{ID: "1", Source: "/s"}, p)
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := events.Decode[events.Permit](m.Header, m.Data)
		if err != nil || (got.Baseline == nil) != (want == nil) {
			t.Errorf("baseline %#v became %#v, %v", want, got.Baseline, err)
		}
	}
}

func TestCompletedCannotContradictItself(t *testing.T) {
	env := events.Envelope{ID: "1", Source: "/expunge"}
	for name, change := range map[string]func(*events.Summary){
		"no participants": func(s *events.Summary) { s.Participants = nil },
		"not counted":     func(s *events.Summary) { s.Participants[1].VerifiedAt = nil },
		"exceptions": func(s *events.Summary) {
			s.Exceptions = []events.Exception{{Participant: "wiki", Kind: "waived", Ground: "off"}}
		},
	} {
		s := summary()
		change(&s)
		if _, err := events.Encode(env, s); !errors.Is(err, events.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidKindKnowsTheClosedLists(t *testing.T) {
	for _, c := range []struct {
		participant string
		kind        events.Kind
		want        bool
	}{
		{events.Sessions, "sessions", true},
		{events.Sessions, "api_keys", false},
		{events.Sessions, "", false},
		{"newsletter", "subscriptions", true},
		{"newsletter", "Sub scriptions", false},
		{"newsletter", "", false},
		{"newsletter", events.Kind(strings.Repeat("a", 65)), false},
	} {
		if got := events.ValidKind(c.participant, c.kind); got != c.want {
			t.Errorf("%s counts %q: %v", c.participant, c.kind, got)
		}
	}
	for _, k := range events.Kinds(events.VerificationImages) {
		if !events.ValidKind(events.VerificationImages, k) {
			t.Errorf("%s is not valid", k)
		}
	}
}

func TestVerdictsOfAReportAreThoseOfItsVerb(t *testing.T) {
	for _, v := range []events.Verb{events.Resolve, events.Suspend, events.Restore, events.Erase, events.Verify} {
		if list := events.Verdicts(v); len(list) < 2 || list[len(list)-1] != events.Failed {
			t.Errorf("%s: %v", v, list)
		}
	}
	if events.Verdicts("undo") != nil {
		t.Error("an unknown verb has verdicts")
	}
}
