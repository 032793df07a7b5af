package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expunge-io/expunge/events"
)

// A lease is renewed three times in its life; one that was not is tried again sooner.
const (
	renewals = 3
	retries  = 15
)

// Keep renews the lease until ctx ends. While the bus is away the lease runs out, and is
// valid again as soon as it can be renewed, if nobody has taken it meanwhile. The error is
// nil when ctx has ended, and otherwise wraps [ErrLeaseLost] or [ErrBusAnew]: whoever acts
// under the lease must end.
func (l *Lease) Keep(ctx context.Context) error {
	wait := l.cfg.Life / renewals
	for pauseFor(ctx, wait) == nil {
		err := l.renew(ctx)
		switch {
		case errors.Is(err, ErrLeaseLost), errors.Is(err, ErrBusAnew):
			return err
		case err != nil && ctx.Err() == nil:
			l.cfg.Logger.WarnContext(ctx, "the lease of the bus is not renewed; it is tried again", "error", err)
			wait = l.cfg.Life / retries
		default:
			wait = l.cfg.Life / renewals
		}
	}
	return nil
}

func (l *Lease) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Life/renewals)
	defer cancel()
	err := l.write(ctx, l.at())
	if !errors.Is(err, errMoved) && !errors.Is(err, ErrNoStream) {
		return err
	}
	seen, err := l.read(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		l.lose()
		return ErrBusAnew
	}
	if err != nil {
		return err
	}
	if !l.own(seen) {
		l.lose()
		return fmt.Errorf("%w: %w", ErrLeaseLost, &HeldError{Holder: seen.holder, Alive: true})
	}
	// An earlier renewal arrived whose answer did not; or the stream is another, and empty.
	return l.write(ctx, seen.sequence)
}

// own reports whether the lease is the one that was written here, or nobody's.
func (l *Lease) own(seen record) bool {
	h := seen.holder
	return seen.sequence == 0 || h.Instance == l.holder.Instance && h.Generation == l.holder.Generation
}

func (l *Lease) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = true
}

func (l *Lease) at() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sequence
}

// record is a lease as it is stored; sequence 0: there is none.
type record struct {
	sequence uint64
	holder   Holder
}

func (l *Lease) read(ctx context.Context) (record, error) {
	s, err := l.js.Stream(ctx, events.StreamControl)
	if err != nil {
		return record{}, fmt.Errorf("read: %w", err)
	}
	m, err := s.GetLastMsgForSubject(ctx, SubjectLease)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return record{}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("read: %w", err)
	}
	r := record{sequence: m.Sequence}
	if err := json.Unmarshal(m.Data, &r.holder); err != nil {
		return record{}, fmt.Errorf("what stands on %s is not a lease: %w", SubjectLease, err)
	}
	return r, nil
}

// errMoved means that the lease in the stream is not the one that was to be replaced.
var errMoved = errors.New("the lease has changed")

// write replaces the lease with sequence after; 0: none. Its life counts from before it
// was sent.
func (l *Lease) write(ctx context.Context, after uint64) error {
	wall, elapsed := l.cfg.Clock()
	h := l.holder
	h.Renewed = wall
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	sequence, err := l.publish(ctx, data, after)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sequence, l.wall, l.elapsed = sequence, wall, elapsed
	return nil
}

// writeWait bounds a write under a context without a deadline.
const writeWait = 5 * time.Second

func (l *Lease) publish(ctx context.Context, data []byte, after uint64) (sequence uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	m := &nats.Msg{Subject: SubjectLease, Data: data, Header: nats.Header{}}
	m.Header.Set(nats.ExpectedLastSubjSeqHdr, strconv.FormatUint(after, 10))
	answer, err := l.nc.RequestMsgWithContext(ctx, m)
	if errors.Is(err, nats.ErrNoResponders) {
		return 0, fmt.Errorf("write: %w", ErrNoStream)
	}
	if err != nil {
		return 0, fmt.Errorf("write: %w", err)
	}
	ack, err := parsePubAck(answer)
	refusal, refused := errors.AsType[*StreamError](err)
	switch {
	case refused && moved(refusal.Code):
		return 0, errMoved
	case err != nil:
		return 0, fmt.Errorf("write: %w", err)
	}
	return ack.Sequence, nil
}

func moved(code int) bool {
	c := jetstream.ErrorCode(code)
	return c == jetstream.JSErrCodeStreamWrongLastSequence || c == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}
