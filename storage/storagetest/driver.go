package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
)

// Driver makes batches by driving sagas through saga.Next, as the orchestrator does. What
// it does is pending until [Driver.Take].
type Driver struct {
	choose  func(n int) int
	plan    saga.Plan
	now     time.Time
	sagas   map[saga.ID]saga.State
	ids     []saga.ID // every saga, oldest first
	free    []string  // subjects without a live saga
	unsent  []storage.MessageKey
	permits int
	pending storage.Batch
	ledger  ledger
}

// NewDriver returns a driver whose every choice is choose's, from 0 to n-1; 0 is always
// the choice that leads to a good end.
func NewDriver(choose func(n int) int) *Driver {
	d := &Driver{choose: choose, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), sagas: map[saga.ID]saga.State{}}
	d.plan = saga.Plan{Name: "test", Quiet: time.Minute, Participants: []saga.Spec{
		{Name: "account", After: []string{"verification-images"}},
		{Name: "registration-data", Yields: []string{"jumio_scan"}},
		{Name: "verification-images", Needs: []string{"jumio_scan"}},
	}}.WithDefaults()
	for i := range 8 {
		d.free = append(d.free, fmt.Sprintf("v1:subject-%d", i))
	}
	d.begin()
	return d
}

func (d *Driver) begin() {
	d.pending = storage.Batch{Log: uint64(len(d.ledger.batches)) + 1}
}

// Take returns what is pending as the next batch. The caller must commit it.
func (d *Driver) Take() storage.Batch {
	b := d.pending
	d.ledger.add(b)
	for _, m := range b.Outbox {
		d.unsent = append(d.unsent, m.Key)
	}
	d.begin()
	return clone(b)
}

// Undo forgets the batch that was taken last: its commit failed. What happened to its
// sagas has to be forgotten by the caller, who must not drive them on.
func (d *Driver) Undo() {
	d.ledger.batches = d.ledger.batches[:len(d.ledger.batches)-1]
	d.begin()
}

// Keys names everything in the batches taken so far.
func (d *Driver) Keys() Keys { return d.ledger.keys }

// Expected is the [Dump] of a store that has all batches taken so far, and no others.
func (d *Driver) Expected() map[string][]string { return d.ledger.dump(d.Keys()) }

// Sagas returns how many sagas there are.
func (d *Driver) Sagas() int { return len(d.ids) }

// Play lets one to six random things happen.
func (d *Driver) Play() {
	for range 1 + d.choose(6) {
		live := d.live()
		if len(d.free) > 0 && (len(live) == 0 || d.choose(4) == 1) {
			i := d.choose(len(d.free))
			subject := d.free[i]
			d.free = slices.Delete(d.free, i, i+1)
			d.Start(subject)
			continue
		}
		d.Advance(live[d.choose(len(live))])
	}
	d.besides()
}

// besides adds what a batch has beside its sagas.
func (d *Driver) besides() {
	for len(d.unsent) > 0 && d.choose(3) != 1 {
		i := d.choose(len(d.unsent))
		d.pending.Sent = append(d.pending.Sent, d.unsent[i])
		d.unsent = slices.Delete(d.unsent, i, i+1)
	}
	switch d.choose(8) {
	case 1:
		d.pending.Expire = d.now.Add(-time.Duration(d.choose(600)) * time.Second)
	case 2:
		d.pending.DeadLetters = append(d.pending.DeadLetters, storage.DeadLetter{At: d.now, Origin: "ERASURE_REQUESTS_demo",
			Source: "demo", Size: d.choose(1 << 20), Digest: "v1:00ff", Fault: "user_id: missing"})
	case 3:
		d.pending.Meta = map[string][]byte{"instance": fmt.Append(nil, d.choose(3)), "marks": {}}
	case 4:
		id := fmt.Sprintf("h%d", d.choose(6))
		d.pending.Holds = []storage.Hold{{Hold: saga.Hold{ID: id, Ground: "litigation", By: "counsel", At: d.now}, On: []string{"v1:00aa", "v2:" + id}}}
	case 5:
		d.pending.Released = []string{fmt.Sprintf("h%d", d.choose(6))}
	case 6:
		if d.choose(8) == 1 { // seldom: most finished sagas are to be read
			d.Prune()
		}
	}
}

// Prune prunes the oldest finished saga, and reports whether there is one.
func (d *Driver) Prune() bool {
	for _, id := range d.ids {
		if d.sagas[id].Phase.Final() && !d.ledger.pruned(id) && !slices.Contains(d.pending.Prune, id) {
			d.pending.Prune = append(d.pending.Prune, id)
			return true
		}
	}
	return false
}

func (d *Driver) live() (ids []saga.ID) {
	for _, id := range d.ids {
		if !d.sagas[id].Phase.Final() {
			ids = append(ids, id)
		}
	}
	return ids
}

// Start starts a saga for the subject.
func (d *Driver) Start(subject string) saga.ID {
	n := len(d.ids) + 1
	id := saga.ID(fmt.Sprintf("0195f3a0-0000-7000-8000-%012x", n))
	d.ids = append(d.ids, id)
	if n == 1 {
		d.pending.Plans = []saga.Plan{d.plan}
	}
	request := saga.Request{ID: fmt.Sprintf("r%d", n), Source: "demo", Fingerprint: fmt.Sprintf("v1:f%d", n), At: d.now}
	d.next(saga.State{}, saga.Requested{Saga: id, Request: request, Subject: subject, Plan: d.plan, Regime: "gdpr", Due: d.now.AddDate(0, 1, 0),
		Identifiers: []saga.Identifier{{Type: saga.UserID, Hash: fmt.Sprintf("v1:u%d", n)}}})
	d.change(id).Vault = fmt.Appendf(nil, "box of saga %d", n)
	d.pending.Requests = append(d.pending.Requests,
		storage.RequestKey{Key: fmt.Sprintf("v1:k%d", n-d.choose(3)), Saga: id, Request: request.ID, Expires: d.now.Add(time.Duration(d.choose(600)) * time.Second)})
	return id
}

