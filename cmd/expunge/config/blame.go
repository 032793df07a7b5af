package config

import (
	"strconv"
	"strings"
)

// blame reports the faults that the owner of a setting found, each at the place that it is
// about: they are joined, and begin with a field, as in "regions.eu.token: is needed".
func blame(n node, err error) {
	for _, fault := range split(err) {
		at, problem := n, fault.Error()
		for {
			field, rest, ok := strings.Cut(problem, ": ")
			below, found := at.descend(field)
			if !ok || !found {
				break
			}
			at, problem = below, rest
		}
		at.bad("%s", problem)
	}
}

// descend follows a path of keys and places in lists, or the first of several fields, as
// far as it is there.
func (n node) descend(path string) (node, bool) {
	first, _, _ := strings.Cut(path, ", ")
	at, moved := n, false
	for key := range strings.SplitSeq(first, ".") {
		name, rest, isElement := strings.Cut(key, "[")
		if !at.has(name) {
			break
		}
		at, moved = at.at(name), true
		if i, err := strconv.Atoi(strings.TrimSuffix(rest, "]")); isElement && err == nil && i < len(at.value.Content) {
			at = at.list()[i]
		}
	}
	return at, moved
}

func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, split(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}
