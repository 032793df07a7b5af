package events_test

import (
	"encoding/json"
	"time"

	"github.com/expunge-io/expunge/events"
)

// vector is one message of testdata, as other implementations can use it.
type vector struct {
	About   string            `json:"about"`
	Subject string            `json:"subject"` // empty: an answer, sent to the reply subject of the question
	Reply   string            `json:"reply,omitempty"`
	Type    string            `json:"type"`
	Header  map[string]string `json:"header"`
	Data    string            `json:"data"` // the exact bytes
}

func (v vector) header() events.Header {
	h := events.Header{}
	for name, value := range v.Header {
		h[name] = []string{value}
	}
	return h
}

// sample is what a vector is made from.
type sample struct {
	name, about, subject, reply string
	from                        sender
	payload                     events.Payload
}

// sender is who sends a sample: the source of its envelope.
type sender struct {
	id, source string
	log        uint64
	saga       bool
}

const (
	saga     = "0197c7a4-6b1e-7c3a-9d52-3f1f0b6a2c10"
	request  = saga + ".1"
	claimOn  = "erasure.claim.sessions.0"
	reportOn = "erasure.report.sessions.0"
)

func source(id string) sender { return sender{id: id, source: "/sources/billing"} }
func worker(id string) sender { return sender{id: id, source: "/participants/sessions", saga: true} }

// answer and stored are the orchestrator: what it answers, and what it puts on a stream.
func answer(id string) sender { return sender{id: id, source: "/expunge"} }
func stored(id string, log uint64) sender {
	return sender{id: saga + "." + id, source: "/expunge", log: log, saga: true}
}

// at is s seconds after nine o'clock.
func at(s int) time.Time { return time.Date(2026, 2, 3, 9, 0, s, 0, time.UTC) }

func ptr[T any](v T) *T { return &v }

func (s sample) envelope() events.Envelope {
	e := events.Envelope{ID: s.from.id, Source: s.from.source, Time: at(0), Log: s.from.log}
	if s.from.saga {
		e.Subject = saga
	}
	return e
}

func (s sample) vector() (vector, error) {
	m, err := events.Encode(s.envelope(), s.payload)
	if err != nil {
		return vector{}, err
	}
	v := vector{About: s.about, Subject: s.subject, Reply: s.reply, Type: events.TypeOf(s.payload),
		Header: map[string]string{}, Data: string(m.Data)}
	for name, values := range m.Header {
		v.Header[name] = values[0]
	}
	return v, nil
}

func (v vector) file() []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	return append(b, '\n')
}

var due = time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC)

// samples are grown and never changed: their files are the contract.
func samples() []sample {
	var all []sample
	for _, group := range [][]sample{sourceSamples(), resolveSamples(), eraseSamples(), verifySamples(), reportSamples(), outcomeSamples(), undoSamples(), narrowSamples(), unboundSamples(), operatorSamples()} {
		all = append(all, group...)
	}
	return all
}

