package events_test

import (
	"time"

	"github.com/expunge-io/expunge/events"
)

const enabled = `{"enabled":true,"plan":"pro"}`

// undoSamples are suspend, which is two exchanges, and restore.
func undoSamples() []sample {
	prepared := permit(events.Suspend, "p-3e19")
	prepared.Attempt, prepared.MaybeDone, prepared.Undo = 2, true, enabled
	back := permit(events.Restore, "p-aa02")
	back.Undo = enabled
	none := report(events.Suspend, "p-3e19", events.Absent)
	none.Counts = events.Counts{}
	nothing := report(events.Restore, "p-aa02", events.Absent)
	nothing.Counts = events.Counts{}
	on := report(events.Restore, "p-aa02", events.Restored)
	on.Counts = events.Counts{"sessions": 0}
	return []sample{
		{"permit-suspend", "Suspend is granted: report prepared, and act only when that is accepted.", "", "", answer("a-20"), permit(events.Suspend, "p-3e19")},
		{"permit-suspend-again", "It was prepared under an earlier permit: report prepared again; this value counts.", "", "", answer("a-21"), prepared},
		{"receipt-prepared", "Prepared is accepted: act, with this value and no other.", "", "", answer("a-22"), events.Receipt{Outcome: events.Took, Undo: enabled}},
		{"receipt-prepared-refused", "Prepared came after a cancel: do not act.", "", "", answer("a-23"), events.Receipt{Outcome: events.Rejected, Reason: "the request was withdrawn"}},
		{"permit-restore", "Restore is granted, with what it needs.", "", "", answer("a-24"), back},
		{"report-suspend-absent", "There is nothing to suspend.", reportOn, "", worker("w-21"), none},
		{"report-restore-absent", "There is nothing to restore.", reportOn, "", worker("w-22"), nothing},
		{"report-restored-counts", "Restored; the sessions that were ended stay ended.", reportOn, "", worker("w-23"), on},
		{"cancellation", "The answer to a cancel: the saga is undone. One worker may still be at it; sessions stay ended.", "", "", answer("a-25"),
			events.Cancellation{Saga: saga, Request: request, Result: events.CancelledSaga, State: events.Restoring, Replicated: true,
				Alive:       []events.AlivePermit{{Participant: events.Account, Verb: events.Suspend, Until: at(70)}},
				NotRestored: []string{events.Sessions}}},
		{"cancellation-withdrawn", "The answer to a cancel: others still want the erasure. The bus does not have it yet.", "", "", answer("a-26"),
			events.Cancellation{Saga: saga, Request: request, Result: events.WithdrawnRequest, State: events.Grace}},
		{"event-restoring", "The last request was withdrawn; what was suspended is brought back.", events.SubjectEvent(events.KindRestoring, "billing"), "", stored("e20.restoring.billing", 60),
			lifecycle(events.KindRestoring, events.Restoring)},
		{"summary-restored", "Cancelled: one share was suspended and restored, the other was never asked.", events.SubjectSummary("billing"), "", stored("summary.billing", 62), restored()},
	}
}

func lifecycle(kind events.EventKind, state events.State) events.Event {
	return events.Event{Saga: saga, Kind: kind, State: state, Pseudonym: pseudonym, At: at(50), Due: due, Request: request, CorrelationID: "ticket-2231"}
}

func restored() events.Summary {
	s := cancelled()
	s.Participants = []events.ParticipantSummary{
		{Name: events.Account, Counts: events.Counts{}},
		{Name: events.Sessions, Counts: events.Counts{}, Attempts: 1, Rounds: 1, SuspendedAt: ptr(at(2)), RestoredAt: ptr(at(3)), Suspended: events.Counts{"sessions": 3}},
	}
	return s
}

// unboundSamples are of a request that brought an address and no user id.
func unboundSamples() []sample {
	ask := permit(events.Resolve, "p-08d1")
	ask.Identifiers = []events.Identifier{{Type: "email", Value: "mia@example.com"}}
	names := report(events.Resolve, "p-08d1", events.Resolved)
	names.Counts, names.Identifiers = events.Counts{"emails": 1}, []events.Identifier{{Type: events.UserID, Value: "u-0042"}}
	by := sender{id: "w-40", source: "/participants/registration-data", saga: true}
	ambiguous := lifecycle(events.KindParked, events.Resolving)
	ambiguous.Reason = "ambiguous: 2 user ids are found by what the request brings: bind it to one of them"
	return []sample{
		{"permit-unbound", "Say whose an address is: nobody knows the user id yet.", "", "", answer("a-40"), ask},
		{"report-names-user", "The address is found, and whose it is.", "erasure.report.registration-data.0", "", by, names},
		{"event-ambiguous", "Two users are found by the address: an operator must bind it to one.", events.SubjectEvent(events.KindParked, "billing"), "",
			stored("e7.parked.billing", 50), ambiguous},
	}
}

