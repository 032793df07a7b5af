// Package redis is a participant that deletes what Redis, or a server that speaks its
// protocol, holds of a person: sessions, tokens, caches.
//
// Where the person's entries are is declared as a list of [Place]: a key, the members of
// an index and the keys that they name, a search, or one entry of a collection that all
// share. Nothing else is read or changed.
//
// # What is never done
//
// A value is put into a key as it is, and into a pattern with everything quoted that a
// pattern could read in it; what a search returns is compared once more, without patterns.
// A value that holds the delimiter of the keys is refused: "a:profile" must not reach what
// belongs to "a". Keys are searched with SCAN on every master, never with KEYS, and go with
// UNLINK.
//
// # What it counts as absent
//
// Redis has no tables that could be missing: to a wrong address, database or access list
// everything is absent. So there must be a [Config.Canary], a key that an operator sets
// once in the right database, and that each task looks at first. Without it the answer is
// Misconfigured, not absent.
//
// # Suspend
//
// With [Config.Suspend] the entries go when the share is suspended: that ends sessions. It
// is the one thing that a restore does not bring back.
package redis
