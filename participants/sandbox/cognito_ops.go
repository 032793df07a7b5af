package sandbox

import (
	"encoding/json"
	"slices"
	"strings"
)

// cognitoOperations are what the look-alike serves. Each runs under the lock.
var cognitoOperations = map[string]func(*Cognito, call) (any, *awsError){
	"AdminGetUser":                (*Cognito).adminGetUser,
	"AdminDisableUser":            (*Cognito).adminDisableUser,
	"AdminEnableUser":             (*Cognito).adminEnableUser,
	"AdminUserGlobalSignOut":      (*Cognito).adminUserGlobalSignOut,
	"AdminDisableProviderForUser": (*Cognito).adminDisableProvider,
	"AdminDeleteUser":             (*Cognito).adminDeleteUser,
	"ListUsers":                   (*Cognito).listUsers,
}

type empty struct{}

type awsAttribute struct{ Name, Value string }

type awsUser struct {
	Username             string
	Attributes           []awsAttribute `json:",omitempty"` // in a list
	UserAttributes       []awsAttribute `json:",omitempty"` // of one user
	Enabled              bool
	UserStatus           string
	UserCreateDate       float64
	UserLastModifiedDate float64
}

// find returns the user that a Username parameter means: the name itself, the sub, or
// the value of an attribute that is an alias in this pool.
func (s *Cognito) find(c call) (CognitoUser, *awsError) {
	if c.in.Username == "" {
		return CognitoUser{}, errParameter
	}
	if u, ok := s.users[userKey{c.pool.ID, c.in.Username}]; ok {
		return u, nil
	}
	for _, u := range s.pool(c.pool.ID) {
		isAlias := func(name string) bool { return u.Attributes[name] == c.in.Username }
		if u.Sub == c.in.Username || slices.ContainsFunc(c.pool.Aliases, isAlias) {
			return u, nil
		}
	}
	return CognitoUser{}, errUserNotFound
}

func (s *Cognito) adminGetUser(c call) (any, *awsError) {
	u, fail := s.find(c)
	if fail != nil {
		return nil, fail
	}
	out := u.wire()
	out.UserAttributes, out.Attributes = out.Attributes, nil
	return out, nil
}

func (s *Cognito) adminDisableUser(c call) (any, *awsError) {
	return s.change(c, func(u *CognitoUser) { u.Disabled = true })
}

func (s *Cognito) adminEnableUser(c call) (any, *awsError) {
	return s.change(c, func(u *CognitoUser) { u.Disabled = false })
}

func (s *Cognito) adminUserGlobalSignOut(c call) (any, *awsError) {
	return s.change(c, func(u *CognitoUser) { u.SignedOut++ })
}

func (s *Cognito) change(c call, edit func(*CognitoUser)) (any, *awsError) {
	u, fail := s.find(c)
	if fail != nil {
		return nil, fail
	}
	if c.lie {
		return empty{}, nil
	}
	edit(&u)
	u.Changed = s.config.Now().UTC()
	return empty{}, s.commit(cognitoRecord{Put: []CognitoUser{u}})
}

func (s *Cognito) adminDeleteUser(c call) (any, *awsError) {
	u, fail := s.find(c)
	rec := cognitoRecord{Attempt: s.attempted(c, "identities", c.in.Username)}
	if fail == nil && !c.lie {
		rec.Drop = &userName{u.Pool, u.Username}
		rec.Attempt.Key, rec.Attempt.Effect = u.Username, true
	}
	if err := s.commit(rec); err != nil {
		return nil, err
	}
	if c.lie {
		return empty{}, nil
	}
	return empty{}, fail
}

// adminDisableProvider removes a link; without one of that name it answers as the vendor
// does for a user it does not know.
func (s *Cognito) adminDisableProvider(c call) (any, *awsError) {
	p := c.in.User
	if p == nil || p.ProviderAttributeName != "Cognito_Subject" {
		return nil, errParameter
	}
	rec := cognitoRecord{Attempt: s.attempted(c, "provider_links", p.ProviderName+"_"+p.ProviderAttributeValue)}
	fail := errUserNotFound
	for _, u := range s.pool(c.pool.ID) {
		i := slices.IndexFunc(u.Links, func(l ProviderLink) bool {
			return !l.Primary && l.Provider == p.ProviderName && l.Subject == p.ProviderAttributeValue
		})
		if i < 0 {
			continue
		}
		fail = nil
		if !c.lie {
			u.Links = slices.Delete(slices.Clone(u.Links), i, i+1)
			rec.Put, rec.Attempt.Effect = []CognitoUser{u}, true
		}
	}
	if err := s.commit(rec); err != nil {
		return nil, err
	}
	return empty{}, fail
}

