package people

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/expunge-io/expunge/participants/sandbox"
)

// Systems are where people have their shares. What is asked here goes past every
// participant: a participant that lies is found out.
type Systems struct {
	Accounts *sql.DB
	Jumio    *sandbox.Jumio
	Cognito  *sandbox.Cognito
}

// Seed stores all people's identities and images at the vendors, if they have nothing yet.
func (s Systems) Seed(all []Person) error {
	if len(s.Jumio.Stored())+len(s.Jumio.Ledger()) == 0 {
		txs := Probes()
		for _, p := range all {
			txs = append(txs, p.Images...)
		}
		if err := s.Jumio.Put(txs...); err != nil {
			return err
		}
	}
	if len(s.Cognito.Stored(Pool))+len(s.Cognito.Ledger()) > 0 {
		return nil
	}
	users := make([]sandbox.CognitoUser, 0, len(all))
	for _, p := range all {
		users = append(users, p.User())
	}
	return s.Cognito.Put(users...)
}

// Leftovers counts what the systems still hold of a person, by place. Places without any
// are left out.
func (s Systems) Leftovers(ctx context.Context, p Person) (map[string]int, error) {
	left := map[string]int{}
	add := func(place string, n int) {
		if n > 0 {
			left[place] += n
		}
	}
	for _, table := range Tables {
		var n int
		err := s.Accounts.QueryRowContext(ctx, "SELECT count(*) FROM "+table+" WHERE user_id = ?", p.ID).Scan(&n)
		if err != nil {
			return nil, fmt.Errorf("count %s: %w", table, err)
		}
		add("table "+table, n)
	}
	for _, t := range s.Jumio.Stored() {
		if slices.ContainsFunc(p.Images, func(own sandbox.JumioTransaction) bool { return own.Reference == t.Reference }) {
			add(t.Kind+" at the verification vendor", 1)
		}
	}
	for _, u := range s.Cognito.Stored(Pool) {
		if u.Sub == p.Sub || u.Username == p.Username || u.Attributes["email"] == p.Email {
			add("identity provider", 1+len(u.Links))
		}
	}
	return left, nil
}

// Total is the sum over all places.
func Total(left map[string]int) (n int) {
	for _, count := range left {
		n += count
	}
	return n
}

// Whole returns the first person of whom everything is still there, beginning with
// [Someone]: in a folder that was used before, the others may be erased, wholly or partly.
func (s Systems) Whole(ctx context.Context) (Person, error) {
	all := All()
	first := slices.IndexFunc(all, func(p Person) bool { return p.ID == Someone })
	for i := range all {
		p := all[(first+i*len(variants))%len(all)]
		left, err := s.Leftovers(ctx, p)
		if err != nil {
			return Person{}, err
		}
		if Total(left) == p.Items() {
			return p, nil
		}
	}
	return Person{}, errors.New("nobody is left to be erased: give another data folder")
}

// Snapshot is a digest of everything that the systems hold, by the person it belongs to.
type Snapshot map[string][sha256.Size]byte

// Snapshot reads all systems whole.
func (s Systems) Snapshot(ctx context.Context) (Snapshot, error) {
	shares := ledger{}
	for _, table := range Tables {
		if err := s.readTable(ctx, table, shares); err != nil {
			return nil, fmt.Errorf("read %s: %w", table, err)
		}
	}
	images, users := owners()
	for _, t := range s.Jumio.Stored() {
		shares.add(images[t.Reference], "jumio", t)
	}
	for _, u := range s.Cognito.Stored(Pool) {
		shares.add(users[u.Username], "cognito", u)
	}
	return shares.sum(), nil
}

func (s Systems) readTable(ctx context.Context, table string, shares ledger) error {
	rows, err := s.Accounts.QueryContext(ctx, "SELECT user_id, * FROM "+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		values := make([]string, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		shares.add(values[0], table, values)
	}
	return rows.Err()
}

// owners says whose a vendor's item is. What is nobody's belongs to "".
func owners() (images, users map[string]string) {
	images, users = map[string]string{}, map[string]string{}
	for _, p := range All() {
		users[p.Username] = p.ID
		for _, t := range p.Images {
			images[t.Reference] = p.ID
		}
	}
	return images, users
}

// ledger collects each person's share, one text an item.
type ledger map[string][]string

func (l ledger) add(owner, place string, item any) {
	text, err := json.Marshal(item)
	if err != nil {
		panic("people: an item is always JSON: " + err.Error()) // strings, numbers and times
	}
	l[owner] = append(l[owner], place+" "+string(text))
}

func (l ledger) sum() Snapshot {
	out := Snapshot{}
	for owner, items := range l {
		slices.Sort(items)
		var h hash.Hash = sha256.New()
		h.Write([]byte(strings.Join(items, "\n")))
		out[owner] = [sha256.Size]byte(h.Sum(nil))
	}
	return out
}

// Touched returns how many people besides some differ between two snapshots: changed,
// gone, or new.
func Touched(before, after Snapshot, besides ...string) (n int) {
	for owner, digest := range before {
		if other, still := after[owner]; !slices.Contains(besides, owner) && (!still || other != digest) {
			n++
		}
	}
	for owner := range after {
		if _, known := before[owner]; !slices.Contains(besides, owner) && !known {
			n++
		}
	}
	return n
}
