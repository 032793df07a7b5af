package participantstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// larder is a store in memory whose sight and speed can be taken.
type larder struct {
	mu     sync.Mutex
	items  map[string]int64 // by user id
	broken bool
	slow   bool
}

func newLarder() *larder {
	l := &larder{}
	_ = l.seed()
	return l
}

func (l *larder) seed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = map[string]int64{"u-check-0042": 3, "u-check-00421": 2, "u-check-7": 1}
	return nil
}

func (l *larder) set(field *bool, value bool) func() error {
	return func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		*field = value
		return nil
	}
}

func (l *larder) mend() error {
	return errors.Join(l.set(&l.broken, false)(), l.set(&l.slow, false)())
}

func (l *larder) of(ids []events.Identifier) (n int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		n += l.items[id.Value.Reveal()]
	}
	return n, nil
}

// hold is how long an effect takes.
func (l *larder) hold() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.slow {
		return SlowFor
	}
	return 0
}

// take removes what the ids match, and fails while it is broken.
func (l *larder) take(ids []string, match func(have, id string) bool) (n int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return 0, errDown
	}
	for _, id := range ids {
		for have := range l.items {
			if match(have, id) {
				n += l.items[have]
				delete(l.items, have)
			}
		}
	}
	return n, nil
}

func (l *larder) count(ids []string) (n int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return 0, errDown
	}
	for _, id := range ids {
		n += l.items[id]
	}
	return n, nil
}

func same(have, id string) bool { return have == id }

// pantry is the larder as a participant of the SDK.
type pantry struct{ *larder }

func (p pantry) Erase(ctx context.Context, t participants.Task) (participants.Result, error) {
	select {
	case <-time.After(p.hold()):
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return participants.Result{}, err
	}
	n, err := p.take(t.Values(events.UserID), same)
	if n == 0 {
		return participants.Result{Verdict: events.Absent}, err
	}
	return participants.Result{Verdict: events.Erased, Counts: events.Counts{"items": n}}, err
}

func (p pantry) Count(_ context.Context, t participants.Task) (events.Counts, error) {
	n, err := p.count(t.Values(events.UserID))
	return events.Counts{"items": n}, err
}

// rogue is a worker of the larder with a client of the bus alone, and a defect.
type rogue struct {
	t      *testing.T
	nc     *nats.Conn
	name   string
	larder *larder
	defect string
	log    *lines
	me     []string // the subject, for a defect that needs no permit to know him

	mu       sync.Mutex
	underWay map[step]bool
	done     map[string]bool // sagas, for a defect
}

func (r *rogue) is(defect string) bool { return r.defect == defect }

func (r *rogue) run() {
	r.underWay, r.done = map[step]bool{}, map[string]bool{}
	_, err := r.nc.QueueSubscribe(events.SubjectDeliver(r.name), r.name, func(m *nats.Msg) { go r.ring(m) })
	if err != nil {
		r.t.Error(err)
	}
	abilities := []events.Verb{events.Resolve, events.Erase, events.Verify}
	if r.is("has one ability") {
		abilities = abilities[:1]
	}
	hello := events.Hello{
		Instance: "rogue-1", Version: "1", Abilities: abilities, Needs: []events.IdentifierType{events.UserID}, Time: time.Now().UTC(),
	}
	for !r.nc.IsClosed() {
		if _, err := r.ask(events.SubjectHello(r.name), nats.NewInbox(), hello, nil); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond) // nobody listens yet
	}
}

func (r *rogue) ask(subject, id string, p events.Payload, more map[string]any) (*nats.Msg, error) {
	m, err := events.Encode(events.Envelope{ID: id, Source: "/participants/" + r.name, Time: time.Now().UTC()}, p)
	if err != nil {
		return nil, err
	}
	for name, value := range more {
		m.Data = field(name, value)(m.Data)
	}
	return r.nc.RequestMsg(&nats.Msg{Subject: subject, Header: nats.Header(m.Header), Data: m.Data}, 2*time.Second)
}

