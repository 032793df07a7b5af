package sql_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/expunge-io/expunge/events"
)

// wire is a proxy to PostgreSQL that can lose the answer to a commit.
type wire struct {
	listener net.Listener
	target   string

	mu   sync.Mutex
	lose int // how many more answers to lose; every connection after the last is refused if dead
	dead bool
}

// strung puts a wire between the participant and the server.
func strung(t *testing.T, b *backend) *wire {
	t.Helper()
	u, err := url.Parse(b.dsn)
	if err != nil || u.Host == "" {
		t.Skip("not covered: PostgreSQL through a proxy (EXPUNGE_TEST_POSTGRES is no URL with a host)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &wire{listener: l, target: u.Host}
	u.Host = l.Addr().String()
	b.dsn = u.String()
	go w.serve()
	return w
}

func (w *wire) serve() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.carry(client)
	}
}

func (w *wire) carry(client net.Conn) {
	defer client.Close()
	w.mu.Lock()
	dead := w.dead
	w.mu.Unlock()
	server, err := net.Dial("tcp", w.target)
	if err != nil || dead {
		return
	}
	defer server.Close()
	gag := make(chan struct{}) // closed: nothing more gets back
	go func() {
		defer client.Close() // also what the server ends: a request to cancel waits for that
		buf := make([]byte, 1<<16)
		for {
			n, err := server.Read(buf)
			select {
			case <-gag:
				return // the server has answered: the commit took place
			default:
			}
			if _, writeErr := client.Write(buf[:n]); err != nil || writeErr != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if bytes.Contains(buf[:n], []byte("commit\x00")) && w.losing() {
			close(gag)
		}
		if _, writeErr := server.Write(buf[:n]); err != nil || writeErr != nil {
			return
		}
		if err == io.EOF {
			return
		}
	}
}

func (w *wire) losing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose--
	return w.lose >= 0
}

func (w *wire) set(lose int, dead bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose, w.dead = lose, dead
}

func TestALostAnswerToACommitIsSettledByCounting(t *testing.T) {
	b := postgresBackend(t)
	b.withSessions(t, "u-1", "u-1", "u-2")
	w := strung(t, &b)
	p := b.connect(t, sessions)
	w.set(1, false)
	res, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
	wantResult(t, res, err, events.Erased, events.Counts{"sessions": 2})
	b.wantColumn(t, "SELECT user_id FROM sessions", "u-2")
}

func TestAfterACrashBetweenCommitAndAnswerTheNextAttemptFindsNothing(t *testing.T) {
	b := postgresBackend(t)
	b.withSessions(t, "u-1", "u-2")
	w := strung(t, &b)
	p := b.connect(t, sessions)
	if err := p.Check(t.Context()); err != nil { // connects
		t.Fatal(err)
	}
	w.set(1, true) // nobody can look what became of it
	_, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
	wantOrdinary(t, err)
	b.wantColumn(t, "SELECT user_id FROM sessions", "u-2")

	w.set(0, false)
	second := task(events.Erase, "u-1")
	second.MaybeDone = true
	res, err := p.Erase(t.Context(), second)
	wantResult(t, res, err, events.Absent, nil)
}
