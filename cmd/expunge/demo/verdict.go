package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/cmd/expunge/residue"
)

// Verdict is what the demo found out by itself: the last line of its output.
type Verdict struct {
	Status            string `json:"status"`
	Participants      int    `json:"participants"`
	Leftovers         int    `json:"leftovers"`
	NeighboursTouched int    `json:"neighbours_touched"`
	ResidueHits       int    `json:"residue_hits"`
	DurationMS        int64  `json:"duration_ms"`
}

// Completed is the one status that is good.
const Completed = "completed"

// settle takes completed back when a check says otherwise.
func (v *Verdict) settle() {
	switch {
	case v.Status != Completed:
	case v.Leftovers > 0:
		v.Status = "leftovers"
	case v.NeighboursTouched > 0:
		v.Status = "neighbours_touched"
	case v.ResidueHits > 0:
		v.Status = "residue"
	case v.Participants == 0:
		v.Status = "nobody_took_part"
	}
}

// Findings are the details behind a verdict, for people.
type Findings struct {
	Left    map[string]int // of the person, by place
	Touched int            // people besides
	Hits    []residue.Hit
	Scanned int64 // bytes
}

// Examine asks the systems themselves what became of a person and of everybody else, and
// looks through every byte below folder but the systems' own. The services must be
// stopped, so that everything they hold is in the files.
func Examine(ctx context.Context, s people.Systems, folder string, p people.Person, before people.Snapshot) (f Findings, err error) {
	if f.Left, err = s.Leftovers(ctx, p); err != nil {
		return f, fmt.Errorf("count leftovers: %w", err)
	}
	after, err := s.Snapshot(ctx)
	if err != nil {
		return f, fmt.Errorf("look at the neighbours: %w", err)
	}
	f.Touched = people.Touched(before, after, p.ID)
	scanner, err := residue.NewScanner(p.Identifiers())
	if err != nil {
		return f, err
	}
	f.Hits, f.Scanned, err = scanner.Folder(folder, ownSystems)
	return f, err
}

// Control reports an identifier of a person that the scan does not find where it is: in
// the files of the systems, before the erasure. A scan that finds nothing afterwards says
// something only if it would have.
func Control(folder string, p people.Person) error {
	scanner, err := residue.NewScanner(p.Identifiers())
	if err != nil {
		return err
	}
	hits, _, err := scanner.Folder(filepath.Join(folder, SystemsFolder), nil)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, h := range hits {
		found[h.Identifier] = true
	}
	for name := range p.Identifiers() {
		if !found[name] {
			return fmt.Errorf("the scan does not find the person's %s where it is", name)
		}
	}
	return nil
}

// ownSystems reports whether a path is where the people's own systems rest.
func ownSystems(path string) bool {
	return path == SystemsFolder || strings.HasPrefix(path, SystemsFolder+string(filepath.Separator))
}

// Judge puts the findings into a verdict on an erasure that came to status.
func (f Findings) Judge(status string, participants int) Verdict {
	v := Verdict{
		Status: status, Participants: participants,
		Leftovers: people.Total(f.Left), NeighboursTouched: f.Touched, ResidueHits: len(f.Hits),
	}
	v.settle()
	return v
}
