package events

import "strings"

var (
	allVerbs   = []Verb{Resolve, Suspend, Restore, Erase, Verify}
	settled    = []Verdict{Erased, Absent, Anonymised, Shredded, Retained, Waived}
	allClasses = []FailureClass{Transient, RateLimited, Misconfigured, Refused}
	allStates  = []State{
		Resolving, Suspending, Grace, Erasing, Verifying, Restoring,
		Completed, CompletedWithExceptions, NotFound, Cancelled,
	}
	finalStates = []State{Completed, CompletedWithExceptions, NotFound, Cancelled}
	allSteps    = []string{"waiting", "open", "granted", "reported", "delayed", "parked"}
	allEvents   = []EventKind{
		KindAccepted, KindSuspended, KindErasing, KindParked, KindResumed,
		KindHeld, KindReleased, KindRestoring, KindExtended, KindWithdrawn, KindCancelled, KindFinished,
	}
	allRefusals = []RefusalReason{
		RefusedUnknown, RefusedDone, RefusedStale, RefusedBusy, RefusedDelayed, RefusedParked,
		RefusedHeld, RefusedEnded, RefusedNotReady, RefusedMisfit, RefusedNotYetOpen,
	}
	allOutcomes   = []Outcome{Took, Recorded, Rejected}
	allExceptions = []string{"retained", "waived", "unverified"}
)

// Verdicts returns the verdicts that a report on verb may hold; nil for an unknown verb.
func Verdicts(verb Verb) []Verdict {
	switch verb {
	case Resolve:
		return []Verdict{Resolved, Absent, Failed}
	case Suspend:
		return []Verdict{Prepared, Suspended, Absent, Failed}
	case Restore:
		return []Verdict{Restored, Absent, Failed}
	case Erase:
		return []Verdict{Erased, Absent, Anonymised, Shredded, Retained, Failed}
	case Verify:
		return []Verdict{Counted, Failed}
	}
	return nil
}

func (r Request) check(at *place) {
	user := at.field("user_id")
	if (r.UserID == "") == (r.Identifiers == nil) {
		user.fault("exactly one of user_id and identifiers must be given")
	}
	private(user, r.UserID, maxValue, optional)
	exact(user, r.UserID)
	checkAttributes(at.field("identifiers"), r.Identifiers)
	labelSet.check(at.field("plan"), r.Plan, optional)
	labelSet.check(at.field("regime"), r.Regime, optional)
	optionalInstant(at.field("not_before"), r.NotBefore)
	private(at.field("reason"), r.Reason, maxValue, optional)
	printableASCII(at.field("idempotency_key"), r.IdempotencyKey, optional)
	correlationSet.check(at.field("correlation_id"), r.CorrelationID, optional)
	if r.Scope != nil {
		r.Scope.check(at.field("scope"))
	}
}

func (s Scope) check(at *place) {
	if len(s.Participants)+len(s.Items) == 0 {
		at.fault("must name participants or items; leave it out to erase everything")
	}
	limited(at.field("participants"), s.Participants)
	for i, name := range s.Participants {
		nameSet.check(at.field("participants").elem(i), name, required)
	}
	limited(at.field("items"), s.Items)
	for i, item := range s.Items {
		item.check(at.field("items").elem(i))
	}
}

func (i Item) check(at *place) {
	nameSet.check(at.field("participant"), i.Participant, required)
	if !ValidKind(i.Participant, i.Kind) {
		at.field("kind").fault("must be a kind of the participant")
	}
	private(at.field("reference"), i.Reference, maxValue, required)
}

func (c Cancel) check(at *place) {
	idSet.check(at.field("request"), c.Request, required)
	private(at.field("reason"), c.Reason, maxValue, optional)
}

func (q StatusQuery) check(at *place) { idSet.check(at.field("saga"), q.Saga, required) }

func (a Acceptance) check(at *place) {
	idSet.check(at.field("saga"), a.Saga, required)
	idSet.check(at.field("request"), a.Request, required)
	oneOf(at.field("state"), a.State, allStates)
	instant(at.field("due"), a.Due)
	correlationSet.check(at.field("correlation_id"), a.CorrelationID, optional)
}

func (p Problem) check(at *place) {
	codeSet.check(at.field("code"), p.Code, required)
	text(at.field("field"), p.Field, optional)
	text(at.field("detail"), p.Detail, required)
}

func (s Status) check(at *place) {
	idSet.check(at.field("saga"), s.Saga, required)
	oneOf(at.field("state"), s.State, allStates)
	text(at.field("parked"), s.Parked, optional)
	instant(at.field("due"), s.Due)
	instant(at.field("started"), s.Started)
	optionalInstant(at.field("ended"), s.Ended)
	limited(at.field("participants"), s.Participants)
	for i, p := range s.Participants {
		p.check(at.field("participants").elem(i))
	}
	text(at.field("held"), s.Held, optional)
	optionalInstant(at.field("held_until"), s.HeldUntil)
	optionalInstant(at.field("grace_until"), s.GraceUntil)
	checkAlive(at.field("alive"), s.Alive)
	checkExceptions(at.field("exceptions"), s.Exceptions)
}

