package world

import (
	"testing"

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
