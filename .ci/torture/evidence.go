package main

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/expunge-io/expunge/cmd/expunge/residue"
	"github.com/expunge-io/expunge/torture/stage"
)

// places are where no identifier may be, once everything has ended: the logs, the streams of
// the bus and the orchestrator's data. The configuration has none, and the world is theirs.
var places = []string{"logs", "bus", "disk"}

// wholePeople is how many people are looked for in every form, hashes included. All others
// are found by the marker that each of their identifiers holds.
const wholePeople = 3

// residue returns each place where an identifier is found.
func (t *trial) residue() (out []string, err error) {
	wanted := map[string]string{"marker": t.marker}
	for i := range min(wholePeople, len(t.driver.People)) {
		p := t.driver.People[i*len(t.driver.People)/wholePeople]
		for name, value := range p.Identifiers() {
			wanted[name+" of saga "+string(rune('a'+i))] = value
		}
	}
	scanner, err := residue.NewScanner(wanted)
	if err != nil {
		return nil, err
	}
	if hits, _, err := scanner.Folder(t.path("world"), nil); err != nil || len(hits) == 0 {
		return []string{"the scan does not find the people where they are"}, err
	}
	for _, place := range places {
		hits, _, err := scanner.Folder(t.path(place), nil)
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			out = append(out, filepath.Join(place, h.String()))
		}
	}
	return out, nil
}

// panics counts the processes that a fault of their own ended, by what they said.
func panics(s *stage.Stage) (n int) {
	for _, p := range s.Processes() {
		text, err := os.ReadFile(p.Log())
		if err != nil {
			continue // it never said anything
		}
		n += bytes.Count(text, []byte("\npanic: ")) + bytes.Count(text, []byte("\nfatal error: "))
	}
	return n
}

func exits(s *stage.Stage) (n int) {
	for _, p := range s.Processes() {
		n += p.Exits()
	}
	return n
}