func sourceSamples() []sample {
	return []sample{
		{"requested", "A source publishes a request for one person.", events.SubjectRequested("billing"), "", source("close-2231"),
			events.Request{UserID: "u-0042", Reason: "closed the account", CorrelationID: "ticket-2231"}},
		{"requested-by-identifiers", "The user id is not known; the request waits until it is found.", events.SubjectRequest("billing"), "", source("form-17"),
			events.Request{Identifiers: []events.Identifier{{Type: "email", Value: "mia@example.com"}, {Type: "phone", Value: "+1 555 0100"}}, Regime: "ccpa", IdempotencyKey: "form 17"}},
		{"requested-narrow", "One image alone, no earlier than noon.", events.SubjectRequest("billing"), "", source("image-3"),
			events.Request{UserID: "u-0042", Plan: "default", NotBefore: ptr(at(3 * 3600)), Scope: &events.Scope{
				Items: []events.Item{{Participant: events.VerificationImages, Kind: "scans", Reference: "5d6f2a10-0000-4000-8000-00000000002a"}}}}},
		{"requested-participants", "Two participants alone; the reason is not ASCII.", events.SubjectRequest("billing"), "", source("part-1"),
			events.Request{UserID: "u-0042", Reason: "möchte \"nur das\" löschen", Scope: &events.Scope{Participants: []string{events.Sessions, events.APIKeys}}}},
		{"acceptance", "The answer to a request, after the commit.", "", "", answer("a-1"),
			events.Acceptance{Saga: saga, Request: request, State: events.Resolving, Due: due, CorrelationID: "ticket-2231"}},
		{"acceptance-joined", "The answer to a request for somebody whose erasure is under way.", "", "", answer("a-2"),
			events.Acceptance{Saga: saga, Request: saga + ".2", State: events.Erasing, Due: due, Joined: true}},
		{"problem-invalid", "The answer to a request with a misspelt scope.", "", "", answer("a-3"),
			events.Problem{Code: events.CodeInvalid, Detail: "The request has an unknown field."}},
		{"problem-busy", "Try again; nothing was recorded.", "", "", answer("a-4"),
			events.Problem{Code: events.CodeBusy, Detail: "The orchestrator is starting."}},
		{"problem-field", "The answer to a request whose third item has a kind that its participant does not hold.", "", "", answer("a-5"),
			events.Problem{Code: events.CodeInvalid, Field: "scope.items[2].kind", Detail: "It must be a kind of the participant."}},
		{"cancel", "A source withdraws its request.", events.SubjectCancel("billing"), "", source("undo-2231"),
			events.Cancel{Request: request, Reason: "changed their mind"}},
		{"problem-too-late", "The answer to a cancel after the point of no return.", "", "", answer("a-6"),
			events.Problem{Code: events.CodeTooLate, Detail: "The erasure has passed the point of no return."}},
		{"status-query", "A source asks how far its erasure is.", events.SubjectStatus("billing"), "", source("ask-1"),
			events.StatusQuery{Saga: saga}},
		{"status", "The answer to a status query or a cancel.", "", "", answer("a-7"), status()},
	}
}

func status() events.Status {
	return events.Status{Saga: saga, State: events.Erasing, Parked: "api-keys erase: misconfigured: no_table", Due: due, Started: at(0),
		Participants: []events.ParticipantStatus{
			{Name: events.APIKeys, Verb: events.Erase, Step: "parked", Reason: "misconfigured: no_table", Attempts: 1},
			{Name: events.IdentityProvider, Verb: events.Erase, Step: "delayed", Reason: "throttled", Until: ptr(at(90)), Attempts: 2},
			{Name: events.Sessions, Verb: events.Erase, Step: "reported", Attempts: 1, Verdict: events.Erased, Counts: events.Counts{"sessions": 3, "cache_entries": 1}},
		}}
}

func ack(n string) string {
	return "$JS.ACK.ERASURE_COMMANDS.sessions.1." + n + "." + n + ".1770109200000000000.0"
}

func command(verb events.Verb, issue int) events.Command {
	return events.Command{Saga: saga, Participant: events.Sessions, Verb: verb, Round: 1, Issue: issue, Generation: 1, ClaimOn: claimOn, ReportOn: reportOn}
}

func claim(verb events.Verb, permit string, s int) events.Claim {
	return events.Claim{Saga: saga, Verb: verb, Round: 1, Instance: "worker-7f3a", Permit: permit, Time: at(s)}
}

func permit(verb events.Verb, id string) events.Permit {
	return events.Permit{Permit: id, Saga: saga, Verb: verb, Round: 1, Attempt: 1, Generation: 1, LifeMS: 60000, Realm: "app",
		Identifiers: []events.Identifier{{Type: events.UserID, Value: "u-0042"}}}
}

func known(p events.Permit) events.Permit {
	p.Baseline = events.Counts{"sessions": 3, "cache_entries": 1}
	return p
}

func report(verb events.Verb, id string, v events.Verdict) events.Report {
	return events.Report{Saga: saga, Verb: verb, Round: 1, Permit: id, Verdict: v}
}

