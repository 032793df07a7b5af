package world_test

import (
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/expunge-io/expunge/torture/record"
	"github.com/expunge-io/expunge/torture/world"
)

// TestTheLedgerSeesWhatIsDone: the systems' own notes and counts are what everything is
// judged by, so they are tried without any worker.
func TestTheLedgerSeesWhatIsDone(t *testing.T) {
	folder := t.TempDir()
	w, err := world.Open(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	marker := world.NewMarker(rand.New(rand.NewPCG(1, 1)))
	ann, bob := world.NewPerson(marker, 0), world.NewPerson(marker, 1)
	if err := w.Settle(t.Context(), ann, bob); err != nil {
		t.Fatal(err)
	}
	for _, p := range ledger(t, w).People {
		if p.Left != p.Items || p.Whole != p.Items || p.Items == 0 {
			t.Errorf("at the start: %+v", p)
		}
	}

	run(t, filepath.Join(folder, "sessions.db"), "DELETE FROM sessions WHERE user_id = '"+ann.ID+"'")
	run(t, filepath.Join(folder, "accounts.db"), "UPDATE accounts SET email = '' WHERE user_id = '"+bob.ID+"'")
	l := ledger(t, w)
	if len(l.Effects) != ann.Sessions || l.Effects[0].Person != ann.ID || l.Effects[0].At.IsZero() {
		t.Errorf("effects: %+v", l.Effects)
	}
	if a, b := l.People[0], l.People[1]; a.Left != a.Items-ann.Sessions || b.Left != b.Items || b.Whole != b.Items-1 {
		t.Errorf("after a deletion and a change: %+v, %+v", a, b)
	}

	if err := w.Rebear(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	a := ledger(t, w).People[0]
	if len(a.Reborn) != 2 || !a.Reborn[0].Left || !a.Reborn[1].Left {
		t.Errorf("made again: %+v", a)
	}
	run(t, filepath.Join(folder, "sessions.db"), "DELETE FROM sessions WHERE user_id = '"+ann.ID+"'")
	gone := 0
	for _, item := range ledger(t, w).People[0].Reborn {
		if !item.Left {
			gone++
		}
	}
	if gone != 1 {
		t.Errorf("%d reborn items are gone", gone)
	}
}

func ledger(t *testing.T, w *world.World) record.Ledger {
	t.Helper()
	l, err := w.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func run(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
