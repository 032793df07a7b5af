package saga

import (
	"slices"
	"strings"
)

// box loses what is sealed, finds it again, or seals anew what the first request brought.
func (w *world) box() {
	switch w.draw(4) {
	case 0:
		w.input(BoxLost{})
	case 1:
		w.input(BoxFound{})
	default:
		in := Resealed{Identifiers: w.identifiers()}
		if !w.one(4) {
			in.Items = slices.Clone(w.s.Items)
		}
		w.input(in)
	}
}

// learnKnown keeps by which values the person is known, and which were lost with a box.
func (w *world) learnKnown(e Entry) {
	switch e.Kind {
	case KResealed:
		for id := range w.known {
			w.lost[id] = true
		}
		clear(w.known)
		w.resealed(e)
	case KBound: // what was said before was said without the user id
		clear(w.lost)
		clear(w.told)
		clear(w.forgone)
		for id, asked := range w.known {
			if !asked {
				delete(w.known, id)
			}
		}
	}
	if e.Kind == KDoubted {
		w.tellLost(e.Reason)
		return
	}
	for _, id := range e.Identifiers {
		plain := Identifier{Type: id.Type, Hash: id.Hash}
		w.known[plain] = w.known[plain] || id.From == "" && e.Kind != KBound
		delete(w.lost, plain)
		delete(w.told, plain)
		delete(w.forgone, plain)
	}
}

// tellLost: an operator can settle what they read.
func (w *world) tellLost(doubt string) {
	for id := range w.lost {
		w.told[id] = w.told[id] || strings.Contains(doubt, lostValues) && strings.Contains(doubt, "the "+id.Type)
	}
}

func (w *world) settledLost() {
	for id, told := range w.told {
		if told {
			delete(w.lost, id)
			w.forgone[id] = true
		}
	}
	clear(w.told)
}

// resealed notes what else goes with a box: an operator's word, and how to bring a share back.
// Nobody was looked at since, for anybody.
func (w *world) resealed(e Entry) {
	clear(w.undo)
	for _, y := range w.systems {
		y.lookedFor = ""
	}
	if w.boundTo == "" {
		w.operatorSaid = ""
		return
	}
	w.vouched = !slices.ContainsFunc(e.Identifiers, func(id Identifier) bool { return id.Type == "t0" })
}

// foundByLess reports whether a share was found by a value that an operator goes on without, or
// by one to which such a value led.
func (w *world) foundByLess(spec Spec) bool {
	for id := range w.forgone {
		if id.Type == UserID {
			continue
		}
		for _, need := range spec.Needs {
			if w.comesFrom(need, id.Type, map[string]bool{}) {
				return true
			}
		}
	}
	return false
}

// foundByNames reports whether a share is found by something that a system names.
func (w *world) foundByNames(spec Spec) bool {
	for _, other := range w.plan.Participants {
		for _, typ := range other.Yields {
			if typ != UserID && (slices.Contains(spec.Needs, typ) || slices.Contains(spec.Yields, typ)) {
				return true
			}
		}
	}
	return false
}

// comesFrom reports whether a type is another one, or is said by somebody who needs that.
func (w *world) comesFrom(typ, root string, seen map[string]bool) bool {
	if typ == root {
		return true
	}
	if typ == UserID || seen[typ] {
		return false
	}
	seen[typ] = true
	for _, spec := range w.plan.Participants {
		if !slices.Contains(spec.Yields, typ) {
			continue
		}
		for _, need := range spec.Needs {
			if w.comesFrom(need, root, seen) {
				return true
			}
		}
	}
	return false
}

// blindTo is a type of which a value was lost by which a share is erased.
func (w *world) blindTo() string {
	for id := range w.lost {
		for _, spec := range w.plan.Participants {
			if id.Type != UserID && !spec.Bystander && slices.Contains(spec.Needs, id.Type) {
				return id.Type
			}
		}
	}
	return ""
}
