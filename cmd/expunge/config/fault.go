package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	Origin  string // the file, EXPUNGE_... or --flag
	Line    int    // in the file, from 1; 0 when it is not about a place in a file
	Path    string // as in plans.full.participants.sessions.after[0]; empty: the whole
	Problem string // never the value of a secret
}

// String is file:line: path: problem, without the parts that are not there.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.Origin)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	if f.Path != "" {
		b.WriteString(": " + f.Path)
	}
	b.WriteString(": " + f.Problem)
	return b.String()
}

// Faults is everything that is wrong with a configuration, in the order of the lines. It
// is never empty when it is returned as an error.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, 0, len(f))
	for _, fault := range f {
		lines = append(lines, fault.String())
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Path, b.Path))
	})
}