const image = "5d6f2a10-0000-4000-8000-00000000002a"

// narrowSamples are an erasure of one image.
func narrowSamples() []sample {
	one := permit(events.Erase, "p-61d3")
	one.Items = []events.Item{{Participant: events.VerificationImages, Kind: "scans", Reference: image}}
	one.CutOff = ptr(at(0))
	left := report(events.Erase, "p-61d3", events.Erased)
	left.Counts, left.Remaining, left.Left = events.Counts{"scans": 1}, ptr(int64(0)), events.Counts{"scans": 1}
	return []sample{
		{"permit-narrow", "Erase one image, unless it was created after the cut-off.", "", "", answer("a-27"), one},
		{"report-narrow", "One was erased; one was created after the cut-off, and left.", "erasure.report.verification-images.0", "",
			sender{id: "w-24", source: "/participants/verification-images", saga: true}, left},
		{"summary-narrow", "The image is gone, and the rest of the person is as it was.", events.SubjectSummary("billing"), "", stored("summary.billing", 64), narrow()},
		{"acceptance-queued", "The answer to a request that the live saga of the same person does not cover.", "", "", answer("a-28"),
			events.Acceptance{Saga: saga, Request: request, State: events.Resolving, Due: due, Queued: true}},
	}
}

func narrow() events.Summary {
	s := summary()
	s.Participants = []events.ParticipantSummary{{Name: events.VerificationImages, Verdict: events.Erased, Counts: events.Counts{"scans": 1},
		Attempts: 1, Rounds: 1, ReportedAt: ptr(at(4)), VerifiedAt: ptr(at(8)), Left: events.Counts{"scans": 1}}}
	s.Scope = &events.NarrowScope{Participants: []string{events.VerificationImages},
		Items: []events.ItemKind{{Participant: events.VerificationImages, Kind: "scans"}}}
	s.CutOff = ptr(at(0))
	return s
}

