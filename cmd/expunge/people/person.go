package people

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/expunge-io/expunge/participants/sandbox"
)

// The vendors' customer accounts of the demo.
const (
	Tenant  = "demo"                  // at both vendors
	Region  = "eu-central-1"          // of the user pool
	Pool    = "eu-central-1_expunge1" // the user pool
	Realm   = "demo"                  // the user directory that the ids belong to
	Someone = "u-0042"                // whom the demo erases
)

// Person is one person of the demo and what each system holds of them.
type Person struct {
	ID       string // the immutable user id
	Name     string
	Email    string
	Phone    string
	Username string // at the identity provider
	Sub      string // at the identity provider
	Links    []sandbox.ProviderLink
	Images   []sandbox.JumioTransaction

	Sessions, APIKeys, PrivateKeys, Delegations, Automations int // rows
}

const families = 200

// All returns the thousand people, the same ones in every run: two hundred families of
// five who share a name, and whose ids, addresses and references differ in one sign.
func All() []Person {
	var all []Person
	for n := 1; n <= families; n++ {
		for v := range variants {
			all = append(all, person(n, v))
		}
	}
	return all
}

// Find returns the person with an id.
func Find(id string) (Person, bool) {
	all := All()
	i := slices.IndexFunc(all, func(p Person) bool { return p.ID == id })
	if i < 0 {
		return Person{}, false
	}
	return all[i], true
}

// variants are the members of a family. Each pair of them is taken for the same by some
// careless comparison: by prefix, without case, with white space trimmed, as a pattern.
var variants = []struct{ id, email, username string }{
	{"u-%04d", "%s.%04d@example.com", "%s-%04d"},
	{"u-%04d0", "%s.%04d0@example.com", "%s-%04d0"},
	{"U-%04d", "%s.%04d@EXAMPLE.com", "%s-%04d-"},
	{"u-%04d ", "%s.%04d@example.org", "%s_%04d"},
	{"u_%04d", "%s.%04d+a@example.com", "%s-%04da"},
}

var (
	firstNames = []string{"Mila", "Noor", "Alex", "Ines", "Tomas", "Ayla", "Jonas", "Lea", "Omar", "Vera"}
	lastNames  = []string{"Okafor", "Lindqvist", "Moreau", "Haddad", "Novak", "Tanaka", "Silva"}
)

func person(n, v int) Person {
	first, last := firstNames[n%len(firstNames)], lastNames[n%len(lastNames)]
	handle := strings.ToLower(first + "." + last)
	p := Person{
		ID:          fmt.Sprintf(variants[v].id, n),
		Name:        first + " " + last,
		Email:       fmt.Sprintf(variants[v].email, handle, n),
		Phone:       fmt.Sprintf("+99 555 %04d %d", n, v),
		Username:    fmt.Sprintf(variants[v].username, strings.ToLower(first), n),
		Sub:         reference("sub", n, v),
		Sessions:    1 + n%5,
		APIKeys:     n % 4,
		PrivateKeys: 1,
		Delegations: 1 + n%4,
		Automations: 1,
	}
	p.Images = images(n, v)
	if n%3 == 0 {
		p.Links = []sandbox.ProviderLink{{Provider: "Google", Subject: fmt.Sprintf("1%016d%d", n, v)}}
	}
	return p
}

// images are the person's transactions at the verification vendor: all kinds and regions
// for every second family, one scan for the others.
func images(n, v int) []sandbox.JumioTransaction {
	list := []sandbox.JumioTransaction{
		{Region: "us", Kind: "scans"},
		{Region: "eu", Kind: "scans"},
		{Region: "sgp", Kind: "authentications"},
		{Region: "eu", Kind: "documents"},
		{Region: "us", Kind: "documents"},
	}
	if n%2 == 1 {
		list = list[:1]
	}
	for i := range list {
		list[i].Tenant = Tenant
		list[i].Reference = reference(list[i].Region+list[i].Kind, n, v)
	}
	return list
}

// reference is a UUID; those of a family differ in the last digit.
func reference(what string, n, v int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", what, n))
	id := uuid.Must(uuid.FromBytes(sum[:16])).String()
	return fmt.Sprintf("%s%x", id[:len(id)-1], v)
}

// Probes are the transactions that are kept at the vendor to prove that it can be seen:
// one a region and kind, of nobody.
func Probes() (out []sandbox.JumioTransaction) {
	for _, region := range []string{"us", "eu", "sgp"} {
		for _, kind := range []string{"scans", "authentications", "documents"} {
			out = append(out, sandbox.JumioTransaction{Tenant: Tenant, Region: region, Kind: kind, Reference: "probe-" + region + "-" + kind})
		}
	}
	return out
}

// Identifiers are all values by which somebody could find the person again, by name.
func (p Person) Identifiers() map[string]string {
	out := map[string]string{
		"user id": p.ID, "e-mail": p.Email, "phone": p.Phone,
		"user name at the identity provider": p.Username, "sub at the identity provider": p.Sub,
	}
	for i, t := range p.Images {
		out[fmt.Sprintf("image reference %d", i+1)] = t.Reference
	}
	for i, l := range p.Links {
		out[fmt.Sprintf("linked identity %d", i+1)] = l.Subject
	}
	return out
}

// Items is how much all systems together hold of the person at the start; see
// [Systems.Leftovers].
func (p Person) Items() int {
	const account, profile, identity = 1, 1, 1
	return account + profile + 2*len(p.Images) + identity + len(p.Links) +
		p.Sessions + p.APIKeys + p.PrivateKeys + p.Delegations + p.Automations
}

// User is the person at the identity provider.
func (p Person) User() sandbox.CognitoUser {
	return sandbox.CognitoUser{
		Pool: Pool, Username: p.Username, Sub: p.Sub, Links: p.Links,
		Attributes: map[string]string{"email": p.Email, "name": p.Name},
	}
}