// End drives a saga to its end.
func (d *Driver) End(id saga.ID) {
	for !d.sagas[id].Phase.Final() {
		d.Advance(id)
	}
}

// Advance gives a saga its next input.
func (d *Driver) Advance(id saga.ID) {
	d.now = d.now.Add(time.Second)
	s := d.sagas[id]
	switch d.choose(40) {
	case 1:
		d.next(s, saga.CancelRequested{Request: s.Requests[0].ID, Source: s.Requests[0].Source})
	case 2:
		d.next(s, saga.Recovered{})
	case 3:
		d.next(s, saga.Requested{Saga: id, Subject: s.Subject, Plan: d.plan, Due: s.Due.Add(-time.Hour),
			Request: saga.Request{ID: fmt.Sprintf("j%d", d.now.Unix()), Source: "other", Fingerprint: fmt.Sprint(d.now.Unix()), At: d.now}})
	case 4:
		d.change(id).Vault = fmt.Append(nil, "box sealed again at ", d.now)
	default:
		d.next(s, d.input(s))
	}
}

// input is what brings the saga on, most of the time.
func (d *Driver) input(s saga.State) saga.Input {
	for _, h := range s.Shares {
		for _, v := range saga.Verbs {
			switch t := h.Step(v); t.Status {
			case saga.Open:
				d.permits++
				return saga.Claimed{Participant: h.Name, Verb: v, Round: t.Round, Instance: "w1", Fresh: saga.PermitID(fmt.Sprintf("p%d", d.permits))}
			case saga.Granted:
				return d.report(h.Name, v, t.Permits[len(t.Permits)-1])
			case saga.Parked:
				return saga.Retry{Participant: h.Name, Verb: v, By: "ops", Ground: "mended"}
			case saga.Waiting, saga.Delayed, saga.Reported:
			}
		}
	}
	if wake, ok := s.Wake(d.plan, d.now); ok && wake.After(d.now) {
		d.now = wake
	}
	return saga.Woke{}
}

func (d *Driver) report(participant string, v saga.Verb, p saga.Permit) saga.Input {
	var left int64
	r := saga.ReportReceived{Participant: participant, Verb: v, Round: p.Round, Permit: p.ID, Remaining: &left}
	switch {
	case d.choose(8) == 1:
		r.Verdict, r.Class, r.Code = saga.Failed, []saga.Class{saga.Transient, saga.RateLimited, saga.Misconfigured}[d.choose(3)], "down"
	case v == saga.Resolve:
		r.Verdict, r.Counts = saga.Resolved, saga.Counts{"items": 3}
		if participant == "registration-data" {
			r.Identifiers = []saga.Identifier{{Type: "jumio_scan", Hash: "v1:" + string(p.ID)}}
		}
	case v == saga.Erase:
		r.Verdict, r.Counts = saga.Erased, saga.Counts{"items": 3}
	default:
		r.Verdict, left = saga.Counted, int64(d.choose(6)/5)
	}
	return r
}

// next is one call of saga.Next; what follows from it becomes pending.
func (d *Driver) next(s saga.State, in saga.Input) {
	n, effects, err := saga.Next(d.plan, s, in, d.now)
	if err != nil {
		panic(fmt.Sprintf("storagetest: %T: %v", in, err)) // the driver's fault, or the core's
	}
	var c *storage.Change
	asks := false
	for _, e := range effects {
		switch e := e.(type) {
		case saga.Record:
			d.sagas[n.ID] = n
			c = d.change(n.ID)
			c.Entries = append(c.Entries, e.Entry)
		case saga.Ring:
			d.message(n.ID, "erasure.command."+e.Participant, string(e.Verb))
		case saga.Emit:
			d.message(n.ID, "erasure.event."+string(e.Kind)+".demo", e.Reason)
		case saga.Finish:
			c.Summary = fmt.Appendf(nil, `{"saga":%q,"head":%q}`, n.ID, e.Head)
			d.message(n.ID, "erasure.summary.demo", string(c.Summary))
			d.free = append(d.free, n.Subject)
		case saga.AskPivot:
			asks = true
		}
	}
	if asks {
		d.next(d.sagas[n.ID], saga.Cleared{})
		d.next(d.sagas[n.ID], saga.Announced{})
	}
}

// change is the pending change of a saga.
func (d *Driver) change(id saga.ID) *storage.Change {
	s := d.sagas[id]
	i := slices.IndexFunc(d.pending.Sagas, func(c storage.Change) bool { return c.State.ID == id })
	if i < 0 {
		i = len(d.pending.Sagas)
		d.pending.Sagas = append(d.pending.Sagas, storage.Change{})
	}
	c := &d.pending.Sagas[i]
	c.State = s
	c.Wake, _ = s.Wake(d.plan, d.now)
	return c
}

func (d *Driver) message(id saga.ID, subject, data string) {
	i := len(d.pending.Outbox)
	d.pending.Outbox = append(d.pending.Outbox, storage.Message{
		Key: storage.MessageKey{Log: d.pending.Log, Index: uint32(i)}, Saga: id, Subject: subject,
		MsgID:  fmt.Sprintf("%s-%d-%d", id, d.pending.Log, i),
		Header: map[string][]string{"ce-type": {"expunge"}, "ce-subject": {string(id)}},
		Data:   []byte("+" + data), At: d.now})
}
