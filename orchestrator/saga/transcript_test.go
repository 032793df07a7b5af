package saga

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// TestTranscripts replays the stories in testdata. A line that begins with > is what
// happens; the lines below it are what the core makes of it. Every story is also folded
// anew after each step.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, want)
			if *update {
				if err := os.WriteFile(f, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs; run with -update and read the diff. Got:\n%s", f, got)
			}
		})
	}
}

func replay(t *testing.T, text []byte) []byte {
	t.Helper()
	st := newStory(t)
	var out bytes.Buffer
	in := bufio.NewScanner(bytes.NewReader(text))
	for in.Scan() {
		line := in.Text()
		switch {
		case strings.HasPrefix(line, "#"), strings.TrimSpace(line) == "":
			fmt.Fprintln(&out, line)
		case strings.HasPrefix(line, "> "):
			fmt.Fprintln(&out, line)
			for _, l := range st.do(strings.Fields(line[2:])) {
				fmt.Fprintln(&out, l)
			}
		}
	}
	return out.Bytes()
}

// story drives one saga from a transcript.
type story struct {
	t       *testing.T
	plan    Plan
	s       State
	now     time.Time
	start   time.Time
	history []Entry
	permits map[PermitID]Claimed
	next    int
	braked  bool // the shell lets nobody pass the pivot
	items   []Item
	silent  bool // the bus takes no event of a pivot
	taken   ID   // another saga of the person that an unbound one is about
}

func newStory(t *testing.T) *story {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &story{t: t, now: start, start: start, permits: map[PermitID]Claimed{},
		plan: Plan{Name: "story", Attempts: 3, BackoffFirst: 10 * time.Second, BackoffMax: 10 * time.Second}}
}

func (st *story) do(words []string) []string {
	st.t.Helper()
	args := words[1:]
	switch words[0] {
	case "participant":
		st.participant(args)
		return nil
	case "plan":
		st.figures(args)
		return nil
	case "request":
		return st.step(st.request(args))
	case "ask":
		return st.step(st.ask(args))
	case "bind":
		return st.step(BindTo{User: args[0], By: "ada", Ground: "looked"})
	case "taken":
		st.taken = ID(args[0])
		return nil
	case "free":
		st.taken = ""
		return st.step(Woke{})
	case "doubt":
		return st.step(Doubted{Reason: strings.Join(args, " ")})
	case "cancel":
		if args[0] == "all" {
			return st.step(CancelAll{By: "ada", Ground: "a mistake"})
		}
		return st.step(CancelRequested{Request: args[0], Source: args[2]})
	case "claim":
		return st.step(st.claim(args))
	case "report":
		return st.step(st.report(args))
	case "queue":
		in := st.request(args).(Requested)
		in.Queued = true
		return st.step(in)
	case "begin":
		return st.step(Begin{})
	case "brake":
		st.braked = args[0] == "on"
		return st.step(Woke{})
	case "bus":
		st.silent = args[0] == "off"
		if !st.silent {
			return st.step(Announced{})
		}
		return nil
	case "hold":
		return st.step(HoldPlaced{st.hold(args)})
	case "release":
		return st.step(HoldReleased{ID: args[0], By: "ada", Ground: "the case is closed"})
	case "resume":
		return st.step(Resume{By: "ada", Ground: "looked"})
	case "unbrake":
		return st.step(Unbrake{Participant: args[0], By: "ada", Ground: "looked"})
	case "extend":
		return st.step(Extend{Until: st.s.Due.Add(st.duration(args[0])), By: "ada", Ground: "many systems"})
	case "decided":
		in := Decided{Kind: Decision(args[0]), End: Completed, More: len(args) > 2}
		if len(args) > 1 {
			in.Request = args[1]
		}
		return st.step(in)
	case "replan":
		return st.replan(args)
	case "narrow":
		return st.narrow(args)
	case "lose":
		return st.step(BoxLost{})
	case "reseal":
		return st.step(st.reseal(args))
	case "clock":
		st.now = st.now.Add(-st.duration(args[1]))
		return st.step(Woke{})
	case "explain":
		return []string{Explain(st.plan.WithDefaults(), st.s, st.now)}
	case "wait":
		st.now = st.now.Add(st.duration(args[0]))
		return st.step(Woke{})
	case "pass":
		st.now = st.now.Add(st.duration(args[0]))
		return nil
	case "restart":
		return st.step(Recovered{})
	case "retry":
		return st.step(Retry{Verb: Verb(args[0]), Participant: args[1], By: "ada", Ground: "mended"})
	case "waive":
		in := Waive{Participant: args[0], By: "ada", Ground: "ticket"}
		if len(args) > 1 {
			in.Verb = Verb(args[1])
		}
		return st.step(in)
	case "wake":
		at, ok := st.s.Wake(st.plan.WithDefaults(), st.now)
		return []string{fmt.Sprintf("wake in %s, %v", at.Sub(st.now), ok)}
	}
	st.t.Fatalf("unknown line: %v", words)
	return nil
}

