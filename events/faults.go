package events

import (
	"errors"
	"strconv"
)

// maxFaults bounds the error of one message: a megabyte of wrong identifiers must not
// become a megabyte of error.
const maxFaults = 32

// faults collects everything that is wrong with one message.
type faults struct {
	list []error
	more bool
}

func (f *faults) err() error { return errors.Join(f.list...) }

func (f *faults) add(field, problem string) {
	if f.more || f.has(field) {
		return
	}
	if len(f.list) == maxFaults {
		f.more = true
		problem += "; more faults follow"
	}
	f.list = append(f.list, &FieldError{Field: field, Problem: problem})
}

// has keeps what follows from a first fault of a field from being told as a second one.
func (f *faults) has(field string) bool {
	for _, err := range f.list {
		if fe, ok := errors.AsType[*FieldError](err); ok && fe.Field == field {
			return true
		}
	}
	return false
}

// place is a position in a document. Its path is spelt out only when something is wrong
// there, and is made of names of the contract and of positions, never of input.
type place struct {
	faults *faults
	up     *place
	name   string
	index  int
}

func (p *place) field(name string) *place {
	return &place{faults: p.faults, up: p, name: name}
}

func (p *place) elem(i int) *place {
	return &place{faults: p.faults, up: p, index: i}
}

func (p *place) fault(problem string) { p.faults.add(p.path(), problem) }

func (p *place) path() string {
	if p.up == nil {
		return ""
	}
	parent := p.up.path()
	switch {
	case p.name == "":
		return parent + "[" + strconv.Itoa(p.index) + "]"
	case parent == "":
		return p.name
	}
	return parent + "." + p.name
}
