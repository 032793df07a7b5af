package sql_test

import (
	"context"
	dbsql "database/sql"
	"errors"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// locked holds a lock that an erase must wait for, until the test ends.
func (b backend) locked(t *testing.T) {
	t.Helper()
	tx, err := b.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.Exec("UPDATE sessions SET user_id = user_id"); err != nil {
		t.Fatal(err)
	}
}

func TestALockThatIsNotHadInTimeIsTriedAgainLater(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-1")
		b.locked(t)
		c := b.config(sessions)
		c.LockWait = 50 * time.Millisecond
		_, err := connect(t, c).Erase(t.Context(), task(events.Erase, "u-1"))
		var retry *participants.RetryAfter
		if !errors.As(err, &retry) || retry.Code != "busy" {
			t.Errorf("error %v, want retry: busy", err)
		}
	})
}

func TestACancelledContextEndsTheWorkPromptly(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-1")
		c := b.config(sessions)
		c.LockWait = time.Minute
		p := connect(t, c)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for name, work := range works(p) {
			if err := work(ended, task(events.Erase, "u-1")); !errors.Is(err, context.Canceled) {
				t.Errorf("%s under an ended context: %v", name, err)
			}
		}
		b.locked(t)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := p.Erase(ctx, task(events.Erase, "u-1"))
		var retry *participants.RetryAfter // PostgreSQL knows the deadline, and may notice it first
		if !errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &retry) || time.Since(begun) > 10*time.Second {
			t.Errorf("error %v after %s", err, time.Since(begun))
		}
		b.wantColumn(t, "SELECT count(*) FROM sessions", "1")
	})
}

func TestTwoErasuresAtOnceCountEachRowOnce(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-1", "u-1", "u-2", "u-2", "u-2")
		p := b.connect(t, sessions)
		counts := make(chan int64, 8)
		for i := range 8 {
			id := []string{"u-1", "u-2"}[i%2]
			go func() {
				res, err := p.Erase(t.Context(), task(events.Erase, id))
				if err != nil {
					t.Error(err)
				}
				counts <- res.Counts.Total()
			}()
		}
		var sum int64
		for range 8 {
			sum += <-counts
		}
		if sum != 5 {
			t.Errorf("together they erased %d rows, want 5", sum)
		}
	})
}

func TestNothingIsLeftOpenAfterClose(t *testing.T) {
	overBackends(t, func(t *testing.T, b backend) {
		b.withSessions(t, "u-1")
		p := b.connect(t, sessions)
		if err := p.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := p.Count(t.Context(), task(events.Erase, "u-1"))
		if err == nil || errors.Is(err, dbsql.ErrNoRows) {
			t.Errorf("error %v, want one", err)
		}
	})
}
