package participants_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

func (b *bench) hellos() (out []events.Hello) {
	for _, m := range b.Seen() {
		if h, ok := m.(events.Hello); ok {
			out = append(out, h)
		}
	}
	return out
}

// needy needs an e-mail address and can do everything.
type needy struct {
	suspender
	countingResolver
}

func (needy) Erase(context.Context, participants.Task) (participants.Result, error) {
	return participants.Result{}, nil
}
func (needy) Needs() []events.IdentifierType { return []events.IdentifierType{"user_id", "email"} }

func TestAWorkerAnnouncesItselfEveryMinute(t *testing.T) {
	onBench(t, needy{}, func(_ *bench, cfg *participants.Config) { cfg.Version = "1.2.3" }, func(t *testing.T, b *bench) {
		began := time.Now()
		time.Sleep(2*time.Minute + time.Second)
		got := b.hellos()
		if len(got) != 3 {
			t.Fatalf("%d hellos in two minutes, want 3", len(got))
		}
		want := events.Hello{Instance: "w1", Version: "1.2.3",
			Abilities: []events.Verb{events.Resolve, events.Suspend, events.Restore, events.Erase, events.Verify},
			Needs:     []events.IdentifierType{"user_id", "email"}, Yields: []events.IdentifierType{"email"},
			Time: began.UTC()}
		if !reflect.DeepEqual(got[0], want) {
			t.Fatalf("hello %+v, want %+v", got[0], want)
		}
	})
}

func TestAHelloThatNobodyAnswersIsSaidAgainSoon(t *testing.T) {
	onBench(t, absent, func(b *bench, _ *participants.Config) {
		b.OnHello = func(h events.Hello) events.Payload {
			if len(b.hellos()) < 3 {
				return nil
			}
			return events.Welcome{Time: h.Time, Known: true}
		}
	}, func(t *testing.T, b *bench) {
		time.Sleep(45 * time.Second)
		if n := len(b.hellos()); n != 3 { // at 0, 10 and 20 s: 5 s of silence and 5 s of waiting each
			t.Fatalf("%d hellos, want 3", n)
		}
	})
}

func TestAPlainParticipantAnnouncesEraseAlone(t *testing.T) {
	onBench(t, absent, nil, func(t *testing.T, b *bench) {
		h := b.hellos()[0]
		if !reflect.DeepEqual(h.Abilities, []events.Verb{events.Erase}) ||
			!reflect.DeepEqual(h.Needs, []events.IdentifierType{events.UserID}) || len(h.Yields) > 0 {
			t.Fatalf("hello %+v", h)
		}
	})
}

func TestAFaultOfTheHelloIsLoggedWhenItChanges(t *testing.T) {
	answers := []events.Payload{
		events.Welcome{Known: true, Fault: "no verify"}, events.Welcome{Known: true, Fault: "no verify"},
		nil, events.Welcome{}, events.Welcome{Known: true}, events.Welcome{Known: true},
	}
	onBench(t, absent, func(b *bench, _ *participants.Config) {
		b.OnHello = func(h events.Hello) events.Payload {
			a := answers[0]
			if len(answers) > 1 {
				answers = answers[1:]
			}
			if w, ok := a.(events.Welcome); ok {
				w.Time = h.Time
				return w
			}
			return a
		}
	}, func(t *testing.T, b *bench) {
		time.Sleep(10 * time.Minute)
		b.stop()
		<-b.ended
		for line, times := range map[string]int{
			`fault="no verify"`: 1, `fault="no configured plan has this participant"`: 1,
			"did not answer the worker's hello": 1, "knows this worker": 1,
		} {
			if got := strings.Count(b.log.String(), line); got != times {
				t.Errorf("%s: logged %d times, want %d", line, got, times)
			}
		}
	})
}

func TestNoIdentifierReachesTheLog(t *testing.T) {
	leaky := func(text string) error {
		return &url.Error{Op: "Delete", URL: "https://example.com/users/" + url.PathEscape(text), Err: fmt.Errorf("no row for %q (%s)", strings.ToUpper(text), text)}
	}
	mail := "ada.lovelace+x@example.com"
	worst := map[string]participants.Participant{
		"error": eraser(func(context.Context, participants.Task) (participants.Result, error) {
			return participants.Result{}, leaky(mail)
		}),
		"verb":     fails(&participants.Misconfigured{Code: "no_table", Err: leaky(mail)}),
		"panic":    eraser(func(context.Context, participants.Task) (participants.Result, error) { panic(leaky(mail)) }),
		"oddities": fails(errors.New(`line "é\n` + "\t" + `" of ` + mail)),
		"resolve":  resolver{err: leaky(mail)},
		"count":    counter{absent, func(context.Context) (events.Counts, error) { return nil, leaky(mail) }},
	}
	for name, p := range worst {
		t.Run(name, func(t *testing.T) {
			onBench(t, p, func(b *bench, _ *participants.Config) {
				b.Identifiers = []events.Identifier{{Type: "email", Value: events.Private(mail)}}
			}, func(t *testing.T, b *bench) {
				for _, v := range []events.Verb{events.Erase, events.Resolve, events.Verify} {
					<-b.ring(v)
					b.report()
				}
				b.stop()
				<-b.ended
				text := strings.ToLower(b.log.String())
				for _, form := range []string{mail, url.PathEscape(mail), url.QueryEscape(mail), "lovelace"} {
					if strings.Contains(text, strings.ToLower(form)) {
						t.Fatalf("the log holds %s:\n%s", form, text)
					}
				}
				if !strings.Contains(text, events.Redacted) {
					t.Fatalf("the log holds no trace of the error:\n%s", text)
				}
			})
		})
	}
}
