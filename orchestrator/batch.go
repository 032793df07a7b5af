package orchestrator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// batch is one group commit in the making: an overlay over the store, in which every input
// sees what the ones before it did, and the answers that wait for the commit.
type batch struct {
	o   *Orchestrator
	ctx context.Context
	now time.Time

	log      uint64
	sagas    map[saga.ID]*loaded
	order    []saga.ID          // of sagas that changed, in the order of their first change
	slots    map[string]saga.ID // see saga.State.Slot; empty: free
	freed    []string           // subjects whose live saga ended in this batch
	brakes   *brakes            // nil: as they were
	requests map[string]storage.RequestKey
	out      storage.Batch
	created  []saga.ID
	ended    []saga.ID // whose data key goes with this commit
	replies  []reply
	await    []storage.MessageKey  // for the answer to the job under way
	heard    []events.Identifier   // which the job under way brings, and which are sealed after it
	had      map[saga.ID]int       // how many identifiers of a saga were there before it
	acked    []acked               // messages that the bus has, taken from the relay
	told     []saga.ID             // sagas that learnt of the restart
	rewake   map[saga.ID]time.Time // sagas that were woken and did not change
	tell     []func()              // metrics and logs, after the commit
	sweep    func()                // after the relay knows what the commit ended; nil: nothing
	undone   []func()              // see attempt
}

type reply struct {
	job   job
	ans   answer
	after []storage.MessageKey // the bus must have these first, or not take them in time
}

// loaded is a saga as this batch sees it.
type loaded struct {
	plan     saga.Plan
	state    saga.State
	changed  bool
	entries  []saga.Entry
	contents *vault.Contents
	plain    []byte // contents to be sealed at the commit; nil: the box is as it was
	box      []byte // plain, sealed
	summary  []byte
	sealing  bool // it is being sealed anew
}

func (o *Orchestrator) newBatch(ctx context.Context) *batch {
	return &batch{o: o, ctx: ctx, now: o.cfg.Now(), log: o.log + 1, sagas: map[saga.ID]*loaded{},
		slots: map[string]saga.ID{}, requests: map[string]storage.RequestKey{}, rewake: map[saga.ID]time.Time{}}
}

// take passes one job through the core. It never fails: an error is the job's answer, and
// nothing of the job stays in the batch.
func (b *batch) take(j job) {
	b.await, b.heard, b.had = nil, nil, nil
	var ans answer
	ans.err = b.attempt(func() (err error) {
		ans.payload, err = b.process(j)
		return err
	})
	b.beginQueued()
	b.undone = nil
	b.replies = append(b.replies, reply{job: j, ans: ans, after: b.await})
}

func (b *batch) process(j job) (events.Payload, error) {
	switch {
	case j.request != nil:
		return b.request(j.request)
	case j.cancel != nil:
		return b.cancel(j.cancel)
	case j.claim != nil:
		return b.claim(j.claim)
	case j.report != nil:
		return b.report(j.report)
	case j.wake != nil:
		return nil, b.wake(j.wake)
	case j.operate != nil:
		return j.operate(b)
	case j.dead != nil:
		b.out.DeadLetters = append(b.out.DeadLetters, *j.dead)
		return nil, nil
	case j.do != nil:
		return nil, j.do(b)
	}
	return nil, errors.New("an empty job")
}

// wake passes time to a saga. One that changes nothing is still woken again.
func (b *batch) wake(w *wake) error {
	if _, err := b.input(w.saga, saga.Woke{}); err != nil {
		return err
	}
	l := b.sagas[w.saga]
	if err := b.unstick(l); err != nil {
		return err
	}
	if at, ok := l.state.Wake(l.plan, b.now); ok && !l.changed {
		b.rewake[w.saga] = at
	}
	return nil
}

// unstick makes up for what a fault may have kept from a saga: that its box can be read again
// when nobody claims, the end of the one in its way, or the event of its pivot.
func (b *batch) unstick(l *loaded) error {
	switch {
	case l.state.Halted != "":
		return b.readable(l)
	case l.state.Queued:
		return b.beginBehind(l.state.Subject)
	case l.state.Unannounced() && !b.announces(l.state.ID) && !b.o.relay.announcing(l.state.ID):
		return b.emit(l, saga.Emit{Kind: saga.EventErasing})
	}
	return nil
}

// announces reports whether the event of the saga's pivot is in this batch.
func (b *batch) announces(id saga.ID) bool {
	return slices.ContainsFunc(b.out.Outbox, func(m storage.Message) bool { return m.Saga == id && isPivot(m) })
}

