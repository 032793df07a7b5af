package demo_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expunge-io/expunge/cmd/expunge/demo"
	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/cmd/expunge/residue"
)

// scene is a stack that never ran, and what everybody has at its start.
type scene struct {
	folder  string
	systems people.Systems
	person  people.Person
	before  people.Snapshot
}

func open(t *testing.T) scene {
	t.Helper()
	folder := t.TempDir()
	stack, err := demo.Open(t.Context(), demo.Options{Folder: folder, Plan: demo.Plan(), HTTP: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	person, err := stack.Systems.Whole(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before, err := stack.Systems.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return scene{folder, stack.Systems, person, before}
}

func (s scene) query(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := s.systems.Accounts.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func (s scene) judge(t *testing.T, status string) demo.Verdict {
	t.Helper()
	f, err := demo.Examine(t.Context(), s.systems, s.folder, s.person, s.before)
	if err != nil {
		t.Fatal(err)
	}
	if f.Scanned == 0 {
		t.Error("nothing was scanned")
	}
	return f.Judge(status, 8)
}

// TestAVerdictIsTakenBackByEachCheck plants what each check must find, after an orchestrator
// said completed.
func TestAVerdictIsTakenBackByEachCheck(t *testing.T) {
	s := open(t)
	if err := demo.Control(s.folder, s.person); err != nil {
		t.Fatal(err)
	}
	v := s.judge(t, demo.Completed)
	if v.Status != "leftovers" || v.Leftovers != s.person.Items() || v.NeighboursTouched != 0 || v.ResidueHits != 0 {
		t.Errorf("nothing was erased: %+v", v)
	}
	if v := s.judge(t, "parked"); v.Status != "parked" {
		t.Errorf("a parked one stays one: %+v", v)
	}

	neighbour, _ := people.Find("u-00420")
	s.query(t, "DELETE FROM sessions WHERE user_id = ?", neighbour.ID)
	if v := s.judge(t, demo.Completed); v.NeighboursTouched != 1 {
		t.Errorf("a neighbour was touched: %+v", v)
	}

	planted := base64.StdEncoding.EncodeToString([]byte("x" + s.person.Email))
	if err := os.WriteFile(filepath.Join(s.folder, "bus", "left.blk"), []byte(planted), 0o600); err != nil {
		t.Fatal(err)
	}
	if v := s.judge(t, demo.Completed); v.ResidueHits != 1 {
		t.Errorf("residue was planted: %+v", v)
	}
}

func TestEachCheckAloneTakesCompletedBack(t *testing.T) {
	none := demo.Findings{}
	if v := none.Judge(demo.Completed, 8); v.Status != demo.Completed {
		t.Errorf("nothing found: %+v", v)
	}
	if v := none.Judge(demo.Completed, 0); v.Status == demo.Completed {
		t.Errorf("nobody took part: %+v", v)
	}
	for name, f := range map[string]demo.Findings{
		"leftovers":          {Left: map[string]int{"x": 1}},
		"neighbours_touched": {Touched: 1},
		"residue":            {Hits: make([]residue.Hit, 1)},
	} {
		if v := f.Judge(demo.Completed, 8); v.Status != name {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestAScanThatFindsNothingWhereItShouldIsAFault(t *testing.T) {
	s := open(t)
	stranger := s.person
	stranger.Email = "nobody.has.this@example.com"
	if err := demo.Control(s.folder, stranger); err == nil || !strings.Contains(err.Error(), "e-mail") {
		t.Errorf("control: %v", err)
	}
}

func TestASecondProcessOnTheSameFolderIsRefused(t *testing.T) {
	s := open(t)
	_, err := demo.Open(context.Background(), demo.Options{Folder: s.folder, Plan: demo.Plan(), HTTP: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("opened twice: %v", err)
	}
}
