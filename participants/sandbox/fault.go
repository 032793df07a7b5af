package sandbox

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Fault makes a look-alike misbehave. The zero Fault does nothing.
type Fault struct {
	Action string        `json:"action,omitempty"` // which requests: an HTTP method for Jumio, an operation for the others; empty: all
	Skip   int           `json:"skip,omitempty"`   // let this many of them pass first
	Times  int           `json:"times,omitempty"`  // then misbehave this often; 0: until the faults are replaced
	Delay  time.Duration `json:"delay,omitempty"`  // wait before anything else; nanoseconds in JSON
	Status int           `json:"status,omitempty"` // refuse with this HTTP status, and do nothing
	Lie    bool          `json:"lie,omitempty"`    // answer success, and do nothing
	Reset  bool          `json:"reset,omitempty"`  // do it, then cut the connection instead of answering

	// Unsupported makes Cognito answer that it does not know the operation.
	Unsupported bool `json:"unsupported,omitempty"`

	// Code makes Capture refuse with this code of its own and HTTP status 200, and do nothing.
	Code int `json:"code,omitempty"`

	RetryAfter time.Duration `json:"retry_after,omitempty"` // sent with Status, in whole seconds
}

// faults is the set of switches of one look-alike.
type faults struct {
	mu   sync.Mutex
	list []Fault
}

func (f *faults) set(list []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append([]Fault(nil), list...)
}

// take returns the fault for one request, and the zero Fault when there is none.
func (f *faults) take(action string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		fault := &f.list[i]
		if fault.Action != "" && fault.Action != action || fault.Times < 0 {
			continue
		}
		if fault.Skip > 0 {
			fault.Skip--
			continue
		}
		if fault.Times > 0 {
			if fault.Times--; fault.Times == 0 {
				fault.Times = -1 // used up
			}
		}
		return *fault
	}
	return Fault{}
}

// seconds writes a duration as Retry-After wants it.
func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// wait sleeps for the fault's delay, and reports whether the client is still there.
func (f Fault) wait(r *http.Request) bool {
	if f.Delay <= 0 {
		return true
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// cut ends the request without an answer: the client sees a broken connection.
func cut() { panic(http.ErrAbortHandler) }