func resolveSamples() []sample {
	resolved := report(events.Resolve, "p-2b8e", events.Resolved)
	resolved.Counts = events.Counts{"sessions": 3, "cache_entries": 1}
	yields := resolved
	yields.Permit, yields.Identifiers = "p-51aa", []events.Identifier{{Type: "email", Value: "mia@example.com"}}
	absent := report(events.Resolve, "p-2b8e", events.Absent)
	absent.Counts = events.Counts{}
	return []sample{
		{"hello", "A worker announces itself, at its start and every minute.", events.SubjectHello(events.Sessions), "", sender{id: "w-1", source: "/participants/sessions"},
			events.Hello{Instance: "worker-7f3a", Version: "1.4.0", Abilities: []events.Verb{events.Resolve, events.Erase, events.Verify}, Needs: []events.IdentifierType{events.UserID}, Time: at(0)}},
		{"welcome", "The answer to a hello.", "", "", answer("a-8"), events.Welcome{Time: at(0), Known: true}},
		{"welcome-fault", "The answer to a hello that disagrees with the plans.", "", "", answer("a-9"),
			events.Welcome{Time: at(0), Known: true, Fault: "plan default expects it to count; give it that ability, or mark it unverified"}},
		{"command-resolve", "The doorbell of resolve.", events.SubjectCommand(events.Sessions), ack("12"), stored("c1", 41), command(events.Resolve, 1)},
		{"claim-resolve", "The worker asks for the step.", claimOn, "", worker("w-2"), claim(events.Resolve, "", 1)},
		{"permit-resolve", "The step is granted.", "", "", answer("a-10"), permit(events.Resolve, "p-2b8e")},
		{"report-resolved", "The subject is known: the baseline.", reportOn, "", worker("w-3"), resolved},
		{"report-resolved-yields", "The subject is known, and here is an identifier that others need.", "erasure.report.account.0", "", sender{id: "w-4", source: "/participants/account", saga: true}, yieldsOf(yields)},
		{"report-resolved-absent", "The worker could look, and there is nothing.", reportOn, "", worker("w-5"), absent},
	}
}

func yieldsOf(r events.Report) events.Report {
	r.Counts = events.Counts{"accounts": 1}
	return r
}

func eraseSamples() []sample {
	erased := report(events.Erase, "p-9c41", events.Erased)
	erased.Counts, erased.Remaining = events.Counts{"sessions": 3, "cache_entries": 1}, ptr(int64(0))
	again := known(permit(events.Erase, "p-d07e"))
	again.Attempt, again.MaybeDone = 2, true
	return []sample{
		{"command-erase", "The doorbell of erase.", events.SubjectCommand(events.Sessions), ack("13"), stored("c2", 44), command(events.Erase, 2)},
		{"claim-erase", "The worker asks for the step.", claimOn, "", worker("w-6"), claim(events.Erase, "", 2)},
		{"permit-erase", "The step is granted: act until life_ms after the claim was sent.", "", "", answer("a-11"), known(permit(events.Erase, "p-9c41"))},
		{"claim-renewal", "The worker needs longer and asks again, with its permit.", claimOn, "", worker("w-7"), claim(events.Erase, "p-9c41", 32)},
		{"permit-renewed", "The same permit: its life counts from before the renewal was sent.", "", "", answer("a-12"), known(permit(events.Erase, "p-9c41"))},
		{"report-erased", "Done, and counted again: nothing is left.", reportOn, "", worker("w-8"), erased},
		{"receipt-accepted", "The report counts.", "", "", answer("a-13"), events.Receipt{Outcome: events.Took}},
		{"permit-maybe-done", "An earlier permit was never reported: finding nothing proves nothing.", "", "", answer("a-14"), again},
		{"refusal-busy", "Another instance holds the permit.", "", "", answer("a-15"), events.Refusal{Reason: events.RefusedBusy, Until: ptr(at(67))}},
		{"refusal-done", "The step is reported.", "", "", answer("a-16"), events.Refusal{Reason: events.RefusedDone}},
		{"receipt-recorded", "The report came again, or late; it is kept and changes nothing.", "", "", answer("a-17"),
			events.Receipt{Outcome: events.Recorded, Reason: "this permit was reported before"}},
		{"receipt-refused", "The report names no permit that was granted.", "", "", answer("a-18"),
			events.Receipt{Outcome: events.Rejected, Reason: "it names no granted permit"}},
	}
}