func (r *rogue) ring(m *nats.Msg) {
	ack := func() { _ = m.Respond([]byte("+ACK")) }
	nak := func() { _ = m.Respond([]byte(`-NAK {"delay":100000000}`)) }
	_, c, err := events.Decode[events.Command](events.Header(m.Header), m.Data)
	if err != nil && r.is("takes any verb for an erase") && json.Unmarshal(m.Data, &c) == nil {
		r.erase(r.me)
	}
	if err != nil || c.Participant != r.name {
		ack()
		return
	}
	if !r.enter(c) {
		if r.is("acts on each doorbell") {
			r.erase(r.me)
		}
		ack()
		return
	}
	if !r.is("acts on each doorbell") { // it knows a doorbell again, however late that rings
		defer r.leave(c)
	}
	if r.is("acks first") {
		ack()
	}
	if r.is("acts on the doorbell") {
		r.erase(r.me)
	}
	sent := time.Now()
	answer, err := r.ask(c.ClaimOn, nats.NewInbox(), r.claim(c, ""), nil)
	if err != nil {
		if r.is("takes silence for a yes") {
			r.erase(r.me)
		}
		nak()
		return
	}
	permit, become := r.read(c, answer)
	switch become {
	case "nak":
		nak()
		return
	case "ack":
		ack()
		return
	}
	ack()
	if r.is("counts from the arrival") {
		sent = time.Now()
	}
	r.work(c, permit, sent)
}

// read says what to do with the doorbell; empty: act.
func (r *rogue) read(c events.Command, answer *nats.Msg) (events.Permit, string) {
	_, p, err := events.DecodeAny(events.Header(answer.Header), answer.Data)
	if err != nil && r.is("takes any permit") {
		r.loosely(answer.Data)
	}
	permit, granted := p.(events.Permit)
	switch {
	case err != nil:
		return permit, "nak"
	case !granted && r.is("ignores refusals"):
		r.erase(r.me)
		return permit, "ack"
	case !granted:
		return permit, "ack"
	case (permit.Saga != c.Saga || permit.Verb != c.Verb || permit.Round != c.Round) && !r.is("does not compare"):
		return permit, "nak"
	}
	return permit, ""
}

// loosely takes the identifiers as they come, cut to what a column is wide.
func (r *rogue) loosely(data []byte) {
	var p struct{ Identifiers []struct{ Value string } }
	_ = json.Unmarshal(data, &p)
	for _, id := range p.Identifiers {
		r.erase([]string{strings.TrimRight(id.Value, "%")})
	}
}

func (r *rogue) enter(c events.Command) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := step{c.Saga, c.Verb, c.Round}
	if r.underWay[k] {
		return false
	}
	r.underWay[k] = true
	return true
}

func (r *rogue) leave(c events.Command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.underWay, step{c.Saga, c.Verb, c.Round})
}

func (r *rogue) claim(c events.Command, permit string) events.Claim {
	return events.Claim{Saga: c.Saga, Verb: c.Verb, Round: c.Round, Instance: "rogue-1", Permit: permit, Time: time.Now().UTC()}
}

// term is the time of a permit.
type term struct {
	mu   sync.Mutex
	end  time.Time
	lost bool
}

func (d *term) over() (code string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.lost:
		return "permit_withdrawn"
	case time.Now().After(d.end):
		return "permit_expired"
	}
	return ""
}

func (r *rogue) work(c events.Command, p events.Permit, sent time.Time) {
	life := time.Duration(p.LifeMS) * time.Millisecond
	d := &term{end: sent.Add(life)}
	settled := make(chan struct{})
	if !r.is("never renews") {
		go r.renew(c, p, d, settled, life)
	}
	report := r.act(p, d)
	close(settled)
	report.Saga, report.Verb, report.Round, report.Permit = c.Saga, c.Verb, c.Round, p.Permit
	var more map[string]any
	switch {
	case r.is("leaks into a report"):
		more = map[string]any{"note": "erased " + strings.Join(valuesOf(p.Identifiers), " ")}
	case r.is("is no report"):
		more = map[string]any{"ground": nil}
	}
	if r.is("leaks into its log") {
		fmt.Fprintln(r.log, "erased", valuesOf(p.Identifiers))
	}
	fmt.Fprintln(r.log, "reported", report.Verdict)
	r.report(c, report, valuesOf(p.Identifiers), more)
}