func (st *story) participant(args []string) {
	spec := Spec{Name: args[0]}
	for i := 1; i+1 < len(args); i += 2 {
		list := strings.Split(args[i+1], ",")
		switch args[i] {
		case "after":
			spec.After = list
		case "needs":
			spec.Needs = list
		case "yields":
			spec.Yields = list
		case "unverified":
			spec.Unverified = args[i+1]
		case "suspends":
			spec.Suspends = args[i+1] == "yes"
		case "max":
			spec.MaxItems = int64(st.number(args[i+1]))
		default:
			st.t.Fatalf("unknown word: %s", args[i])
		}
	}
	st.plan.Participants = append(st.plan.Participants, spec)
}

// narrow NAME... [to find] leaves only these participants in the plan, and whom they learn
// from; to find also those who name users.
func (st *story) narrow(args []string) []string {
	narrow := st.plan.WithDefaults().Narrow
	if n := len(args) - 2; n > 0 && args[n] == "to" {
		args, narrow = args[:n], st.plan.WithDefaults().NarrowToFind
	}
	p, ok := narrow(args)
	if !ok {
		st.t.Fatalf("no such participants: %v", args)
	}
	st.plan, st.items = p, []Item{{Participant: args[0], Kind: "item", Hash: "v1:item"}}
	return nil
}

// replan [suspends] unites the saga's plan with one that has a further participant.
func (st *story) replan(args []string) []string {
	more := Plan{Name: st.plan.Name, Participants: []Spec{{Name: "zoo", Suspends: len(args) > 0}}}.WithDefaults()
	u := st.plan.WithDefaults().Union(more)
	defer func() { st.plan = u }()
	return st.step(Replanned{u})
}

// hold ID by NAME [on PARTICIPANT] [until 60s]
func (st *story) hold(args []string) Hold {
	h := Hold{ID: args[0], By: args[2], Ground: "litigation", At: st.now}
	for i := 3; i+1 < len(args); i += 2 {
		switch args[i] {
		case "on":
			h.Participant = args[i+1]
		case "until":
			h.Until = st.now.Add(st.duration(args[i+1]))
		}
	}
	return h
}

func (st *story) figures(args []string) {
	for i := 0; i+1 < len(args); i += 2 {
		switch args[i] {
		case "grace":
			st.plan.Grace = st.duration(args[i+1])
		case "single":
			st.plan.Single = []string{args[i+1]}
		case "quiet":
			st.plan.Quiet = st.duration(args[i+1])
		case "rounds":
			st.plan.Rounds = st.number(args[i+1])
		case "attempts":
			st.plan.Attempts = st.number(args[i+1])
		default:
			st.t.Fatalf("unknown word: %s", args[i])
		}
	}
}

func (st *story) request(args []string) Input {
	q := Request{ID: args[0], Source: args[2], Fingerprint: args[2] + "/whole", At: st.now}
	due := 30 * 24 * time.Hour
	if len(args) > 4 {
		due = st.duration(args[4])
	}
	in := Requested{Saga: "s1", Request: q, Subject: "v1:subject", Regime: "gdpr", Due: st.now.Add(due), Plan: st.plan.WithDefaults(),
		Identifiers: []Identifier{{Type: UserID, Hash: "v1:id"}}, Items: st.items}
	if len(in.Items) > 0 {
		in.CutOff = st.now
	}
	return in
}

// ask ID from SOURCE by type=hash,...: a request that brings no user id.
func (st *story) ask(args []string) Input {
	in := st.request(args[:3]).(Requested)
	in.Subject, in.Unbound, in.Identifiers = "v1:unbound", true, identifiersFrom(args[4])
	return in
}

// reseal type=hash,... [items]: a new box with these alone.
func (st *story) reseal(args []string) Input {
	in := Resealed{Identifiers: identifiersFrom(args[0])}
	if len(args) > 1 {
		in.Items = st.items
	}
	return in
}

func identifiersFrom(list string) (ids []Identifier) {
	for pair := range strings.SplitSeq(list, ",") {
		typ, hash, _ := strings.Cut(pair, "=")
		ids = append(ids, Identifier{Type: typ, Hash: hash})
	}
	return ids
}

