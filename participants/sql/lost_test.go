package sql_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants/sql"
)

// wire is a proxy to a server that can lose the answer to a commit, or delay the commit.
type wire struct {
	listener net.Listener
	target   string

	mu   sync.Mutex
	lose int // how many more answers to lose; every connection after the last is refused if dead
	dead bool
	late chan struct{} // not nil: a commit waits until it is closed, whatever its sender does
}

// delay holds back every commit until the function that it returns is called.
func (w *wire) delay() (release func()) {
	late := make(chan struct{})
	w.mu.Lock()
	w.late = late
	w.mu.Unlock()
	return func() { close(late) }
}

// strung puts a wire between the participant and the server.
func strung(t *testing.T, b *backend) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &wire{listener: l}
	w.target = b.through(t, l.Addr().String())
	go w.serve()
	return w
}

// through makes addr the server's address, and returns what it was.
func (b *backend) through(t *testing.T, addr string) (was string) {
	t.Helper()
	if b.driver == sql.MySQL {
		*b = b.dialled(t, func(c *driver.Config) { was, c.Addr = c.Addr, addr })
		return was
	}
	u, err := url.Parse(b.dsn)
	if err != nil || u.Host == "" {
		t.Skip("not covered: PostgreSQL through a proxy (EXPUNGE_TEST_POSTGRES is no URL with a host)")
	}
	was, u.Host = u.Host, addr
	b.dsn = u.String()
	return was
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
		if commits(buf[:n]) {
			w.hold()
			if w.losing() {
				close(gag)
			}
		}
		if _, writeErr := server.Write(buf[:n]); err != nil || writeErr != nil {
			return
		}
		if err == io.EOF {
			return
		}
	}
}

// commits reports whether a message to PostgreSQL, or to MariaDB, is a commit.
func commits(message []byte) bool {
	return bytes.Contains(message, []byte("commit\x00")) || bytes.HasSuffix(message, []byte("\x03COMMIT"))
}

func (w *wire) hold() {
	w.mu.Lock()
	late := w.late
	w.mu.Unlock()
	if late != nil {
		<-late
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

// overServers runs a test at the backends that are reached over a network.
func overServers(t *testing.T, test func(t *testing.T, b backend)) {
	t.Run("postgres", func(t *testing.T) { test(t, postgresBackend(t)) })
	t.Run("mariadb", func(t *testing.T) { test(t, mariadbBackend(t)) })
}

func TestALostAnswerToACommitIsSettledByCounting(t *testing.T) {
	overServers(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-1", "u-1", "u-2")
		w := strung(t, &b)
		p := b.connect(t, sessions)
		w.set(1, false)
		res, err := p.Erase(t.Context(), task(events.Erase, "u-1"))
		wantResult(t, res, err, events.Erased, events.Counts{"sessions": 2})
		b.wantColumn(t, "SELECT user_id FROM sessions", "u-2")
	})
}

func TestAfterACrashBetweenCommitAndAnswerTheNextAttemptFindsNothing(t *testing.T) {
	overServers(t, afterACrash)
}

func afterACrash(t *testing.T, b backend) {
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