// load returns a saga as this batch sees it, under all holds that are on record by now.
// storage.ErrNotFound, storage.ErrDamaged.
func (b *batch) load(id saga.ID) (*loaded, error) {
	if l := b.sagas[id]; l != nil {
		return l, b.holdSince(l)
	}
	if b.o.damaged[id] {
		return nil, &storage.DamagedError{Saga: id, What: "see the log of its first fault"}
	}
	state, ok := b.o.cache.get(id)
	if !ok {
		var err error
		if state, err = b.o.cfg.Store.Load(b.ctx, id); err != nil {
			return nil, err
		}
	}
	plan, err := b.o.plan(b.ctx, state.Plan)
	if err != nil {
		return nil, fmt.Errorf("plan of saga %s: %w", id, err)
	}
	l := &loaded{plan: plan, state: state}
	if err := b.attempt(func() error { return b.meet(l) }); err != nil {
		return nil, err
	}
	return l, nil
}

// meet brings a saga that was just read up to date, before anything else is passed to it:
// what happened in the world around it, and which holds lie on it.
func (b *batch) meet(l *loaded) error {
	if id := l.state.ID; b.o.restarted[id] {
		// First of all: its permits are counted anew, see saga.Recovered.
		if _, err := b.step(l, saga.Recovered{}); err != nil {
			return err
		}
		b.told = append(b.told, id)
	}
	b.see(l)
	if err := b.replan(l); err != nil {
		return err
	}
	return b.holdOn(l, hashes(l.state))
}

// input passes an input to a saga that exists, and takes in its effects.
func (b *batch) input(id saga.ID, in saga.Input) ([]saga.Effect, error) {
	l, err := b.load(id)
	if err != nil {
		return nil, err
	}
	return b.step(l, in)
}

// step calls the core. On an error nothing of the saga has changed.
func (b *batch) step(l *loaded, in saga.Input) ([]saga.Effect, error) {
	state, effects, err := saga.Next(l.plan, l.state, in, b.now)
	if err != nil {
		return nil, err
	}
	if err := b.attempt(func() error { return b.follow(l, state, effects) }); err != nil {
		return nil, err
	}
	return effects, nil
}

// endFirst puts a saga's summary before the event of its end. They are published in order:
// whoever finds the event, and be it after a crash, finds the summary as well.
func endFirst(effects []saga.Effect) []saga.Effect {
	out := slices.Clone(effects)
	slices.SortStableFunc(out, func(x, y saga.Effect) int { return cmp.Compare(afterEnd(x), afterEnd(y)) })
	return out
}

func afterEnd(e saga.Effect) int {
	if emit, ok := e.(saga.Emit); ok && emit.Kind == saga.EventFinished {
		return 1
	}
	return 0
}

// follow moves a saga on, and carries out what follows.
func (b *batch) follow(l *loaded, state saga.State, effects []saga.Effect) error {
	was := *l
	b.undone = append(b.undone, func() { *l = was })
	l.state = state
	for _, e := range endFirst(effects) {
		if err := b.effect(l, e); err != nil {
			return err
		}
	}
	b.occupy(was.state, state)
	if state.Seq != was.state.Seq && !l.changed {
		l.changed = true
		b.order = append(b.order, state.ID)
	}
	return b.gate(l, effects)
}

// effect carries out what belongs into the transaction. Answers are the caller's part.
func (b *batch) effect(l *loaded, e saga.Effect) error {
	switch e := e.(type) {
	case saga.Record:
		l.entries = append(slices.Clip(l.entries), e.Entry)
		b.count(l, e.Entry)
	case saga.Ring:
		return b.ring(l, e)
	case saga.Emit:
		return b.emit(l, e)
	case saga.Finish:
		return b.finish(l, e)
	case saga.Bind:
		l.plan = e.Plan
		b.o.plans.put(e.Plan.Digest(), e.Plan)
		b.out.Plans = append(b.out.Plans, e.Plan)
	case saga.Grant, saga.Deny, saga.Receive, saga.Admit, saga.Postpone, saga.CancelAnswer, saga.OperatorAnswer, saga.HoldAnswer, saga.AskPivot, saga.AskSubject:
	}
	return nil
}

// keep has contents sealed with the commit.
func (l *loaded) keep(c vault.Contents) error {
	plain, err := c.Marshal()
	if err != nil {
		return fmt.Errorf("box of %s: %w", l.state.ID, err)
	}
	l.contents, l.plain = &c, plain
	return nil
}

