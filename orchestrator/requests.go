package orchestrator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/orchestrator/saga"
	"github.com/expunge-io/expunge/storage"
	"github.com/expunge-io/expunge/storage/vault"
)

// keyLife is how long an idempotency key is remembered.
const keyLife = 90 * 24 * time.Hour

// fit checks a request against the configuration, and refuses what this version does not
// serve: an option that is ignored would widen the erasure, or run it too early.
func (o *Orchestrator) fit(source string, r events.Request, defaultKey string) (*intake, *events.Problem) {
	src, ok := o.cfg.Sources[source]
	if !ok {
		return nil, problem(events.CodeInvalid, "", "this source is not configured")
	}
	in := &intake{source: source, realm: src.Realm, regime: or(r.Regime, src.Regime), request: r, key: or(r.IdempotencyKey, defaultKey)}
	if in.plan, ok = o.cfg.Plans[or(r.Plan, src.Plan)]; !ok {
		return nil, problem(events.CodeInvalid, "plan", "no plan of this name is configured")
	}
	if in.due, ok = o.cfg.Regimes[in.regime]; !ok {
		return nil, problem(events.CodeInvalid, "regime", "no regime of this name is configured")
	}
	if in.notBefore = begins(r, o.cfg.Now()); in.notBefore.After(o.cfg.Now().Add(in.due)) {
		return nil, problem(events.CodeInvalid, "not_before", "it is past the deadline")
	}
	if in.plan.Grace > in.due {
		return nil, problem(events.CodeInvalid, "regime", "the plan's grace is longer than the regime allows")
	}
	if bad := o.narrow(in); bad != nil {
		return nil, bad
	}
	if bad := findable(in); bad != nil {
		return nil, bad
	}
	// As it was given: whoever asks again, and sooner, asks for something else.
	notBefore := ""
	if r.NotBefore != nil {
		notBefore = r.NotBefore.UTC().Format(time.RFC3339Nano)
	}
	parts := append([]string{source, in.realm, r.UserID.Reveal(), in.plan.Name, in.regime, notBefore}, attributes(r)...)
	parts = append(parts, scopeParts(in)...)
	in.fingerprints = o.cfg.Keys.HashAll("request", parts...)
	return in, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func problem(code, field, detail string) *events.Problem {
	return &events.Problem{Code: code, Field: field, Detail: detail}
}

// request finds the saga that serves a request, or starts one.
func (b *batch) request(in *intake) (events.Payload, error) {
	keys := b.keyHashes(in)
	if k, err := b.known(keys); err == nil {
		return b.again(in, k)
	} else if !errors.Is(err, storage.ErrNotFound) {
		return nil, err
	}
	subjects := b.o.subjectsOf(in)
	id, err := b.live(subjects)
	if errors.Is(err, storage.ErrNotFound) {
		return b.start(in, subjects[0], keys, false)
	}
	if err != nil {
		return nil, err
	}
	l, err := b.load(id)
	if err != nil {
		return nil, err
	}
	if err := b.reseal(in, l); err != nil {
		return nil, err
	}
	if a, err := b.join(in, l, keys); a != nil || err != nil {
		return a, err
	}
	if l.state.Phase.Final() { // by the time that passed: who waited for that comes first
		b.beginQueued()
		return b.request(in)
	}
	return b.queue(in, l.state, keys)
}

// keyHashes are the keyed hashes of the idempotency key, newest version first.
func (b *batch) keyHashes(in *intake) []string {
	if in.key == "" {
		return nil
	}
	return b.o.cfg.Keys.HashAll("idempotency", in.source, in.key)
}

// again answers a request that was accepted before.
func (b *batch) again(in *intake, k storage.RequestKey) (events.Payload, error) {
	l, err := b.load(k.Saga)
	if err != nil {
		return nil, err
	}
	for _, q := range l.state.Requests {
		if q.ID == k.Request && slices.Contains(in.fingerprints, q.Fingerprint) {
			if err := b.reseal(in, l); err != nil {
				return nil, err
			}
			return b.joined(in, b.acceptance(in, l.state, k.Request, true)), nil
		}
	}
	return *problem(events.CodeInvalid, "idempotency_key", "it was used for another request"), nil
}

func (b *batch) acceptance(in *intake, s saga.State, request string, joined bool) events.Acceptance {
	return events.Acceptance{Saga: string(s.ID), Request: request, State: events.State(s.Phase), Due: s.Due,
		Joined: joined, Queued: s.Queued, CorrelationID: in.request.CorrelationID}
}

// start makes a saga: key, box, state. A queued one begins when the subject's live one has
// ended.
func (b *batch) start(in *intake, subject string, keys []string, queued bool) (events.Payload, error) {
	id, err := newID()
	if err != nil {
		return nil, err
	}
	sid := saga.ID(id)
	l := &loaded{plan: in.plan}
	if err := l.keep(contentsOf(in)); err != nil {
		return nil, err
	}
	ask := b.requested(in, sid, subject)
	ask.Queued = queued
	if _, err := b.step(l, ask); err != nil {
		return nil, err
	}
	b.created = append(b.created, sid)
	b.see(l)
	if err := b.holdOn(l, b.o.personHashes(in.realm, in.request.UserID.Reveal(), in.request.Identifiers)); err != nil {
		return nil, err
	}
	b.out.Plans = append(b.out.Plans, in.plan)
	return b.accepted(in, keys, b.acceptance(in, l.state, l.state.Requests[0].ID, false)), nil
}

func (b *batch) requested(in *intake, id saga.ID, subject string) saga.Requested {
	ask := saga.Requested{Saga: id, Plan: in.plan, Subject: subject, Regime: in.regime, Due: b.now.Add(in.due),
		Items: in.items, CutOff: in.cutOff, NotBefore: in.notBefore,
		Request: saga.Request{ID: requestID(id, 1), Source: in.source, Fingerprint: in.fingerprints[0], Correlation: in.request.CorrelationID, At: b.now, NotBefore: in.notBefore},
		Unbound: in.request.UserID == ""}
	for _, one := range in.identifiers() {
		ask.Identifiers = append(ask.Identifiers, saga.Identifier{Type: string(one.Type), Hash: b.o.cfg.Keys.Hash("identifier", string(one.Type), one.Value.Reveal())})
	}
	return ask
}

// identifiers are those that a request brings: the user id, or attributes of the person.
func (in *intake) identifiers() []events.Identifier {
	if in.request.UserID != "" {
		return []events.Identifier{{Type: events.UserID, Value: in.request.UserID}}
	}
	return in.request.Identifiers
}

// requestID names the n-th request of a saga, and leads back to it.
func requestID(id saga.ID, n int) string { return fmt.Sprintf("%s.%d", id, n) }

// joinedID names a request that joins a saga. A store that was put back may have forgotten
// others that joined it: then the number of the batch sets it apart from those.
func (b *batch) joinedID(s saga.State) string {
	id := requestID(s.ID, len(s.Requests)+1)
	if b.o.ahead > 0 {
		id = fmt.Sprintf("%s.%d", id, b.o.logOnBus(b.log))
	}
	return id
}

// sagaOf returns the saga that a request id leads to, or "".
func sagaOf(request string) saga.ID {
	id, _, _ := strings.Cut(request, ".")
	return saga.ID(id)
}

func contentsOf(in *intake) vault.Contents {
	c := vault.Contents{Realm: in.realm, UserID: in.request.UserID.Reveal(), Reason: in.request.Reason.Reveal()}
	for _, id := range in.request.Identifiers {
		c.Identifiers = append(c.Identifiers, vault.Identifier{Type: string(id.Type), Value: id.Value.Reveal()})
	}
	if in.request.Scope != nil {
		for _, i := range in.request.Scope.Items {
			c.Items = append(c.Items, vault.Item{Participant: i.Participant, Kind: string(i.Kind), Reference: i.Reference.Reveal()})
		}
	}
	return c
}

// sealItems makes the box hold the items that its saga is about since another request was
// merged into it: what it lacked would be erased nowhere, and one too many would narrow a
// share that is to be erased whole.
func (b *batch) sealItems(l *loaded, more []vault.Item) error {
	c, err := b.open(l)
	if err != nil {
		return err
	}
	next := *c
	next.Items = nil
	for _, i := range slices.Concat(c.Items, more) {
		if !slices.Contains(next.Items, i) && b.isAbout(l.state, i) {
			next.Items = append(next.Items, i)
		}
	}
	return l.keep(next)
}

// isAbout reports whether a saga is about an item.
func (b *batch) isAbout(s saga.State, i vault.Item) bool {
	hashes := b.o.cfg.Keys.HashAll("item", i.Participant, i.Kind, i.Reference)
	return slices.ContainsFunc(s.Items, func(have saga.Item) bool {
		return have.Participant == i.Participant && slices.Contains(hashes, have.Hash)
	})
}

// join adds a request to a saga of its subject; nil if it cannot serve it.
func (b *batch) join(in *intake, l *loaded, keys []string) (events.Payload, error) {
	q := b.requested(in, l.state.ID, l.state.Subject)
	q.Request.ID = b.joinedID(l.state)
	if same := in.asked(l.state); same != "" {
		q.Request.Fingerprint = same
	}
	had := l.state.Items
	effects, err := b.step(l, q)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(had, l.state.Items) {
		if err := b.sealItems(l, contentsOf(in).Items); err != nil {
			return nil, err
		}
	}
	for _, e := range effects {
		if a, ok := e.(saga.Admit); ok {
			return b.accepted(in, keys, b.acceptance(in, l.state, a.Request, a.Joined)), nil
		}
	}
	return nil, nil
}

// asked returns the fingerprint under which the same request stands already, or "".
func (in *intake) asked(s saga.State) string {
	for _, have := range s.Requests {
		if have.Source == in.source && !have.Withdrawn && slices.Contains(in.fingerprints, have.Fingerprint) {
			return have.Fingerprint
		}
	}
	return ""
}

// accepted remembers the idempotency key of a request that was taken.
func (b *batch) accepted(in *intake, keys []string, a events.Acceptance) events.Payload {
	if len(keys) > 0 {
		put(b, b.requests, keys[0], storage.RequestKey{Key: keys[0], Saga: saga.ID(a.Saga), Request: a.Request, Expires: b.now.Add(keyLife)})
	}
	return b.joined(in, a)
}

// joined counts a request that was accepted.
func (b *batch) joined(in *intake, a events.Acceptance) events.Payload {
	outcome := "started"
	if a.Joined {
		outcome = "joined"
	}
	b.tell = append(b.tell, func() { b.o.metrics.requests.WithLabelValues(in.source, outcome).Inc() })
	return a
}

func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("random id: %w", err)
	}
	return id.String(), nil
}
