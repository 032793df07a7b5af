package capture

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
)

// The identifier types that this participant may need, beside that of the key.
const (
	UUID        events.IdentifierType = "capture_uuid"
	AccessToken events.IdentifierType = "capture_access_token"
)

const identities events.Kind = "identities" // what it counts

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

var (
	errForm    = misconfigured("uuid_form", "an identifier of type capture_uuid is not a uuid")
	errForeign = errors.New("capture: a lookup answered with something else than was asked for")
)

// survey returns the uuids of the person's profiles that exist, each once. It reads only,
// and returns an error if one of them could be out of sight, or somebody else's.
func (p *Participant) survey(ctx context.Context, t participants.Task) ([]string, error) {
	if p.config.Realm != "" && t.Realm != p.config.Realm {
		return nil, misconfigured("wrong_realm", "the task is of another realm than this participant serves")
	}
	known, err := uuids(t)
	if err != nil {
		return nil, err
	}
	byUUID, err := gather(known, func(uuid string) (string, error) { return uuid, p.look(ctx, uuid) })
	if err != nil {
		return nil, err
	}
	byKey, err := gather(p.values(t, ByKey, p.config.KeyType), func(key string) (string, error) { return p.findKey(ctx, key) })
	if err != nil {
		return nil, err
	}
	byToken, err := gather(p.values(t, ByAccessToken, AccessToken), func(token string) (string, error) {
		uuid, err := p.findToken(ctx, token)
		if errors.Is(err, errToken) && allKnown(t, known) {
			err = errNoRecord
		}
		return uuid, err
	})
	if err != nil {
		return nil, err
	}
	all := slices.Concat(byUUID, byKey, byToken)
	slices.Sort(all)
	return slices.Compact(all), nil
}

// gather returns what find finds; errNoRecord is nothing.
func gather(values []string, find func(string) (string, error)) (found []string, err error) {
	for _, value := range values {
		uuid, err := find(value)
		switch {
		case err == nil:
			found = append(found, uuid)
		case !errors.Is(err, errNoRecord):
			return nil, err
		}
	}
	return found, nil
}

// values returns the identifiers of a type, if that is how profiles are found.
func (p *Participant) values(t participants.Task, by By, typ events.IdentifierType) []string {
	if !slices.Contains(p.config.By, by) {
		return nil
	}
	return t.Values(typ)
}

// uuids returns the uuids of a task, each once: also those that this participant yielded.
func uuids(t participants.Task) ([]string, error) {
	var out []string
	for _, value := range t.Values(UUID) {
		uuid := strings.ToLower(value)
		if !uuidForm.MatchString(uuid) {
			return nil, errForm
		}
		if !slices.Contains(out, uuid) {
			out = append(out, uuid)
		}
	}
	return out, nil
}

// allKnown reports whether there is a uuid for every profile that was counted at resolve,
// when the access tokens were still good.
func allKnown(t participants.Task, known []string) bool {
	counted := t.Baseline[identities]
	return counted > 0 && int64(len(known)) >= counted
}

// look returns nil for a profile that exists and errNoRecord for one that does not.
func (p *Participant) look(ctx context.Context, uuid string) error {
	got, err := p.attribute(ctx, url.Values{"uuid": {uuid}, "attribute_name": {"uuid"}})
	if err == nil && strings.ToLower(got) != uuid {
		return errForeign
	}
	return err
}

// findKey returns the uuid of the profile that has a key. What the vendor takes for equal
// need not be: the profile is asked for its key.
func (p *Participant) findKey(ctx context.Context, key string) (string, error) {
	if key == "" {
		return "", misconfigured("empty_key", "an identifier is empty")
	}
	quoted, err := json.Marshal(key)
	if err != nil {
		return "", errors.New("capture: a key cannot be encoded")
	}
	uuid, err := p.uuid(ctx, url.Values{"key_attribute": {p.config.KeyAttribute}, "key_value": {string(quoted)}})
	if err != nil {
		return "", err
	}
	has, err := p.attribute(ctx, url.Values{"uuid": {uuid}, "attribute_name": {p.config.KeyAttribute}})
	if err == nil && has != key {
		err = misconfigured("key_differs", "a key leads to a profile that has another value in key_attribute")
	}
	return uuid, err
}

// findToken returns the uuid of the profile that an access token is for. A token without a
// profile is no proof of absence.
func (p *Participant) findToken(ctx context.Context, token string) (string, error) {
	if token == "" {
		return "", errToken
	}
	uuid, err := p.uuid(ctx, url.Values{"access_token": {token}})
	if errors.Is(err, errNoRecord) {
		err = errToken
	}
	return uuid, err
}

func (p *Participant) uuid(ctx context.Context, form url.Values) (string, error) {
	form.Set("attribute_name", "uuid")
	got, err := p.attribute(ctx, form)
	if got = strings.ToLower(got); err == nil && !uuidForm.MatchString(got) {
		err = errForeign
	}
	return got, err
}

// attribute returns one attribute of a profile.
func (p *Participant) attribute(ctx context.Context, form url.Values) (string, error) {
	result, err := p.ask(ctx, "entity", form)
	if err != nil {
		return "", err
	}
	var text *string
	if json.Unmarshal(result, &text) != nil || text == nil {
		return "", errForeign
	}
	return *text, nil
}