// claim VERB PARTICIPANT by INSTANCE [round N] [permit P]
func (st *story) claim(args []string) Input {
	in := Claimed{Verb: Verb(args[0]), Participant: args[1], Instance: args[3]}
	if h := st.s.Share(in.Participant); h != nil && h.Step(in.Verb) != nil {
		in.Round = h.Step(in.Verb).Round
	}
	for i := 4; i+1 < len(args); i += 2 {
		switch args[i] {
		case "round":
			in.Round = st.number(args[i+1])
		case "permit":
			in.Permit = PermitID(args[i+1])
		}
	}
	st.next++
	in.Fresh = PermitID("p" + strconv.Itoa(st.next))
	st.permits[in.Fresh] = in
	return in
}

// report PERMIT VERDICT [N] [remaining N] [yields type=hash] [code CODE] [until 60s] [ground WORD]
func (st *story) report(args []string) Input {
	claim := st.permits[PermitID(args[0])]
	in := ReportReceived{Permit: PermitID(args[0]), Participant: claim.Participant, Verb: claim.Verb, Round: claim.Round, Verdict: Verdict(args[1])}
	args = args[2:]
	if len(args) > 0 {
		if n, err := strconv.ParseInt(args[0], 10, 64); err == nil {
			in.Counts = Counts{"items": n}
			args = args[1:]
		}
	}
	for i := 0; i+1 < len(args); i += 2 {
		switch args[i] {
		case "remaining":
			n := int64(st.number(args[i+1]))
			in.Remaining = &n
		case "yields":
			typ, hash, _ := strings.Cut(args[i+1], "=")
			in.Identifiers = append(in.Identifiers, Identifier{Type: typ, Hash: hash})
		case "later":
			in.Later = Counts{"items": int64(st.number(args[i+1]))}
		case "until":
			in.Until = st.now.Add(st.duration(args[i+1]))
		case "ground":
			in.Ground = args[i+1]
		case "undo":
			in.Undo = args[i+1]
		case "transient", "rate_limited", "misconfigured", "refused":
			in.Class, in.Code = Class(args[i]), args[i+1]
		default:
			st.t.Fatalf("unknown word: %s", args[i])
		}
	}
	return in
}

func (st *story) step(in Input) []string {
	st.t.Helper()
	plan := st.plan.WithDefaults()
	if err := plan.Validate(); err != nil {
		st.t.Fatal(err)
	}
	s, effects, err := Next(plan, st.s, in, st.now)
	if err != nil {
		return []string{"error: " + err.Error()}
	}
	var out []string
	asks, whom := false, ""
	for _, e := range effects {
		if who, ok := e.(AskSubject); ok {
			whom = who.User
			continue
		}
		_, ask := e.(AskPivot)
		if asks = asks || ask; ask {
			continue
		}
		if rec, ok := e.(Record); ok {
			st.history = append(st.history, rec.Entry)
		}
		out = append(out, st.show(e))
	}
	folded, err := Fold(st.history)
	if err != nil || !reflect.DeepEqual(folded, s) {
		st.t.Fatalf("fold(history) is not the state after %v: %v\nfold  %+v\nstate %+v", in, err, folded, s)
	}
	st.s = s
	if asks {
		out = append(out, st.clear()...)
	}
	if whom != "" {
		out = append(out, st.bind(whom)...)
	}
	if len(out) == 0 {
		out = []string{"nothing"}
	}
	return out
}

// bind answers as the shell does: the person has another saga, or none.
func (st *story) bind(user string) []string {
	if st.taken != "" {
		return st.step(Taken{st.taken})
	}
	return st.step(Bound{User: user, Subject: "v1:subject of " + user})
}

// clear answers as the shell does: the pivot may pass, and the bus takes its event.
func (st *story) clear() (out []string) {
	if st.braked {
		return st.step(Braked{Reason: "100 sagas of billing passed within the hour"})
	}
	out = st.step(Cleared{})
	if !st.silent {
		out = append(out, st.step(Announced{})...)
	}
	return out
}

