package sila

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/expunge-io/expunge/events"
)

// The kinds that it counts.
const (
	emails     events.Kind = "emails"
	phones     events.Kind = "phones"
	addresses  events.Kind = "addresses"
	identities events.Kind = "identities"
)

// kinds are in the order in which they are deleted: the identity, which may be refused, is
// last.
var kinds = []events.Kind{emails, phones, addresses, identities}

// deletions are the operations by kind.
var deletions = map[events.Kind]string{
	emails: "delete/email", phones: "delete/phone", addresses: "delete/address", identities: "delete/identity",
}

// item is one piece of registration data.
type item struct {
	kind  events.Kind
	uuid  string    // in lower case
	added time.Time // whole seconds; zero: the vendor does not say
}

// entity is what the vendor holds of one handle; nothing, if nobody has the handle.
type entity []item

func (e entity) has(it item) bool {
	for _, other := range e {
		if other.kind == it.kind && other.uuid == it.uuid {
			return true
		}
	}
	return false
}

// look reads an entity. An answer that is not about this handle, or does not list all four
// kinds, is an error.
func (p *Participant) look(ctx context.Context, acc account) (entity, error) {
	a, err := p.call(ctx, getEntity, acc, request{})
	if err != nil {
		return nil, err
	}
	// A handle that nobody has is not told apart from a wrong key before it is looked up.
	if a.status == http.StatusNotFound || a.status == http.StatusForbidden {
		return nil, p.nobody(ctx, acc)
	}
	if err := verdictOf(a); err != nil {
		return nil, err
	}
	return readEntity(a.body, acc.handle)
}

func readEntity(body []byte, handle string) (entity, error) {
	var doc struct {
		Success    bool   `json:"success"`
		UserHandle string `json:"user_handle"`
		lists
	}
	if json.Unmarshal(body, &doc) != nil || !doc.Success || !sameHandle(doc.UserHandle, handle) {
		return nil, errStrange
	}
	var out entity
	for _, kind := range kinds {
		list := doc.of(kind)
		if list == nil {
			return nil, errStrange
		}
		for _, entry := range list {
			if entry.UUID == "" {
				return nil, errStrange
			}
			out = append(out, entry.item(kind))
		}
	}
	return out, nil
}

// lists are the four kinds as get_entity has them.
type lists struct {
	Emails     []entry `json:"emails"`
	Phones     []entry `json:"phones"`
	Addresses  []entry `json:"addresses"`
	Identities []entry `json:"identities"`
}

func (l lists) of(kind events.Kind) []entry {
	return map[events.Kind][]entry{emails: l.Emails, phones: l.Phones, addresses: l.Addresses, identities: l.Identities}[kind]
}

type entry struct {
	UUID  string `json:"uuid"`
	Added int64  `json:"added_epoch"` // seconds
}

func (e entry) item(kind events.Kind) item {
	it := item{kind: kind, uuid: strings.ToLower(e.UUID)}
	if e.Added > 0 {
		it.added = time.Unix(e.Added, 0)
	}
	return it
}
