package config

import (
	"net/url"
	"slices"

	"github.com/nats-io/nkeys"

	"github.com/expunge-io/expunge/events/bus"
)

func (c *NATS) read(n node) {
	known := c.Client.fields()
	known["embedded"] = func(n node) {
		c.Embedded = &Embedded{}
		c.Embedded.read(n)
	}
	known["accounts"] = c.Accounts.read
	known["limits"] = func(n node) { readLimits(n, &c.Limits) }
	n.object(known)
	c.Client.agree(n)
	if c.Embedded != nil {
		for _, key := range []string{"url", "creds_file", "nkey_file", "user", "tls"} {
			if n.has(key) {
				n.at(key).bad("has no meaning with nats.embedded: remove one of the two")
			}
		}
	}
}

func readLimits(n node, l *bus.Limits) {
	n.object(fields{"requests": size(&l.RequestBytes), "commands": size(&l.CommandBytes), "events": size(&l.EventBytes)})
}

func (e *Embedded) read(n node) {
	n.object(fields{
		"port":  integer(&e.Port, -1, 65535),
		"store": filename(&e.Store),
		"tls":   readTLS(&e.TLS),
	})
}

// fields are those of a client; a worker has them too.
func (c *Client) fields() fields {
	f := fields{
		"url":        text(&c.URL),
		"creds_file": file(&c.CredsFile),
		"nkey_file":  file(&c.NKeyFile),
		"user":       text(&c.User),
		"tls":        readTLS(&c.TLS),
	}
	secret(f, "password", &c.Password)
	return f
}

// agree reports what is wrong with the fields together.
func (c *Client) agree(n node) {
	given := slices.DeleteFunc([]string{"creds_file", "nkey_file", "user"}, func(k string) bool { return !n.has(k) })
	if len(given) > 1 {
		n.at(given[1]).bad("%s is given too: only one of creds_file, nkey_file and user may be", given[0])
	}
	if n.has("user") {
		n.oneSecret("password")
	} else if c.Password != "" {
		n.at("user").bad("missing: a password needs it")
	}
	if n.has("url") && c.URL != "" {
		checkURL(n.at("url"), c.URL)
	}
}

// checkURL never repeats the URL: it may hold a password.
func checkURL(n node, raw string) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
		n.bad("want a URL such as nats://127.0.0.1:4222")
	} else if u.User != nil {
		n.bad("holds credentials: put them into user and password_file")
	}
}

func readTLS(t *bus.TLS) func(node) {
	return func(n node) {
		n.object(fields{"ca": file(&t.CA), "cert": file(&t.Cert), "key": file(&t.Key)})
		switch {
		case n.has("cert") && !n.has("key"):
			n.at("key").bad("missing: cert needs it")
		case n.has("key") && !n.has("cert"):
			n.at("cert").bad("missing: key needs it")
		}
	}
}

func (a *Accounts) read(n node) {
	seen := map[string]string{}
	n.object(fields{
		"orchestrator": userKeys(&a.Orchestrator, seen),
		"operators":    userKeys(&a.Operators, seen),
		"participants": userKeysByName(&a.Participants, seen),
		"sources":      userKeysByName(&a.Sources, seen),
	})
}

func userKeysByName(to *map[string][]string, seen map[string]string) func(node) {
	return func(n node) {
		*to = map[string][]string{}
		for name, value := range n.entries() {
			if !checkName(value, name) {
				continue
			}
			var keys []string
			userKeys(&keys, seen)(value)
			(*to)[name] = keys
		}
	}
}

// userKeys reads public user keys. One that is there twice would get one of the two places
// on the bus, and nobody would know which.
func userKeys(to *[]string, seen map[string]string) func(node) {
	return func(n node) {
		for _, element := range n.list() {
			var key string
			text(&key)(element)
			switch {
			case key == "":
			case !nkeys.IsValidPublicUserKey(key):
				element.bad("want a public user key (U...): expunge nats key FILE makes one")
			case seen[key] != "":
				element.bad("is the key of %s: every program has its own", seen[key])
			default:
				seen[key] = element.path
				*to = append(*to, key)
			}
		}
	}
}

// checkName reports a key that cannot be the name of a participant or a source.
func checkName(e node, name string) bool {
	err := bus.CheckName(name)
	if err != nil {
		e.badKey("%v", err)
	}
	return err == nil
}
