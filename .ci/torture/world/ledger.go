package world

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/expunge-io/expunge/participants/sandbox"
	"github.com/expunge-io/expunge/torture/record"
)

// Ledger is what the systems saw, read from their own files, and what everybody has now,
// counted by queries that no participant makes.
func (w *World) Ledger(ctx context.Context) (l record.Ledger, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	owners, suspended := w.owners(), suspensions{}
	users := func(_ context.Context, f func(record.Effect)) error { return w.users(suspended, f) }
	for _, read := range []func(context.Context, func(record.Effect)) error{w.rowsGone, w.imagesGone, users} {
		err := read(ctx, func(e record.Effect) {
			if e.Person == "" {
				e.Person = owners[e.Key]
			}
			l.Effects = append(l.Effects, e)
		})
		if err != nil {
			return l, err
		}
	}
	l.Deeds = w.done(suspended)
	there, err := w.there(ctx)
	if err != nil {
		return l, err
	}
	for _, p := range w.people {
		l.People = append(l.People, w.count(p, there))
	}
	return l, nil
}

// owners says whose an item at a vendor is.
func (w *World) owners() map[string]string {
	out := map[string]string{}
	for _, p := range w.people {
		out[p.Username] = p.ID
		for _, s := range p.Scans {
			out[s] = p.ID
		}
	}
	return out
}

func (w *World) rowsGone(ctx context.Context, f func(record.Effect)) error {
	for name, db := range w.dbs {
		var bad error
		err := each(ctx, db, "SELECT user_id, item, at FROM gone", func(person, item, at string) {
			t, err := time.Parse(time.RFC3339Nano, at)
			if err != nil {
				bad = err
			}
			f(record.Effect{Person: person, Participant: keepers[name], Verb: record.Erase, Key: item, At: t})
		})
		if err == nil {
			err = bad
		}
		if err != nil {
			return fmt.Errorf("ledger of %s: %w", name, err)
		}
	}
	return nil
}

func (w *World) imagesGone(_ context.Context, f func(record.Effect)) error {
	return journal(w.jumioJournal(), func(line []byte) error {
		var r struct {
			Delete *struct{ Reference string }
			Effect bool
			At     time.Time
		}
		err := json.Unmarshal(line, &r)
		if r.Delete != nil && r.Effect {
			f(record.Effect{Participant: "verification-images", Verb: record.Erase, Key: r.Delete.Reference, At: r.At})
		}
		return err
	})
}

// users: one that goes is erased, one that is disabled or signed out is suspended. It notes
// who was disabled when.
func (w *World) users(suspended suspensions, f func(record.Effect)) error {
	last := map[string]sandbox.CognitoUser{}
	return journal(w.cognitoJournal(), func(line []byte) error {
		var r struct {
			Put     []sandbox.CognitoUser
			Attempt *struct {
				Key    string
				Effect bool
				At     time.Time
			}
		}
		err := json.Unmarshal(line, &r)
		if a := r.Attempt; a != nil && a.Effect {
			f(record.Effect{Participant: "identity-provider", Verb: record.Erase, Key: a.Key, At: a.At})
		}
		for _, u := range r.Put {
			was := last[u.Username]
			if u.Disabled && !was.Disabled {
				suspended[u.Username] = append(suspended[u.Username], u.Changed)
			}
			if u.Disabled && !was.Disabled || u.SignedOut > was.SignedOut {
				f(record.Effect{Participant: "identity-provider", Verb: record.Suspend, Key: u.Username, At: u.Changed})
			}
			last[u.Username] = u
		}
		return err
	})
}

// journal reads what a look-alike wrote: one record a line, synced before it was answered.
func journal(path string, f func(line []byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if err := f(lines.Bytes()); err != nil {
			return fmt.Errorf("journal %s: %w", path, err)
		}
	}
	return lines.Err()
}

// item is something that exists, and how it looks.
type item struct{ key, looks string }

// there returns all items that exist, by person.
func (w *World) there(ctx context.Context) (map[string][]item, error) {
	out, owners := map[string][]item{}, w.owners()
	for _, t := range tables {
		err := each(ctx, w.dbs[t.file], "SELECT user_id, item, "+t.looks()+" FROM "+t.name, func(person, key, looks string) {
			out[person] = append(out[person], item{key, looks})
		})
		if err != nil {
			return nil, fmt.Errorf("count %s: %w", t.name, err)
		}
	}
	for _, t := range w.jumio.Stored() {
		out[owners[t.Reference]] = append(out[owners[t.Reference]], item{t.Reference, ""})
	}
	for _, u := range w.cognito.Stored(Pool) {
		out[owners[u.Username]] = append(out[owners[u.Username]], item{u.Username, looks(u)})
	}
	return out, nil
}

// looks is what a suspension may change of a user, and a restore must bring back.
func looks(u sandbox.CognitoUser) string {
	return fmt.Sprint(u.Disabled, u.Sub, u.Attributes, u.Links)
}

// untouched is how each item of a person looks at the start.
func (p Person) untouched() map[string]string {
	out := map[string]string{p.Username: looks(p.user())}
	for _, s := range p.Scans {
		out[s] = ""
	}
	for _, t := range tables {
		for _, row := range t.rows(p) {
			var b strings.Builder
			for _, column := range row[2:] {
				b.WriteString(column.(string) + "|")
			}
			out[row[0].(string)] = b.String()
		}
	}
	return out
}

func (w *World) count(p Person, there map[string][]item) record.Person {
	out := record.Person{ID: p.ID, Items: p.Items()}
	left, before := map[string]bool{}, p.untouched()
	for _, it := range there[p.ID] {
		left[it.key] = true
		if _, again := w.born[it.key]; again {
			continue
		}
		out.Left++
		if looks, known := before[it.key]; known && looks == it.looks {
			out.Whole++
		}
	}
	for key, b := range w.born {
		if b.person == p.ID {
			out.Reborn = append(out.Reborn, record.Item{Key: key, Made: b.at, Left: left[key]})
		}
	}
	return out
}