func (s *Cognito) attempted(c call, kind, key string) *attemptedOn {
	return &attemptedOn{Account: c.account, Pool: c.pool.ID, Kind: kind, Key: key, Instant: s.config.Now().UTC()}
}

func (s *Cognito) commit(rec cognitoRecord) *awsError {
	if err := s.journal.commit(rec); err != nil {
		return errInternal
	}
	return nil
}

const pageOfUsers = 60 // the vendor's limit

func (s *Cognito) listUsers(c call) (any, *awsError) {
	match, ok := filter(c.in.Filter)
	if !ok {
		return nil, errParameter
	}
	limit := pageOfUsers
	if c.in.Limit != nil && *c.in.Limit > 0 && *c.in.Limit < limit {
		limit = *c.in.Limit
	}
	out := struct {
		Users           []awsUser
		PaginationToken string `json:",omitempty"`
	}{Users: []awsUser{}}
	for _, u := range s.pool(c.pool.ID) {
		if !match(u) || c.in.PaginationToken != nil && u.Username <= *c.in.PaginationToken {
			continue
		}
		if len(out.Users) == limit {
			out.PaginationToken = out.Users[limit-1].Username
			break
		}
		out.Users = append(out.Users, u.wire())
	}
	return out, nil
}

// filter reads `attribute = "value"` for sub, username and email; empty matches everyone.
func filter(text string) (match func(CognitoUser) bool, ok bool) {
	if text == "" {
		return func(CognitoUser) bool { return true }, true
	}
	name, quoted, _ := strings.Cut(text, "=")
	quoted = strings.TrimSpace(quoted)
	value := strings.TrimSuffix(strings.TrimPrefix(quoted, `"`), `"`)
	if len(quoted) < 2 || len(value) != len(quoted)-2 {
		return nil, false
	}
	switch strings.TrimSpace(name) {
	case "sub":
		return func(u CognitoUser) bool { return u.Sub == value }, true
	case "username":
		return func(u CognitoUser) bool { return u.Username == value }, true
	case "email":
		return func(u CognitoUser) bool { return u.Attributes["email"] == value }, true
	default:
		return nil, false
	}
}

// wire is the user as the vendor shows it; instants are seconds since 1970.
func (u CognitoUser) wire() awsUser {
	attrs := []awsAttribute{{"sub", u.Sub}}
	for name, value := range u.Attributes {
		attrs = append(attrs, awsAttribute{name, value})
	}
	if len(u.Links) > 0 {
		attrs = append(attrs, awsAttribute{"identities", u.identities()})
	}
	slices.SortFunc(attrs, func(a, b awsAttribute) int { return strings.Compare(a.Name, b.Name) })
	return awsUser{
		Username: u.Username, Attributes: attrs, Enabled: !u.Disabled, UserStatus: "CONFIRMED",
		UserCreateDate: float64(u.Created.Unix()), UserLastModifiedDate: float64(u.Changed.Unix()),
	}
}

// identities is the JSON text that the vendor keeps in the attribute of that name.
func (u CognitoUser) identities() string {
	type identity struct {
		UserID       string  `json:"userId"`
		ProviderName string  `json:"providerName"`
		ProviderType string  `json:"providerType"`
		Issuer       *string `json:"issuer"`
		Primary      bool    `json:"primary"`
		DateCreated  int64   `json:"dateCreated"`
	}
	list := make([]identity, 0, len(u.Links))
	for _, l := range u.Links {
		list = append(list, identity{UserID: l.Subject, ProviderName: l.Provider, ProviderType: l.Provider, Primary: l.Primary, DateCreated: u.Created.UnixMilli()})
	}
	text, _ := json.Marshal(list) // strings, booleans and integers
	return string(text)
}
