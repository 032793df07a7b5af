package sandbox

import (
	"fmt"
	"slices"
)

// What people store by the inspection endpoints is completed and checked: an item that nobody's
// credentials can see would be taken for one that was deleted.

// field reports that a field must be one of some values, or not empty.
func field(name, value string, known ...string) error {
	switch {
	case len(known) == 0 && value == "":
		return fmt.Errorf("%s: missing", name)
	case len(known) > 0 && !slices.Contains(known, value):
		return fmt.Errorf("%s: want one of %v", name, known)
	}
	return nil
}

// only fills in the one value that there is to choose.
func only(value *string, known []string) {
	if *value == "" && len(known) == 1 {
		*value = known[0]
	}
}

// first returns the first of some errors.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func names[T any](list []T, name func(T) string) (out []string) {
	for _, x := range list {
		out = append(out, name(x))
	}
	return out
}

func (j *Jumio) proper(t *JumioTransaction) error {
	tenants := names(j.config.Accounts, func(a JumioAccount) string { return a.Tenant })
	only(&t.Tenant, tenants)
	return first(field("tenant", t.Tenant, tenants...), field("region", t.Region, jumioRegions...),
		field("kind", t.Kind, "scans", "authentications", "documents"), field("reference", t.Reference))
}

func (s *Cognito) proper(u *CognitoUser) error {
	pools := names(s.config.Pools, func(p UserPool) string { return p.ID })
	only(&u.Pool, pools)
	return first(field("pool", u.Pool, pools...), field("username", u.Username), field("sub", u.Sub))
}

func (s *Sila) proper(e *SilaEntity) error {
	apps := names(s.config.Apps, func(a SilaApp) string { return a.Handle })
	only(&e.App, apps)
	if err := first(field("app", e.App, apps...), field("handle", e.Handle),
		field("verification", e.Verification, "", "unverified", "pending", "passed", "failed")); err != nil {
		return err
	}
	for i, d := range e.Data {
		if err := first(field("kind", d.Kind, "emails", "phones", "addresses", "identities"), field("uuid", d.UUID)); err != nil {
			return fmt.Errorf("data[%d].%w", i, err)
		}
	}
	return nil
}

func (s *Capture) proper(c *CaptureProfile) error {
	apps := names(s.config.Clients, func(c CaptureClient) string { return c.App })
	only(&c.App, slices.Compact(apps))
	only(&c.Type, s.config.Types)
	if !captureUUID.MatchString(c.UUID) {
		return fmt.Errorf("uuid: want one in its canonical form")
	}
	return first(field("app", c.App, apps...), field("type", c.Type, s.config.Types...))
}

func (j *Jumio) everything() []JumioTransaction { return j.Stored() }

func (s *Sila) everything() []SilaEntity { return s.Stored() }

func (s *Capture) everything() []CaptureProfile { return s.Stored() }

func (s *Cognito) everything() []CognitoUser {
	out := []CognitoUser{}
	for _, p := range s.config.Pools {
		out = append(out, s.Stored(p.ID)...)
	}
	return out
}
