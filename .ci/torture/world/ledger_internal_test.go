package world

import (
	"testing"

	"github.com/expunge-io/expunge/participants/sandbox"
	"github.com/expunge-io/expunge/torture/record"
)

// TestASuspensionIsSeenAndItsRestoreIsNone: only what is taken from a person counts.
func TestASuspensionIsSeenAndItsRestoreIsNone(t *testing.T) {
	w, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ann := NewPerson("marker", 0)
	if err := w.Settle(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	u := ann.user()
	for _, change := range []func(){
		func() { u.Disabled = true },
		func() { u.SignedOut++ },
		func() { u.Disabled = false },
	} {
		change()
		if err := w.cognito.Put(u); err != nil {
			t.Fatal(err)
		}
	}
	l, err := w.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Effects) != 2 {
		t.Fatalf("effects: %+v", l.Effects)
	}
	for _, e := range l.Effects {
		want := record.Effect{Person: ann.ID, Participant: "identity-provider", Verb: record.Suspend, Key: ann.Username, At: e.At}
		if e != want || e.At.IsZero() {
			t.Errorf("got %+v, want %+v", e, want)
		}
	}
	if p := l.People[0]; p.Whole != p.Items {
		t.Errorf("after the restore: %+v", p)
	}
}

// TestWhatAnOperatorBringsBackIsADeed: it is seen as theirs, and only what was suspended is.
func TestWhatAnOperatorBringsBackIsADeed(t *testing.T) {
	w, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ann, bob := NewPerson("marker", 0), NewPerson("marker", 1)
	if err := w.Settle(t.Context(), ann, bob); err != nil {
		t.Fatal(err)
	}
	if err := w.cognito.Change(Pool, ann.Username, func(u *sandbox.CognitoUser) bool { u.Disabled = true; return true }); err != nil {
		t.Fatal(err)
	}
	suspended := w.cognito.Stored(Pool)[0].Changed
	for _, person := range []string{ann.ID, ann.ID, bob.ID, "nobody"} {
		if err := w.BringBack(t.Context(), "saga", person, Suspends, "told"); err != nil {
			t.Fatal(err)
		}
	}
	if w.BringBack(t.Context(), "saga", ann.ID, "sessions", "told") == nil {
		t.Error("what is never suspended was brought back")
	}
	l, err := w.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Deeds) != 1 {
		t.Fatalf("deeds: %+v", l.Deeds)
	}
	want := record.Deed{Saga: "saga", Person: ann.ID, Participant: Suspends, Told: "told", Suspended: suspended, At: l.Deeds[0].At}
	if d := l.Deeds[0]; d != want || d.At.Before(suspended) {
		t.Errorf("got %+v, want %+v", d, want)
	}
	if p := l.People[0]; p.Whole != p.Items {
		t.Errorf("after the deed: %+v", p)
	}
}