func (st *story) show(e Effect) string {
	switch e := e.(type) {
	case Record:
		return "  " + st.showEntry(e.Entry)
	case Ring:
		return fmt.Sprintf("ring %s %s, round %d, issue %d", e.Verb, e.Participant, e.Round, e.Issue)
	case Grant:
		return fmt.Sprintf("grant %s, round %d, attempt %d, life %s%s, needs %s%s%s", e.Permit, e.Round, e.Attempt, e.Life,
			when(e.MaybeDone, ", maybe_done"), strings.Join(e.Needs, "+"), when(e.Baseline != nil, ", baseline "+counts(e.Baseline)), when(e.Undo, ", with its undo"))
	case Deny:
		return fmt.Sprintf("deny: %s%s", e.Reason, st.until(e.Until))
	case Receive:
		return fmt.Sprintf("receipt: %s%s%s", e.Outcome, when(e.Reason != "", " ("+e.Reason+")"), when(e.Undo, ", with the undo that counts"))
	case Emit:
		return fmt.Sprintf("event %s%s%s", e.Kind, when(e.Reason != "", " ("+e.Reason+")"), only(e.Only))
	case Admit:
		return fmt.Sprintf("admit %s%s", e.Request, when(e.Joined, ", joined"))
	case CancelAnswer:
		return fmt.Sprintf("cancel: %s%s%s", e.Result, st.alive(e.Alive), when(len(e.Ended) > 0, ", not restored: "+strings.Join(e.Ended, "+")))
	case HoldAnswer:
		return "hold: placed" + st.alive(e.Alive)
	case OperatorAnswer:
		return "operator: " + when(e.Problem == "", "done") + e.Problem
	case Postpone:
		return "postpone"
	case Bind:
		return "bind: " + strings.Join(e.Plan.Erases(), "+")
	case Finish:
		return "finish: " + string(st.finalPhase())
	}
	return fmt.Sprintf("%T%+v", e, e)[len("saga."):]
}

func (st *story) alive(ls []Live) (out string) {
	for _, l := range ls {
		out += fmt.Sprintf(", alive: %s %s until %s", l.Verb, l.Participant, l.Until.Sub(st.start))
	}
	return out
}

func (st *story) finalPhase() Phase { return st.history[len(st.history)-1].Phase }

func (st *story) showEntry(e Entry) string {
	parts := []string{string(e.Kind)}
	add := func(ok bool, format string, args ...any) {
		if ok {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(e.Verb != "", "%s %s", e.Verb, e.Participant)
	add(e.Verb == "" && e.Participant != "", "%s", e.Participant)
	add(e.Hold != nil, "%s", holdOf(e.Hold))
	add(e.Undo != "", "undo %s", e.Undo)
	add(e.Queued, "queued")
	add(e.Unbound, "unbound")
	add(e.Kind == KBound, "to %s", e.Subject)
	add(e.Kind == KNamed || e.Kind == KResealed || e.Kind == KNoted && len(e.Identifiers) > 0, "%s", identifiersOf(e))
	add(e.Round > 1, "round %d", e.Round)
	add(e.Permit != "", "%s", e.Permit)
	add(e.Phase != "", "%s", e.Phase)
	add(e.Verdict != "", "%s %s", e.Verdict, counts(e.Counts))
	add(e.Remaining != nil, "remaining %d", deref(e.Remaining))
	add(e.Later != nil, "later %s", counts(e.Later))
	add(e.Inferred, "inferred")
	add(e.Class != "", "%s", e.Class)
	add(e.Reason != "", "(%s)", e.Reason)
	add(e.Ground != "", "[%s]", e.Ground)
	add(!e.Until.IsZero(), "until %s", e.Until.Sub(st.start))
	return strings.Join(parts, " ")
}

func holdOf(h *Hold) string {
	if h == nil {
		return ""
	}
	return h.ID + when(h.Participant != "", " on "+h.Participant)
}

func identifiersOf(e Entry) string {
	var out []string
	for _, id := range e.Identifiers {
		out = append(out, id.Type+"="+id.Hash)
	}
	return strings.Join(out, "+")
}

func deref(p *int64) int64 {
	if p == nil {
		return -1
	}
	return *p
}

func (st *story) until(t time.Time) string {
	return when(!t.IsZero(), " until "+t.Sub(st.start).String())
}

func when(ok bool, s string) string {
	if ok {
		return s
	}
	return ""
}

func counts(c Counts) string {
	var kinds []string
	for k := range c {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	s := ""
	for _, k := range kinds {
		s += fmt.Sprintf("%d", c[k]) + when(k != "items", " "+k)
	}
	return s
}

func (st *story) duration(s string) time.Duration {
	st.t.Helper()
	if n, ok := strings.CutSuffix(s, "d"); ok {
		return time.Duration(st.number(n)) * 24 * time.Hour
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		st.t.Fatal(err)
	}
	return d
}

func (st *story) number(s string) int {
	st.t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		st.t.Fatal(err)
	}
	return n
}

func only(q *Request) string {
	if q == nil {
		return ""
	}
	return " to " + q.Source + " only"
}
