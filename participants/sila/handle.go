package sila

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// The identifier types that this participant needs; Key only if no key of the
// configuration signs for the users.
const (
	Handle events.IdentifierType = "sila_handle"
	Key    events.IdentifierType = "sila_user_key"
)

// handleForm is wider than what the vendor takes, and narrower than what could be
// anything else than a handle.
var handleForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,255}$`)

// account is one person at the vendor. Both are personal data.
type account struct {
	handle string
	key    *key // signs for the user; nil: OAuth2
}

// sameHandle compares as the vendor does: without regard to case, and to the ending that
// older handles have.
func sameHandle(a, b string) bool { return plain(a) == plain(b) }

func plain(handle string) string {
	return strings.TrimSuffix(strings.ToLower(handle), ".silamoney.eth")
}

// accounts reads the task's identifiers, each handle once. A value that cannot be read is
// a fault, never nothing: it stands for data that may exist.
func (p *Participant) accounts(t participants.Task) ([]account, error) {
	if p.config.Realm != "" && t.Realm != p.config.Realm {
		return nil, misconfigured("wrong_realm", "the task is of another realm than this participant serves")
	}
	var out []account
	for _, handle := range t.Values(Handle) {
		if !handleForm.MatchString(handle) {
			return nil, misconfigured("handle_form", "a handle is not 1 to 255 letters, digits, '.', '-' or '_'")
		}
		if slices.ContainsFunc(out, func(a account) bool { return sameHandle(a.handle, handle) }) {
			continue
		}
		k, err := p.keyOf(handle, t)
		if err != nil {
			return nil, err
		}
		out = append(out, account{handle, k})
	}
	if len(out) == 0 && len(t.Items) > 0 {
		return nil, &participants.Refuse{Code: "item_not_the_persons"}
	}
	return out, nil
}

// keyOf returns the key that signs for a user.
func (p *Participant) keyOf(handle string, t participants.Task) (*key, error) {
	if p.appKey == nil || p.userKey != nil {
		return p.userKey, nil
	}
	var found []string
	for _, value := range t.Values(Key) {
		owner, text, named := strings.Cut(value, ":")
		if !named {
			owner, text = handle, value
		}
		if sameHandle(owner, handle) && !slices.Contains(found, text) {
			found = append(found, text)
		}
	}
	switch len(found) {
	case 0:
		return nil, misconfigured("user_key_missing", "a handle has no key of type sila_user_key, and there is no user_key")
	case 1:
	default:
		return nil, misconfigured("user_key_ambiguous", "a handle has several keys of type sila_user_key: write them as handle:key")
	}
	k, ok := parseKey(found[0])
	if !ok {
		return nil, misconfigured("user_key_form", "a sila_user_key is not a private key of 64 hexadecimal digits")
	}
	return k, nil
}

func misconfigured(code, hint string) error {
	return &participants.Misconfigured{Code: code, Err: fmt.Errorf("sila: %s", hint)}
}
