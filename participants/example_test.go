package participants_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
)

// bookmarks is a store in memory: what a service might have in a table.
type bookmarks struct {
	mu     sync.Mutex
	byUser map[string][]string
}

// Erase deletes a person's bookmarks. Asked again, it finds none and says so.
func (b *bookmarks) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return participants.Result{}, err
	}
	var n int64
	for _, id := range t.Values(events.UserID) {
		n += int64(len(b.byUser[id]))
		delete(b.byUser, id)
	}
	if n == 0 {
		return participants.Result{Verdict: events.Absent}, nil
	}
	return participants.Result{Verdict: events.Erased, Counts: events.Counts{"bookmarks": n}}, nil
}

// Count counts what is there now.
func (b *bookmarks) Count(_ context.Context, t participants.Task) (events.Counts, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var n int64
	for _, id := range t.Values(events.UserID) {
		n += int64(len(b.byUser[id]))
	}
	return events.Counts{"bookmarks": n}, nil
}

func newBookmarks() *bookmarks {
	return &bookmarks{byUser: map[string][]string{"u-0042": {"example.com", "example.org"}, "u-0043": {"example.com"}}}
}

var somebody = events.Identifier{Type: events.UserID, Value: "u-0042"}

// show prints what a worker for p reports on a verb.
func show(p participants.Participant, v events.Verb) {
	r, err := participantstest.Do(context.Background(), "bookmarks", p, v, somebody)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(r.Verdict, " ", r.Counts.Total())
	if r.Remaining != nil {
		fmt.Print(", remaining ", *r.Remaining)
	}
	if r.Verdict == events.Failed {
		fmt.Print(" ", r.Class, " ", r.Code)
	}
	if r.Verdict == events.Retained {
		fmt.Print(" ", r.Ground)
	}
	for _, id := range r.Identifiers {
		fmt.Print(" ", id.Type)
	}
	fmt.Println()
}

// A worker needs a participant, its name, and a bus; here the bus is in memory. With NATS
// it is participants.OverNATS(conn), with a connection of bus.Connect.
func Example() {
	bus := participantstest.NewOrchestrator("bookmarks", somebody)
	worker, err := participants.NewWorker(participants.Config{
		Name:        "bookmarks",
		Participant: newBookmarks(),
		Bus:         bus,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- worker.Run(ctx) }()

	bus.Ring(bus.Command("saga-1", events.Erase))
	report := <-bus.Reports
	fmt.Println(report.Verdict, report.Counts, "remaining", *report.Remaining)

	stop() // finishes what was granted
	fmt.Println("stopped:", <-ended)
	// Output:
	// erased map[bookmarks:2] remaining 0
	// stopped: <nil>
}

// What can only erase is a participant; nobody can check it, and its plan must say so.
func ExampleParticipant() {
	p := struct{ participants.Participant }{newBookmarks()} // hides Count
	show(p, events.Erase)
	show(p, events.Erase)
	show(p, events.Verify)
	// Output:
	// erased 2
	// absent 0
	// failed 0 refused no_ability
}

// A counter gives the baseline before anything is touched, checks each erase, and verifies
// at the end.
func ExampleCounter() {
	p := newBookmarks()
	show(p, events.Resolve)
	show(p, events.Erase)
	show(p, events.Verify)
	// Output:
	// resolved 2
	// erased 2, remaining 0
	// counted 0, remaining 0
}

// addresses knows the e-mail addresses of an account, which other participants need.
type addresses struct{ *bookmarks }

func (addresses) Yields() []events.IdentifierType { return []events.IdentifierType{"email"} }

func (addresses) Resolve(_ context.Context, t participants.Task) ([]events.Identifier, error) {
	var out []events.Identifier
	for _, id := range t.Values(events.UserID) {
		out = append(out, events.Identifier{Type: "email", Value: events.Private(id + "@example.com")})
	}
	return out, nil
}

func ExampleResolver() {
	show(addresses{newBookmarks()}, events.Resolve)
	// Output: resolved 2 email
}

// mailing finds its share by e-mail address.
type mailing struct{ *bookmarks }

func (mailing) Needs() []events.IdentifierType { return []events.IdentifierType{"email"} }

// What a participant needs is told to the orchestrator, which puts it into every permit.
func ExampleNeeder() {
	bus := participantstest.NewOrchestrator("mailing")
	told := make(chan events.Hello, 1)
	bus.OnHello = func(h events.Hello) events.Payload {
		told <- h
		return events.Welcome{Time: h.Time, Known: true}
	}
	worker, err := participants.NewWorker(participants.Config{Name: "mailing", Participant: mailing{newBookmarks()}, Bus: bus})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- worker.Run(ctx) }()
	fmt.Println((<-told).Needs)
	stop()
	<-ended
	// Output: [email]
}

// switchable is an account that can be disabled and enabled again.
type switchable struct {
	*bookmarks
	enabled bool
}

func (s *switchable) Prepare(context.Context, participants.Task) (participants.Undo, error) {
	return participants.Undo(fmt.Sprint(s.enabled)), nil
}

func (s *switchable) Suspend(context.Context, participants.Task, participants.Undo) (participants.Result, error) {
	s.enabled = false
	return participants.Result{Verdict: events.Suspended, Counts: events.Counts{"accounts": 1}}, nil
}

func (s *switchable) Restore(_ context.Context, _ participants.Task, u participants.Undo) (participants.Result, error) {
	s.enabled = u.Reveal() == "true"
	return participants.Result{Verdict: events.Restored}, nil
}

// A suspend is acted on only after the orchestrator has sealed what Prepare returned.
func ExampleSuspender() {
	p := &switchable{bookmarks: newBookmarks(), enabled: true}
	show(p, events.Suspend)
	fmt.Println("enabled:", p.enabled)
	// Output:
	// suspended 1
	// enabled: false
}

func ExampleRetained() {
	show(fails(&participants.Retained{Ground: "AML: 5 years after the last payment"}), events.Erase)
	// Output: retained 0 AML: 5 years after the last payment
}

func ExampleRetryAfter() {
	show(fails(&participants.RetryAfter{After: time.Minute, Code: "throttled"}), events.Erase)
	// Output: failed 0 rate_limited throttled
}

func ExampleMisconfigured() {
	show(fails(&participants.Misconfigured{Code: "no_table"}), events.Erase)
	// Output: failed 0 misconfigured no_table
}

func ExampleRefuse() {
	show(fails(&participants.Refuse{Code: "not_ours"}), events.Erase)
	// Output: failed 0 refused not_ours
}