// seal makes the batch's data keys, all in one sync, and seals what is to be kept.
func (b *batch) seal() error {
	if err := b.o.cfg.Keys.Create(b.created...); err != nil {
		return fmt.Errorf("data keys: %w", err)
	}
	for _, id := range b.order {
		l := b.sagas[id]
		if l.plain == nil {
			continue
		}
		box, err := b.o.cfg.Keys.Seal(id, l.plain)
		if err != nil {
			return fmt.Errorf("seal %s: %w", id, err)
		}
		l.box = box
	}
	return nil
}

// open returns the contents of a saga's box as this batch sees them.
func (b *batch) open(l *loaded) (*vault.Contents, error) {
	if l.contents != nil {
		return l.contents, nil
	}
	box, err := b.o.cfg.Store.Vault(b.ctx, l.state.ID)
	if err != nil {
		return nil, fmt.Errorf("box of %s: %w", l.state.ID, err)
	}
	plain, err := b.o.cfg.Keys.Open(l.state.ID, box)
	if err != nil {
		return nil, fmt.Errorf("box of %s: %w", l.state.ID, err)
	}
	c, err := vault.UnmarshalContents(plain)
	if err != nil {
		return nil, fmt.Errorf("box of %s: %w", l.state.ID, errors.Join(storage.ErrDamaged, err))
	}
	l.contents = &c
	return l.contents, nil
}

// build turns the overlay into what the store commits.
func (b *batch) build() (storage.Batch, error) {
	b.out.Log = b.log
	for _, id := range b.order {
		l := b.sagas[id]
		c := storage.Change{State: l.state, Entries: l.entries, Vault: l.box, Summary: l.summary}
		if at, ok := l.state.Wake(l.plan, b.now); ok {
			c.Wake = at
		}
		b.out.Sagas = append(b.out.Sagas, c)
	}
	if err := b.keepBrakes(); err != nil {
		return storage.Batch{}, err // what passed and is not counted would let others pass
	}
	for _, k := range b.requests {
		b.out.Requests = append(b.out.Requests, k)
	}
	return b.out, nil
}

// empty reports whether there is nothing to commit.
func (b *batch) empty() bool {
	return len(b.order) == 0 && len(b.out.DeadLetters) == 0 && len(b.requests) == 0 && len(b.out.Sent) == 0 &&
		len(b.out.Holds) == 0 && len(b.out.Released) == 0 && len(b.out.Prune) == 0 && len(b.out.Outbox) == 0 && len(b.out.Meta) == 0 && b.brakes == nil
}

// live returns the live saga of a subject, as this batch sees it. storage.ErrNotFound.
func (b *batch) live(subjects []string) (saga.ID, error) {
	for _, s := range subjects {
		if id, err := b.bySlot(s); !errors.Is(err, storage.ErrNotFound) {
			return id, err
		}
	}
	return "", storage.ErrNotFound
}

// meta sets a meta value in the transaction.
func (b *batch) meta(key string, value []byte) {
	next := map[string][]byte{key: value} // a new map: see attempt
	for k, v := range b.out.Meta {
		if k != key {
			next[k] = v
		}
	}
	b.out.Meta = next
}

// known returns what an idempotency key led to, as this batch sees it.
func (b *batch) known(hashes []string) (storage.RequestKey, error) {
	for _, h := range hashes {
		if k, ok := b.requests[h]; ok {
			return k, nil
		}
		k, err := b.o.cfg.Store.Request(b.ctx, h)
		if err == nil && k.Expires.After(b.now) {
			return k, nil
		}
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return storage.RequestKey{}, err
		}
	}
	return storage.RequestKey{}, storage.ErrNotFound
}

// message appends a message to the outbox.
func (b *batch) message(l *loaded, subject, msgID string, p events.Payload) error {
	m, err := events.Encode(events.Envelope{ID: msgID, Source: envelopeSource, Subject: string(l.state.ID), Time: b.now, Log: b.o.logOnBus(b.log)}, p)
	if err != nil {
		return fmt.Errorf("message %s: %w", msgID, err)
	}
	b.out.Outbox = append(b.out.Outbox, storage.Message{
		Key:  storage.MessageKey{Log: b.log, Index: uint32(len(b.out.Outbox))},
		Saga: l.state.ID, Subject: subject, MsgID: b.issue(msgID), Header: maps.Clone(m.Header), Data: m.Data, At: b.now})
	return nil
}

// envelopeSource is the ce-source of everything that the orchestrator says.
const envelopeSource = "/expunge"