var trial = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// operatorSamples are what operators decide, and what is seen of it.
func operatorSamples() []sample {
	op := func(o events.Operation) events.Operation {
		o.Ground, o.By = "court order 17/26", "privacy-officer"
		return o
	}
	operator := func(id string) sender { return sender{id: id, source: "/operators"} }
	ask := func(name, about string, n string, o events.Operation) sample {
		return sample{name, about, events.SubjectOperate(), "", operator("o-" + n), o}
	}
	held := lifecycle(events.KindHeld, events.Grace)
	held.Hold, held.Ground, held.Until = "h-1", "court order 17/26", &trial
	moved := lifecycle(events.KindExtended, events.Erasing)
	moved.Due, moved.Ground = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), "complex request, GDPR 12(3)"
	decision := sender{id: "hold.h-1.held", source: "/expunge", log: 70}
	lifted := sender{id: "hold.h-1.released", source: "/expunge", log: 71}
	return []sample{
		ask("operation-retry", "Try a parked step again.", "1", op(events.Operation{Verb: events.OpRetry, Saga: saga, Participant: events.APIKeys, Step: events.Erase})),
		ask("operation-waive", "A share that will never be erased; the summary says so.", "2", op(events.Operation{Verb: events.OpWaive, Saga: saga, Participant: "wiki"})),
		ask("operation-cancel", "Withdraw one request for its source.", "3", op(events.Operation{Verb: events.OpCancel, Saga: saga, Request: request})),
		ask("operation-resume", "What parked the saga was mended.", "4", op(events.Operation{Verb: events.OpResume, Saga: saga})),
		ask("operation-extend", "Move the due date, once.", "5", op(events.Operation{Verb: events.OpExtend, Saga: saga, Until: ptr(moved.Due)})),
		ask("operation-bind", "Say who an ambiguous request means.", "6", op(events.Operation{Verb: events.OpBind, Saga: saga, UserID: "u-0042"})),
		ask("operation-hold", "A legal hold on a person, by id.", "7", op(events.Operation{Verb: events.OpHold, Realm: "app", UserID: "u-0042", Until: &trial})),
		ask("operation-hold-share", "A legal hold on one share, by an attribute.", "8", op(events.Operation{Verb: events.OpHold, Realm: "app", Participant: events.VerificationImages,
			Identifiers: []events.Identifier{{Type: "email", Value: "mia@example.com"}}})),
		ask("operation-release", "Lift a hold.", "9", op(events.Operation{Verb: events.OpRelease, Hold: "h-1"})),
		ask("operation-release-brake", "Let more sagas of a source pass than its ceiling.", "10", op(events.Operation{Verb: events.OpReleaseBrake, Source: "billing"})),
		ask("operation-explain", "Ask what a saga waits for.", "11", events.Operation{Verb: events.OpExplain, Saga: saga, Participant: events.APIKeys}),
		{"operated-hold", "The answer to a hold: one worker may still act.", "", "", answer("a-29"),
			events.Operated{Hold: "h-1", Replicated: true, Sagas: []string{saga}, Alive: []events.AlivePermit{{Participant: events.Sessions, Verb: events.Erase, Until: at(70)}}}},
		{"operated-explain", "The answer to explain.", "", "", answer("a-30"),
			events.Operated{Saga: saga, State: events.Erasing, Replicated: true, Explain: "api-keys erase waits for an operator since 2026-02-03T09:00:40Z: misconfigured: no_table"}},
		{"event-held", "A legal hold blocks the saga.", events.SubjectEvent(events.KindHeld, "billing"), "", stored("e21.held.billing", 70), held},
		{"event-extended", "The due date was moved.", events.SubjectEvent(events.KindExtended, "billing"), "", stored("e22.extended.billing", 72), moved},
		{"event-decision-held", "A hold that lies on no saga, for operators alone.", events.SubjectDecision(), "", decision,
			events.Event{Kind: events.KindHeld, At: at(50), Hold: "h-1", Ground: "court order 17/26", Until: &trial, On: []string{pseudonym}}},
		{"event-decision-released", "That hold is lifted.", events.SubjectDecision(), "", lifted,
			events.Event{Kind: events.KindReleased, At: at(55), Hold: "h-1", Ground: "the court has closed the case"}},
		ask("operation-confirm-clock", "The clock was looked at, and is right.", "12", op(events.Operation{Verb: events.OpConfirmClock})),
		ask("operation-confirm-restore", "What the restored store lacks was dealt with.", "13", op(events.Operation{Verb: events.OpConfirmRestore})),
		ask("operation-explain-all", "Ask what waits for an operator.", "14", events.Operation{Verb: events.OpExplain}),
		ask("operation-holds", "Ask which holds are on record.", "15", events.Operation{Verb: events.OpHolds}),
		{"operated-waiting", "The answer to explain without a saga.", "", "", answer("a-32"),
			events.Operated{Replicated: true, Explain: "the clock is in doubt: it jumped by 3h0m0s; 1 saga waits for an operator", Sagas: []string{saga}}},
		{"operated-holds", "The answer to holds.", "", "", answer("a-33"),
			events.Operated{Replicated: true, Holds: []events.LegalHold{
				{Hold: "h-1", Ground: "court order 17/26", By: "privacy-officer", At: at(50), Until: &trial},
				{Hold: "h-2", Participant: events.VerificationImages, Ground: "dispute 5", By: "privacy-officer", At: at(60)}}}},
		{"event-withdrawn", "A request was withdrawn, and others still want the erasure.", events.SubjectEvent(events.KindWithdrawn, "billing"), "",
			stored("e23.withdrawn.billing", 73), lifecycle(events.KindWithdrawn, events.Grace)},
		{"status-exceptions", "An erasure that ended, with a share that nobody could erase.", "", "", answer("a-34"),
			events.Status{Saga: saga, State: events.CompletedWithExceptions, Due: due, Started: at(0), Ended: ptr(at(9)),
				Participants: []events.ParticipantStatus{{Name: "wiki", Verb: events.Erase, Step: "reported", Attempts: 3, Verdict: events.Waived}},
				Exceptions:   []events.Exception{{Participant: "wiki", Kind: "waived", Ground: "switched off in 2024", By: "privacy-officer"}}}},
		{"status-held", "A suspended person, in the time of grace, under a hold.", "", "", answer("a-31"), heldStatus()},
	}
}

func heldStatus() events.Status {
	return events.Status{Saga: saga, State: events.Grace, Due: due, Started: at(0), Held: "court order 17/26", HeldUntil: &trial,
		GraceUntil:   ptr(time.Date(2026, 2, 10, 9, 0, 0, 0, time.UTC)),
		Alive:        []events.AlivePermit{{Participant: events.Sessions, Verb: events.Suspend, Until: at(70)}},
		Participants: []events.ParticipantStatus{{Name: events.Sessions, Verb: events.Suspend, Step: "granted", Attempts: 1, Suspended: true, Held: true}}}
}
