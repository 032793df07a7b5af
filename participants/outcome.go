package participants

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/expunge-io/expunge/events"
)

// The codes of failures that the worker itself finds.
const (
	codeError       = "error"             // an error that is no verb
	codePanic       = "panic"             // the participant panicked
	codeTimeout     = "timeout"           // a deadline of the participant's own
	codeExpired     = "permit_expired"    // the permit ended before the work
	codeWithdrawn   = "permit_withdrawn"  // its renewal was refused
	codeStopping    = "stopping"          // the worker's stop timeout came first
	codeNoAbility   = "no_ability"        // the participant lacks the verb's interface
	codeUnknownVerb = "unknown_verb"      // the verb is none of the contract
	codeNoItems     = "no_items"          // the participant cannot act on these single items
	codeNoUndo      = "no_undo"           // suspend or restore without what suspend overwrites
	codeUnprepared  = "not_prepared"      // the undo values were not accepted
	codeRemaining   = "remaining"         // said absent, and counted some
	codeBadCode     = "invalid_code"      // the participant's code is not one
	codeBadVerdict  = "bad_verdict"       // not a verdict of the verb
	codeBadCounts   = "bad_counts"        // a negative count, or one out of range
	codeBadKind     = "unknown_kind"      // a kind that is not the participant's
	codeBadType     = "undeclared_type"   // an identifier type that Yields does not name
	codeEmptyValue  = "empty_identifier"  // an identifier without a value
	codeNoGround    = "no_ground"         // retained without a ground
	codeRetained    = "retained"          // retained, and the verb is not erase
	codeUnsendable  = "unsendable_report" // the report is too large or malformed
)

var codeForm = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

func failed(class events.FailureClass, code string) events.Report {
	if !codeForm.MatchString(code) {
		code = codeBadCode
	}
	return events.Report{Verdict: events.Failed, Class: class, Code: code}
}

// call runs one ability while the permit lives. Every error and every panic of it come
// back as the report on it. The value comes with an error too: what was done is done.
func call[T any](a *act, ability string, f func(context.Context, Task) (T, error)) (v T, fail *events.Report) {
	defer func() {
		if p := recover(); p != nil {
			a.log.ErrorContext(a.ctx, "participant panicked", "ability", ability, "panic", a.scrub(fmt.Sprint(p)), "stack", stack())
			r := failed(events.Transient, codePanic)
			fail = &r
		}
	}()
	if a.ctx.Err() != nil {
		r := a.ended()
		return v, &r
	}
	v, err := f(a.ctx, a.task)
	if err == nil {
		return v, nil
	}
	r := a.judge(ability, err)
	a.log.WarnContext(a.ctx, "participant failed", "ability", ability, "class", r.Class, "code", r.Code, "error", a.scrub(err.Error()))
	return v, &r
}

// judge reads an error as the verb that it is.
func (a *act) judge(ability string, err error) events.Report {
	if e, ok := as[*RetryAfter](err); ok {
		r := failed(events.RateLimited, e.Code)
		until := a.now().Add(max(e.After, 0)).UTC()
		r.Until = &until
		return r
	}
	if e, ok := as[*Retained](err); ok {
		return retained(ability, e)
	}
	if e, ok := as[*Misconfigured](err); ok {
		return failed(events.Misconfigured, e.Code)
	}
	if e, ok := as[*Refuse](err); ok {
		return failed(events.Refused, e.Code)
	}
	switch {
	case a.ctx.Err() != nil:
		return a.ended()
	case errors.Is(err, context.DeadlineExceeded):
		return failed(events.Transient, codeTimeout)
	}
	return failed(events.Transient, codeError)
}

// as is errors.As, without nil pointers.
func as[E interface {
	comparable
	error
}](err error) (e E, ok bool) {
	var none E
	return e, errors.As(err, &e) && e != none
}

func retained(ability string, e *Retained) events.Report {
	switch {
	case ability != "erase":
		return failed(events.Refused, codeRetained)
	case e.Ground == "":
		return failed(events.Misconfigured, codeNoGround)
	}
	return events.Report{Verdict: events.Retained, Ground: e.Ground, Until: e.Until}
}

// ended says why the permit is no longer good.
func (a *act) ended() events.Report {
	switch cause := context.Cause(a.ctx); {
	case errors.Is(cause, errWithdrawn):
		return failed(events.Transient, codeWithdrawn)
	case errors.Is(cause, errStopping):
		return failed(events.Transient, codeStopping)
	}
	return failed(events.Transient, codeExpired)
}

// stack returns the callers of a panic without their arguments, which may be the data of
// a person.
func stack() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var b strings.Builder
	for {
		f, more := frames.Next()
		b.WriteString(f.Function + ":" + strconv.Itoa(f.Line) + "\n")
		if !more {
			return b.String()
		}
	}
}
