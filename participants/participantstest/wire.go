package participantstest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/events/bus"
)

// wire is the orchestrator's end of a real bus, for one participant. Each step that it rings
// for is an errand, which says how its claims and reports are answered.
type wire struct {
	nc          *nats.Conn
	publisher   *bus.Publisher
	service     *bus.Service
	acks        *nats.Subscription
	participant string
	judge       func(data []byte) error // of a report's data, by its JSON Schema
	private     []string                // values that no message of the worker may hold
	patience    time.Duration           // with what a worker owes

	mu      sync.Mutex
	news    chan struct{} // closed, and made anew, at each change of what is below
	hello   *events.Hello
	errands map[step]*errand
	answers map[uint64][]ackOf // by the doorbell's place in the stream
	schema  []error            // what no producer may send
	leaks   []error            // identifiers where none may be
	sent    int                // messages so far, for their ids
}

// step is what a doorbell rings for.
type step struct {
	saga  string
	verb  events.Verb
	round int
}

// ackOf is one answer to a delivery of a doorbell.
type ackOf struct {
	at  time.Time
	nak bool
}

// newWire serves the participant's subjects on a connection of the orchestrator's user.
func newWire(nc *nats.Conn, participant string, private []string) (*wire, error) {
	judge, err := reportJudge()
	if err != nil {
		return nil, err
	}
	w := &wire{
		nc: nc, participant: participant, judge: judge, private: private, patience: answerWait,
		news: make(chan struct{}), errands: map[step]*errand{}, answers: map[uint64][]ackOf{},
	}
	if w.publisher, err = bus.NewPublisher(nc, bus.Hooks{}); err != nil {
		return nil, err
	}
	w.acks, err = nc.Subscribe("$JS.ACK."+events.StreamCommands+"."+participant+".>", w.acked)
	if err != nil {
		return nil, errors.Join(err, w.publisher.Close())
	}
	w.service, err = bus.Serve(nc, bus.ServiceConfig{Name: "expunge-check"}, []bus.Endpoint{
		{Name: "claim", Subject: events.SubjectClaim(participant, ">"), Handler: w.claimed},
		{Name: "report", Subject: events.SubjectReport(participant, ">"), Handler: w.reported},
		{Name: "hello", Subject: events.SubjectHello(participant), Handler: w.greeted},
	})
	if err != nil {
		return nil, errors.Join(err, w.acks.Unsubscribe(), w.publisher.Close())
	}
	return w, nil
}

func (w *wire) close() error {
	return errors.Join(w.service.Stop(), w.acks.Unsubscribe(), w.publisher.Close())
}

// change tells everybody who awaits something. The caller holds the lock.
func (w *wire) change() {
	close(w.news)
	w.news = make(chan struct{})
}

// await waits until something holds; it is asked under the lock.
func (w *wire) await(ctx context.Context, what string, within time.Duration, holds func() bool) error {
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		w.mu.Lock()
		done, news := holds(), w.news
		w.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-news:
		case <-late.C:
			return fmt.Errorf("no %s within %s", what, within)
		case <-ctx.Done():
			return fmt.Errorf("no %s: %w", what, ctx.Err())
		}
	}
}

// acked takes the answers to doorbells from where the workers publish them.
func (w *wire) acked(m *nats.Msg) {
	tokens := strings.Split(m.Subject, ".")
	if len(tokens) < 6 {
		return
	}
	at, err := strconv.ParseUint(tokens[5], 10, 64)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[at] = append(w.answers[at], ackOf{time.Now(), !strings.HasPrefix(string(m.Data), "+ACK")})
	w.change()
}

func (w *wire) greeted(_ context.Context, call bus.Call) {
	_, h, err := events.Decode[events.Hello](call.Header, call.Data)
	w.inspect("hello", call, err)
	if err != nil {
		w.reply(call, events.Problem{Code: events.CodeInvalid, Detail: "this is no hello"})
		return
	}
	w.mu.Lock()
	w.hello = &h
	w.change()
	w.mu.Unlock()
	w.reply(call, events.Welcome{Time: time.Now().UTC(), Known: true})
}

func (w *wire) claimed(_ context.Context, call bus.Call) {
	_, c, err := events.Decode[events.Claim](call.Header, call.Data)
	w.inspect("claim", call, err)
	if err != nil {
		w.reply(call, events.Problem{Code: events.CodeInvalid, Detail: "this is no claim"})
		return
	}
	w.mu.Lock()
	e := w.errands[step{c.Saga, c.Verb, c.Round}]
	answer := reply{payload: events.Refusal{Reason: events.RefusedUnknown}}
	if e != nil {
		answer = e.claimed(c)
	}
	w.change()
	w.mu.Unlock()
	go w.answer(call, e, answer)
}

func (w *wire) reported(_ context.Context, call bus.Call) {
	env, r, err := events.Decode[events.Report](call.Header, call.Data)
	w.inspect("report", call, err)
	if err != nil {
		w.reply(call, events.Problem{Code: events.CodeInvalid, Detail: "this is no report"})
		return
	}
	w.mu.Lock()
	e := w.errands[step{r.Saga, r.Verb, r.Round}]
	answer := reply{payload: events.Receipt{Outcome: events.Rejected, Reason: "it names no permit that was granted"}}
	if e != nil {
		answer = e.reported(env.ID, r)
	}
	w.change()
	w.mu.Unlock()
	go w.answer(call, nil, answer)
}

// reply is how a question is answered; without a payload, not at all.
type reply struct {
	payload events.Payload
	rewrite func(data []byte) []byte // makes a message that the codec refuses to write
	after   time.Duration
	hold    <-chan struct{} // answered once it is closed
}

// silence is an answer that is lost.
var silence reply

// holdLimit bounds how long an answer is held, whatever became of its check.
const holdLimit = 10 * time.Second

func (w *wire) answer(call bus.Call, e *errand, r reply) {
	if r.payload == nil {
		return
	}
	time.Sleep(r.after)
	if r.hold != nil {
		select {
		case <-r.hold:
		case <-time.After(holdLimit):
			return
		}
	}
	if e != nil {
		w.mu.Lock()
		e.answered = append(e.answered, time.Now())
		w.mu.Unlock()
	}
	m, err := w.encode(r.payload)
	if err != nil {
		return // of no contract: the check finds that nothing was answered
	}
	if r.rewrite != nil {
		m.Data = r.rewrite(m.Data)
	}
	_ = call.Reply(m) // the asker asks again
}

func (w *wire) reply(call bus.Call, p events.Payload) { w.answer(call, nil, reply{payload: p}) }

func (w *wire) encode(p events.Payload) (events.Message, error) {
	w.mu.Lock()
	w.sent++
	id := fmt.Sprintf("check-%d-%d", time.Now().UnixNano(), w.sent)
	w.mu.Unlock()
	return events.Encode(events.Envelope{ID: id, Source: "/expunge", Time: time.Now().UTC()}, p)
}

// store puts a doorbell into its stream and returns its place there.
func (w *wire) store(ctx context.Context, m events.Message) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ack, err := w.publisher.PublishMessage(ctx, events.SubjectCommand(w.participant), m.Header["ce-id"][0], m)
	if err != nil {
		return 0, fmt.Errorf("ring: %w", err)
	}
	return ack.Sequence, nil
}