func checkAlive(at *place, list []AlivePermit) {
	limited(at, list)
	for i, p := range list {
		nameSet.check(at.elem(i).field("participant"), p.Participant, required)
		oneOf(at.elem(i).field("verb"), p.Verb, allVerbs)
		instant(at.elem(i).field("until"), p.Until)
	}
}

func (p ParticipantStatus) check(at *place) {
	nameSet.check(at.field("name"), p.Name, required)
	oneOf(at.field("verb"), p.Verb, allVerbs)
	oneOf(at.field("step"), p.Step, allSteps)
	text(at.field("reason"), p.Reason, optional)
	optionalInstant(at.field("until"), p.Until)
	within(at.field("attempts"), p.Attempts, 0)
	if p.Verdict != "" {
		oneOf(at.field("verdict"), p.Verdict, settled)
	}
	checkCounts(at.field("counts"), p.Name, p.Counts)
}

func (c Command) check(at *place) {
	idSet.check(at.field("saga"), c.Saga, required)
	nameSet.check(at.field("participant"), c.Participant, required)
	oneOf(at.field("verb"), c.Verb, allVerbs)
	within(at.field("round"), c.Round, 1)
	within(at.field("issue"), c.Issue, 0)
	within(at.field("generation"), int64(c.Generation), 0)
	checkSubject(at.field("claim_on"), c.ClaimOn, SubjectClaim(c.Participant, ""))
	checkSubject(at.field("report_on"), c.ReportOn, SubjectReport(c.Participant, ""))
}

// checkSubject takes the participant's own subjects only, with one token or more behind
// the prefix: a worker publishes to it unread.
func checkSubject(at *place, subject, prefix string) {
	rest, ok := strings.CutPrefix(subject, prefix)
	for token := range strings.SplitSeq(rest, ".") {
		ok = ok && correlationSet.has(token)
	}
	if !ok {
		at.fault("must be a subject of the participant")
	}
}

func (c Claim) check(at *place) {
	idSet.check(at.field("saga"), c.Saga, required)
	oneOf(at.field("verb"), c.Verb, allVerbs)
	within(at.field("round"), c.Round, 1)
	printableASCII(at.field("instance"), c.Instance, required)
	idSet.check(at.field("permit"), c.Permit, optional)
	instant(at.field("time"), c.Time)
}

func (p Permit) check(at *place) {
	idSet.check(at.field("permit"), p.Permit, required)
	idSet.check(at.field("saga"), p.Saga, required)
	oneOf(at.field("verb"), p.Verb, allVerbs)
	within(at.field("round"), p.Round, 1)
	within(at.field("attempt"), p.Attempt, 1)
	within(at.field("generation"), int64(p.Generation), 0)
	within(at.field("life_ms"), p.LifeMS, 1)
	labelSet.check(at.field("realm"), p.Realm, required)
	checkIdentifiers(at.field("identifiers"), p.Identifiers)
	checkCounts(at.field("baseline"), "", p.Baseline)
	private(at.field("undo"), p.Undo, maxUndo, optional)
	if p.Undo != "" && p.Verb != Suspend && p.Verb != Restore {
		at.field("undo").fault("goes with suspend or restore")
	}
	limited(at.field("items"), p.Items)
	for i, item := range p.Items {
		item.check(at.field("items").elem(i))
	}
	optionalInstant(at.field("cut_off"), p.CutOff)
	optionalInstant(at.field("due"), p.Due)
}

func (r Refusal) check(at *place) {
	oneOf(at.field("reason"), r.Reason, allRefusals)
	optionalInstant(at.field("until"), r.Until)
}

func (r Receipt) check(at *place) {
	oneOf(at.field("outcome"), r.Outcome, allOutcomes)
	text(at.field("reason"), r.Reason, optional)
	private(at.field("undo"), r.Undo, maxUndo, optional)
	if r.Undo != "" && r.Outcome != Took {
		at.field("undo").fault("goes with accepted")
	}
}

func (h Hello) check(at *place) {
	printableASCII(at.field("instance"), h.Instance, required)
	printableASCII(at.field("version"), h.Version, required)
	if len(h.Abilities) == 0 {
		at.field("abilities").fault("must name a verb")
	}
	limited(at.field("abilities"), h.Abilities)
	for i, v := range h.Abilities {
		oneOf(at.field("abilities").elem(i), v, allVerbs)
	}
	checkTypes(at.field("needs"), h.Needs)
	checkTypes(at.field("yields"), h.Yields)
	instant(at.field("time"), h.Time)
}

func (w Welcome) check(at *place) {
	instant(at.field("time"), w.Time)
	text(at.field("fault"), w.Fault, optional)
}

func checkIdentifiers(at *place, ids []Identifier) {
	for i, id := range ids {
		typeSet.check(at.elem(i).field("type"), string(id.Type), required)
		private(at.elem(i).field("value"), id.Value, maxValue, required)
	}
}

func checkTypes(at *place, types []IdentifierType) {
	limited(at, types)
	for i, t := range types {
		typeSet.check(at.elem(i), string(t), required)
	}
}

// checkCounts takes counts of a participant, or of any for the name "".
func checkCounts(at *place, participant string, c Counts) {
	for kind, n := range c {
		if !ValidKind(participant, kind) {
			at.fault("has an unknown kind")
		}
		within(at, n, 0)
	}
}