func verifySamples() []sample {
	counted := report(events.Verify, "p-77f0", events.Counted)
	counted.Counts, counted.Remaining = events.Counts{"sessions": 0, "cache_entries": 0}, ptr(int64(0))
	left := counted
	left.Counts, left.Remaining = events.Counts{"sessions": 1}, ptr(int64(1))
	return []sample{
		{"command-verify", "The doorbell of verify.", events.SubjectCommand(events.Sessions), ack("14"), stored("c3", 52), command(events.Verify, 3)},
		{"claim-verify", "The worker asks for the step.", claimOn, "", worker("w-9"), claim(events.Verify, "", 5)},
		{"permit-verify", "The step is granted.", "", "", answer("a-19"), known(permit(events.Verify, "p-77f0"))},
		{"report-counted", "Counted: nothing is left.", reportOn, "", worker("w-10"), counted},
		{"report-counted-left", "Counted: one session has come back, so the share is erased again.", reportOn, "", worker("w-11"), left},
	}
}

func reportSamples() []sample {
	gone := report(events.Erase, "p-9c41", events.Absent)
	gone.Counts, gone.Remaining = events.Counts{}, ptr(int64(0))
	rows := report(events.Erase, "p-9c41", events.Erased)
	rows.Counts, rows.Remaining, rows.RowsOnly = events.Counts{"sessions": 3}, ptr(int64(0)), true
	kept := report(events.Erase, "p-9c41", events.Retained)
	kept.Ground, kept.Until = "AML: 5 years after the last payment", ptr(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC))
	limited := report(events.Erase, "p-9c41", events.Failed)
	limited.Class, limited.Code, limited.Until = events.RateLimited, "throttled", ptr(at(90))
	broken := report(events.Erase, "p-9c41", events.Failed)
	broken.Class, broken.Code, broken.Counts = events.Transient, "store_unreachable", events.Counts{"sessions": 1}
	blind := report(events.Resolve, "p-2b8e", events.Failed)
	blind.Class, blind.Code = events.Misconfigured, "no_table"
	undo := report(events.Suspend, "p-3e19", events.Prepared)
	undo.Undo = `{"enabled":true,"plan":"pro"}`
	off := report(events.Suspend, "p-3e19", events.Suspended)
	off.Counts = events.Counts{"sessions": 3}
	return []sample{
		{"report-absent", "The worker could look, and there was nothing to erase.", reportOn, "", worker("w-12"), gone},
		{"report-rows-only", "The rows are gone; whether the remote sessions are closed is not known.", reportOn, "", worker("w-13"), rows},
		{"report-retained", "The share must be kept, on a ground from the worker's configuration.", reportOn, "", worker("w-14"), kept},
		{"report-rate-limited", "Try again no earlier than until.", reportOn, "", worker("w-15"), limited},
		{"report-failed", "One session was erased, then the store went away.", reportOn, "", worker("w-16"), broken},
		{"report-misconfigured", "The worker cannot look: that is not absence.", reportOn, "", worker("w-17"), blind},
		{"report-prepared", "What restore will need, before anything is suspended.", reportOn, "", worker("w-18"), undo},
		{"report-suspended", "Suspended.", reportOn, "", worker("w-19"), off},
		{"report-restored", "Restored.", reportOn, "", worker("w-20"), report(events.Restore, "p-aa02", events.Restored)},
	}
}

const pseudonym = "h1-9f86d081884c7d659a2feaa0c55ad015"