func (r *rogue) report(c events.Command, report events.Report, ids []string, more map[string]any) {
	id := nats.NewInbox()
	for n := 0; ; n++ {
		answer, err := r.ask(c.ReportOn, id, report, more)
		if err == nil {
			if _, p, err := events.DecodeAny(events.Header(answer.Header), answer.Data); err == nil {
				if _, problem := p.(events.Problem); problem || p != nil {
					return
				}
			}
		}
		switch {
		case r.is("reports once"), r.nc.IsClosed():
			return
		case r.is("acts before it reports again"):
			time.Sleep(time.Second)
			r.erase(ids)
		case r.is("reports under new ids"):
			id = nats.NewInbox()
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (r *rogue) renew(c events.Command, p events.Permit, d *term, settled <-chan struct{}, life time.Duration) {
	for wait := life / 2; ; wait = life / 2 {
		select {
		case <-settled:
			return
		case <-time.After(wait):
		}
		sent := time.Now()
		answer, err := r.ask(c.ClaimOn, nats.NewInbox(), r.claim(c, p.Permit), nil)
		if err != nil {
			continue
		}
		_, a, _ := events.DecodeAny(events.Header(answer.Header), answer.Data)
		d.mu.Lock()
		switch a.(type) {
		case events.Permit:
			d.end = sent.Add(life)
		case events.Refusal:
			d.lost = !r.is("never hears a no")
		}
		d.mu.Unlock()
	}
}

func failedWith(class events.FailureClass, code string) events.Report {
	return events.Report{Verdict: events.Failed, Class: class, Code: code}
}

func (r *rogue) act(p events.Permit, d *term) events.Report {
	ids := valuesOf(p.Identifiers)
	switch {
	case len(p.Items) > 0 && !r.is("widens items"):
		return failedWith(events.Refused, "no_items")
	case len(ids) == 0 && r.is("takes nobody for everybody"):
		r.erase([]string{"u-check-0042", "u-check-00421"})
		return events.Report{Verdict: events.Erased, Counts: events.Counts{"items": 5}}
	case len(ids) == 0:
		return failedWith(events.Misconfigured, "user_id_missing")
	}
	switch p.Verb {
	case events.Erase:
		return r.actErase(p, ids, d)
	case events.Resolve, events.Verify:
		return r.actCount(p.Verb, ids)
	case events.Suspend, events.Restore:
		if r.is("lacks and does") {
			return events.Report{Verdict: events.Absent, Counts: events.Counts{}}
		}
	}
	return failedWith(events.Refused, "no_ability")
}

func (r *rogue) actCount(verb events.Verb, ids []string) events.Report {
	n, err := r.larder.count(ids)
	switch {
	case err != nil && !r.is("blind"):
		return failedWith(events.Transient, "down")
	case r.is("counts nothing"):
		n = 0
	case r.is("erases when it counts"):
		r.erase(ids)
	}
	counts := events.Counts{"items": n}
	switch {
	case verb == events.Verify:
		return events.Report{Verdict: events.Counted, Counts: counts, Remaining: &n}
	case n == 0:
		return events.Report{Verdict: events.Absent, Counts: counts}
	}
	return events.Report{Verdict: events.Resolved, Counts: counts}
}

func (r *rogue) actErase(p events.Permit, ids []string, d *term) events.Report {
	for end := time.Now().Add(r.larder.hold()); ; time.Sleep(20 * time.Millisecond) {
		if code := d.over(); code != "" && !r.is("ignores the deadline") {
			return failedWith(events.Transient, code)
		}
		if !time.Now().Before(end) {
			break
		}
	}
	zero := int64(0)
	r.mu.Lock()
	again := r.done[p.Saga]
	r.done[p.Saga] = true
	r.mu.Unlock()
	if again && r.is("remembers sagas") {
		return events.Report{Verdict: events.Absent, Counts: events.Counts{}, Remaining: &zero}
	}
	n, err := r.erase(ids)
	switch {
	case err != nil && r.is("blind"):
		n = 0
	case err != nil:
		return failedWith(events.Transient, "down")
	case p.MaybeDone && r.is("claims what its predecessor did"):
		n = 3
	case n == 0 && r.is("always says erased"):
		return events.Report{Verdict: events.Erased, Counts: events.Counts{}, Remaining: &zero}
	}
	if n == 0 {
		return events.Report{Verdict: events.Absent, Counts: events.Counts{}, Remaining: &zero}
	}
	return events.Report{Verdict: events.Erased, Counts: events.Counts{"items": n}, Remaining: &zero}
}

func (r *rogue) erase(ids []string) (int64, error) {
	if r.is("says erased and keeps") {
		return r.larder.count(ids)
	}
	return r.larder.take(ids, func(have, id string) bool {
		switch {
		case r.is("erases the neighbour"):
			return strings.HasPrefix(have, id)
		case r.is("knows patterns"):
			return have == id || id == "%" || strings.HasSuffix(id, "%") && strings.HasPrefix(have, strings.TrimSuffix(id, "%"))
		}
		return have == id
	})
}
