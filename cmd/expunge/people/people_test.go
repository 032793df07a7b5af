package people_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/cmd/expunge/people"
	"github.com/expunge-io/expunge/participants/sandbox"
)

func systems(t *testing.T) people.Systems {
	t.Helper()
	path := filepath.Join(t.TempDir(), "accounts.db")
	all := neighbourhood()
	if err := people.Create(t.Context(), path, all); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", people.DSN(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	jumio, err := sandbox.OpenJumio(sandbox.JumioConfig{Accounts: []sandbox.JumioAccount{{Tenant: people.Tenant, Token: "t", Secret: "s"}}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	cognito, err := sandbox.OpenCognito(sandbox.CognitoConfig{
		Region: people.Region, Now: time.Now,
		Keys:  []sandbox.AccessKey{{Account: people.Tenant, ID: "AKIA", Secret: "s"}},
		Pools: []sandbox.UserPool{{Account: people.Tenant, ID: people.Pool}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := people.Systems{Accounts: db, Jumio: jumio, Cognito: cognito}
	if err := s.Seed(all); err != nil {
		t.Fatal(err)
	}
	return s
}

// neighbourhood is the family of the chosen person and some others: enough to be damaged,
// and quick under the race detector.
func neighbourhood() (out []people.Person) {
	for _, p := range people.All() {
		if strings.Contains(p.ID, "004") || strings.Contains(p.ID, "0142") || p.ID == "u-0001" {
			out = append(out, p)
		}
	}
	return out
}

func someone(t *testing.T) people.Person {
	t.Helper()
	p, ok := people.Find(people.Someone)
	if !ok {
		t.Fatalf("no %s", people.Someone)
	}
	return p
}

func TestThereAreAThousandPeopleAndNoTwoShareAnIdentifier(t *testing.T) {
	all := people.All()
	if len(all) != 1000 {
		t.Errorf("%d people", len(all))
	}
	whose := map[string]string{}
	for _, p := range all {
		for name, value := range p.Identifiers() {
			if other, taken := whose[value]; taken {
				t.Errorf("%s of %q is one of %q too", name, p.ID, other)
			}
			whose[value] = p.ID
		}
	}
}

func TestTheChosenPersonHasNeighboursThatLookAlike(t *testing.T) {
	p := someone(t)
	for _, id := range []string{"u-00420", "U-0042", "u-0042 ", "u_0042", "u-0142"} {
		n, ok := people.Find(id)
		if !ok {
			t.Errorf("no neighbour %q", id)
		}
		if id != "u-0142" && n.Name != p.Name {
			t.Errorf("%q has the name %q", id, n.Name)
		}
	}
	if p.Sessions*p.APIKeys*p.PrivateKeys*p.Delegations*p.Automations*len(p.Links) == 0 {
		t.Errorf("has no share somewhere: %+v", p)
	}
	kinds, regions := map[string]bool{}, map[string]bool{}
	for _, image := range p.Images {
		kinds[image.Kind], regions[image.Region] = true, true
	}
	if len(kinds) != 3 || len(regions) != 3 {
		t.Errorf("images of kinds %v in regions %v", kinds, regions)
	}
}

func TestEverythingOfAPersonIsCountedAsLeftAtTheStart(t *testing.T) {
	p := someone(t)
	left, err := systems(t).Leftovers(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"table accounts": 1, "table profiles": 1, "table verification_refs": len(p.Images),
		"table sessions": p.Sessions, "table api_keys": p.APIKeys, "table private_keys": p.PrivateKeys,
		"table delegations": p.Delegations, "table automation_settings": p.Automations,
		"identity provider":                          1 + len(p.Links),
		"scans at the verification vendor":           2,
		"authentications at the verification vendor": 1,
		"documents at the verification vendor":       2,
	}
	total := 0
	for place, n := range want {
		total += n
		if left[place] != n {
			t.Errorf("%s: %d, want %d", place, left[place], n)
		}
	}
	if len(left) != len(want) || total != p.Items() {
		t.Errorf("places: %v, together %d, want %d", left, total, p.Items())
	}
}

// Each damage is one that an erasure which is not careful enough could do.
func TestDamageToAnybodyElseIsFound(t *testing.T) {
	neighbour, _ := people.Find("u-0142")
	s := systems(t)
	query := func(damage string) func() error {
		return func() error {
			_, err := s.Accounts.ExecContext(t.Context(), damage)
			return err
		}
	}
	before := snapshot(t, s)
	for _, c := range []struct {
		name    string
		touched int
		damage  func() error
	}{
		{"a row gone", 1, query("DELETE FROM sessions WHERE id = (SELECT id FROM sessions WHERE user_id = 'u-0142' LIMIT 1)")},
		{"by prefix", 1, query("DELETE FROM accounts WHERE user_id = 'u-00420'")},
		{"without case", 1, query("DELETE FROM profiles WHERE user_id = 'U-0042'")},
		{"trimmed", 1, query("DELETE FROM api_keys WHERE user_id = 'u-0042 '")},
		{"a value changed", 1, query("UPDATE accounts SET email = '' WHERE user_id = 'u_0042'")},
		{"given to someone else", 2, query("UPDATE private_keys SET user_id = 'u-0043' WHERE user_id = 'u-0042 '")},
		{"a row that was not", 1, query("INSERT INTO delegations VALUES ('x', 'u-0001', 'y')")},
		{"a person that was not", 1, query("INSERT INTO accounts VALUES ('u-9999', 'a', 'b', 'c', 'active')")},
		{"everybody of the table", len(neighbourhood()) - 1, query("DELETE FROM automation_settings")},
		{"an image changed", 1, func() error {
			image := neighbour.Images[0]
			image.Pending = true
			return s.Jumio.Put(image)
		}},
		{"a probe changed", 1, func() error {
			probe := people.Probes()[0]
			probe.Pending = true
			return s.Jumio.Put(probe)
		}},
		{"an identity disabled", 1, func() error {
			u := neighbour.User()
			u.Disabled = true
			return s.Cognito.Put(u)
		}},
	} {
		if err := c.damage(); err != nil {
			t.Fatal(err)
		}
		after := snapshot(t, s)
		if n := people.Touched(before, after, people.Someone); n != c.touched {
			t.Errorf("%s: %d touched, want %d", c.name, n, c.touched)
		}
		before = after
	}
}

func TestErasingOnePersonTouchesNobodyElse(t *testing.T) {
	s := systems(t)
	before := snapshot(t, s)
	for _, table := range people.Tables {
		if _, err := s.Accounts.ExecContext(t.Context(), "DELETE FROM "+table+" WHERE user_id = ?", people.Someone); err != nil {
			t.Fatal(err)
		}
	}
	if n := people.Touched(before, snapshot(t, s), people.Someone); n != 0 {
		t.Errorf("%d touched", n)
	}
	left, err := s.Leftovers(t.Context(), someone(t))
	if err != nil {
		t.Fatal(err)
	}
	for place := range left {
		if strings.HasPrefix(place, "table ") {
			t.Errorf("left: %s", place)
		}
	}
	if left["identity provider"] != 2 {
		t.Errorf("left at the identity provider: %d", left["identity provider"])
	}
}

func TestAnAccountStoreThatIsThereIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.db")
	if err := people.Create(t.Context(), path, people.All()[:10]); err != nil {
		t.Fatal(err)
	}
	if err := people.Create(t.Context(), path, people.All()[:20]); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", people.DSN(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM accounts").Scan(&n); err != nil || n != 10 {
		t.Errorf("%d accounts, %v", n, err)
	}
}

func snapshot(t *testing.T, s people.Systems) people.Snapshot {
	t.Helper()
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(snap) < len(neighbourhood()) {
		t.Fatalf("a snapshot of %d people", len(snap))
	}
	return snap
}