func outcomeSamples() []sample {
	accepted := events.Event{Saga: saga, Kind: events.KindAccepted, State: events.Resolving, Pseudonym: pseudonym, At: at(0), Due: due, Request: request, CorrelationID: "ticket-2231"}
	parked := events.Event{Saga: saga, Kind: events.KindParked, State: events.Erasing, Pseudonym: pseudonym, Participant: events.APIKeys, Reason: "misconfigured: no_table", At: at(40), Due: due, Request: request, CorrelationID: "ticket-2231"}
	finished := events.Event{Saga: saga, Kind: events.KindFinished, State: events.Completed, Pseudonym: pseudonym, At: at(9), Due: due, Request: request, CorrelationID: "ticket-2231"}
	on := func(k events.EventKind) string { return events.SubjectEvent(k, "billing") }
	return []sample{
		{"event-accepted", "The request was accepted.", on(accepted.Kind), "", stored("e1.accepted.billing", 41), accepted},
		{"event-parked", "An operator must act.", on(parked.Kind), "", stored("e31.parked.billing", 50), parked},
		{"event-finished", "The saga has ended; the summary says how.", on(finished.Kind), "", stored("e38.finished.billing", 54), finished},
		{"summary", "Everybody reported, and was counted again at zero.", events.SubjectSummary("billing"), "", stored("summary.billing", 54), summary()},
		{"summary-with-exceptions", "A share is kept, one was waived, one cannot be counted.", events.SubjectSummary("billing"), "", stored("summary.billing", 54), exceptions()},
		{"summary-not-found", "Nobody knew the person.", events.SubjectSummary("billing"), "", stored("summary.billing", 54), notFound()},
		{"summary-cancelled", "The last request was withdrawn before the point of no return.", events.SubjectSummary("billing"), "", stored("summary.billing", 54), cancelled()},
	}
}

func summary() events.Summary {
	return events.Summary{Saga: saga, Pseudonym: pseudonym, Plan: "default", PlanDigest: digest("a1"), Regime: "gdpr", State: events.Completed,
		Started: at(0), Due: due, Ended: at(9), HistoryHead: digest("b2"), Exceptions: []events.Exception{},
		Participants: []events.ParticipantSummary{
			{Name: events.Account, Verdict: events.Erased, Counts: events.Counts{"accounts": 1, "profiles": 1}, Attempts: 1, Rounds: 1, ReportedAt: ptr(at(6)), VerifiedAt: ptr(at(8))},
			{Name: events.Sessions, Verdict: events.Erased, Counts: events.Counts{"sessions": 3, "cache_entries": 1}, Attempts: 1, Rounds: 1, ReportedAt: ptr(at(4)), VerifiedAt: ptr(at(8))},
		}}
}

func exceptions() events.Summary {
	s := summary()
	s.State, s.Participants[0] = events.CompletedWithExceptions, events.ParticipantSummary{Name: events.Account, Verdict: events.Retained, Counts: events.Counts{}, Attempts: 1, Rounds: 1, ReportedAt: ptr(at(6))}
	s.Participants = append(s.Participants,
		events.ParticipantSummary{Name: "telemetry", Verdict: events.Erased, Counts: events.Counts{"traces": 12}, Inferred: true, RowsOnly: true, Attempts: 2, Rounds: 1, ReportedAt: ptr(at(7))},
		events.ParticipantSummary{Name: "wiki", Verdict: events.Waived, Counts: events.Counts{}, Attempts: 8, Rounds: 2})
	s.Exceptions = []events.Exception{
		{Participant: events.Account, Kind: "retained", Ground: "AML: 5 years after the last payment", Until: ptr(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC))},
		{Participant: "telemetry", Kind: "unverified", Ground: "the vendor offers no count"},
		{Participant: "wiki", Kind: "waived", Ground: "system switched off", By: "privacy-officer"},
	}
	return s
}

func notFound() events.Summary {
	s := summary()
	s.State, s.Ended = events.NotFound, at(3)
	s.Participants = []events.ParticipantSummary{{Name: events.Sessions, Verdict: events.Absent, Counts: events.Counts{}, Rounds: 1, ReportedAt: ptr(at(2))}}
	return s
}

func cancelled() events.Summary {
	s := notFound()
	s.State = events.Cancelled
	s.Participants = []events.ParticipantSummary{{Name: events.Sessions, Counts: events.Counts{}, Rounds: 1}}
	return s
}

// digest is a stand-in of the right shape.
func digest(pair string) (s string) {
	for range 32 {
		s += pair
	}
	return s
}
