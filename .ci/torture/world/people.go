// Package world is what people have a share in: databases and look-alikes of vendors that
// keep running while everything else is tortured, and that note each effect themselves.
package world

import (
	"fmt"
	"math/rand/v2"

	"github.com/expunge-io/expunge/participants/sandbox"
)

// The names that the configuration of the workers needs.
const (
	Realm  = "people"
	Tenant = "torture"
	Region = "eu-central-1"
	Pool   = "eu-central-1_torture"
	images = "eu" // the vendor's region
)

// Person is one invented person. Each value by which they could be found holds the run's
// marker, so that one search finds all of them.
type Person struct {
	ID, Email, Username, Sub string
	Scans                    []string // references of images
	Sessions, Keys           int      // rows
}

// NewMarker draws a text that occurs nowhere by chance.
func NewMarker(rng *rand.Rand) string {
	const letters = "bcdfghjkmnpqrstvwxz"
	b := make([]byte, 12)
	for i := range b {
		b[i] = letters[rng.IntN(len(letters))]
	}
	return string(b)
}

// NewPerson is the n-th person of a run.
func NewPerson(marker string, n int) Person {
	p := Person{
		ID:       fmt.Sprintf("u-%s-%06d", marker, n),
		Email:    fmt.Sprintf("%s.%06d@example.com", marker, n),
		Username: fmt.Sprintf("name-%s-%06d", marker, n),
		Sub:      fmt.Sprintf("sub-%s-%06d", marker, n),
		Sessions: 1 + n%3,
		Keys:     n % 2,
	}
	for i := range 1 + n%2 {
		p.Scans = append(p.Scans, fmt.Sprintf("scan-%s-%06d-%d", marker, n, i))
	}
	return p
}

// Items is how much all systems together hold of the person at the start.
func (p Person) Items() int {
	const account, identity = 1, 1
	return account + identity + 2*len(p.Scans) + p.Sessions + p.Keys
}

// Identifiers are all values by which somebody could find the person.
func (p Person) Identifiers() map[string]string {
	out := map[string]string{"user id": p.ID, "e-mail": p.Email, "user name": p.Username, "sub": p.Sub}
	for i, s := range p.Scans {
		out[fmt.Sprintf("image reference %d", i+1)] = s
	}
	return out
}

func (p Person) user() sandbox.CognitoUser {
	return sandbox.CognitoUser{Pool: Pool, Username: p.Username, Sub: p.Sub, Attributes: map[string]string{"email": p.Email}}
}

func (p Person) transactions() (out []sandbox.JumioTransaction) {
	for _, s := range p.Scans {
		out = append(out, scan(s))
	}
	return out
}

func scan(reference string) sandbox.JumioTransaction {
	return sandbox.JumioTransaction{Tenant: Tenant, Region: images, Kind: "scans", Reference: reference}
}

// probe is kept at the vendor to prove that it can be seen.
const probe = "probe-scan"
