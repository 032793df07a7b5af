package participants

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestALeaseEndsAtItsLatestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := newLease(t.Context(), began.Add(time.Minute))
		defer l.release()
		l.extend(began.Add(2 * time.Minute))
		l.extend(began.Add(time.Second)) // never shorter
		if end, ok := l.Deadline(); !ok || end.Sub(began) != 2*time.Minute || l.Err() != nil {
			t.Errorf("deadline %v, error %v", end.Sub(began), l.Err())
		}
		child, cancel := context.WithCancel(l)
		defer cancel()
		<-child.Done()
		if took := time.Since(began); took != 2*time.Minute {
			t.Errorf("ended after %v", took)
		}
		if l.Err() != context.DeadlineExceeded || !errors.Is(context.Cause(child), errExpired) {
			t.Errorf("error %v, cause %v", l.Err(), context.Cause(child))
		}
	})
}

func TestALeaseThatIsOverCannotBeExtended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLease(t.Context(), time.Now())
		defer l.release()
		if l.Err() != context.DeadlineExceeded {
			t.Errorf("error %v at once", l.Err())
		}
		l.extend(time.Now().Add(time.Minute))
		if l.Err() == nil {
			t.Error("it lives again")
		}
	})
}

func TestAWithdrawnLeaseIsCancelledAndSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLease(t.Context(), time.Now().Add(time.Minute))
		defer l.release()
		l.withdraw()
		if l.Err() != context.Canceled || !errors.Is(context.Cause(l), errWithdrawn) {
			t.Errorf("error %v, cause %v", l.Err(), context.Cause(l))
		}
	})
}
