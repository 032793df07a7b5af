package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one bug: a patch below a header such as
//
//	# Wrong: the answer to a claim leaves before its grant is on disk.
//	# Caught by: orchestrator TestNothingIsAnsweredOrSentBeforeItsCommit
//
// The name of a check stands alone, or with the tests of it that are to be run; there may
// be more than one such line.
type mutant struct {
	name     string
	file     string // absolute
	wrong    string
	caughtBy map[string][]string // tests by check; none: all of them
}

// readMutants returns the mutants of a folder, or those of these names, the cheapest first.
func readMutants(dir string, names []string) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil {
		return nil, err
	}
	var found []mutant
	var faults []error
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".patch")
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		m, err := readMutant(name, f)
		faults = append(faults, err)
		found = append(found, m)
	}
	for _, name := range names {
		if !slices.ContainsFunc(found, func(m mutant) bool { return m.name == name }) {
			faults = append(faults, fmt.Errorf("there is no mutant %s", name))
		}
	}
	if len(files) == 0 {
		faults = append(faults, errors.New("there is no mutant"))
	}
	slices.SortStableFunc(found, func(a, b mutant) int { return a.cost() - b.cost() })
	return found, errors.Join(faults...)
}

func readMutant(name, file string) (mutant, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return mutant{}, err
	}
	m, err := parse(string(text))
	if err != nil {
		return mutant{}, fmt.Errorf("%s: %w", file, err)
	}
	m.name = name
	m.file, err = filepath.Abs(file)
	return m, err
}

// parse reads the header. What follows it is for git.
func parse(text string) (mutant, error) {
	m := mutant{caughtBy: map[string][]string{}}
	header, _, found := strings.Cut(text, "\n--- ")
	if !found {
		return m, errors.New("there is no patch in it")
	}
	for line := range strings.Lines(header) {
		if wrong, ok := strings.CutPrefix(line, "# Wrong: "); ok {
			m.wrong = strings.TrimSpace(wrong)
		}
		by, ok := strings.CutPrefix(line, "# Caught by: ")
		words := strings.Fields(by)
		switch {
		case !ok || len(words) == 0:
		case costOf(words[0]) < 0:
			return m, fmt.Errorf("there is no check %s", words[0])
		default:
			m.caughtBy[words[0]] = words[1:]
		}
	}
	if m.wrong == "" || len(m.caughtBy) == 0 {
		return m, errors.New("its header must say Wrong and Caught by")
	}
	return m, nil
}

// cost is that of the cheapest check that a mutant names.
func (m mutant) cost() int {
	return slices.IndexFunc(checks, func(c check) bool { _, ok := m.caughtBy[c.name]; return ok })
}

// namedIn returns the tests of a check that a mutant names.
func namedIn(c check, mutants []mutant) (names []string) {
	for _, m := range mutants {
		names = append(names, m.caughtBy[c.name]...)
	}
	return names
}

// testsOf returns which tests of a check are needed; none means all of them.
func testsOf(c check, mutants []mutant) (tests []string, needed bool) {
	for _, m := range mutants {
		named, ok := m.caughtBy[c.name]
		if ok && len(named) == 0 {
			return nil, true
		}
		needed = needed || ok
	}
	tests = namedIn(c, mutants)
	slices.Sort(tests)
	return slices.Compact(tests), needed
}
