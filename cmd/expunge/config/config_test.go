package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expunge-io/expunge/cmd/expunge/config"
	"github.com/expunge-io/expunge/events/bus"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/capture"
	"github.com/expunge-io/expunge/participants/s3"
)

// good is a configuration without a fault; the tests below spoil it.
const good = `data: data
nats:
  embedded: {port: 4333}
  accounts:
    participants: {a: [UCQ6LKOCULYSNGV5MRLSKED5NX26Q3Z3ALTSVCBGMFY43BK3Z7QLUAOJ]}
sources:
  s: {realm: r, plan: p}
plans:
  p:
    quiet: 5s
    participants:
      a: {yields: [x_id]}
workers:
  a:
    sql:
      dsn: some.db
      tables:
        - {name: t, key: user_id, kind: things, yields: [{type: x_id, column: c}]}
`

func TestWhatIsInTheFileIsRead(t *testing.T) {
	text := strings.Replace(good, "  accounts:", "  limits: {events: 2GiB, commands: 16MiB}\n  accounts:", 1)
	c, err := config.Parse("/etc/expunge/expunge.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "/etc/expunge/data" {
		t.Errorf("data is relative to the file's folder: %s", c.Data)
	}
	if c.HTTP != (config.HTTP{Listen: "127.0.0.1:8080", Source: "s"}) {
		t.Errorf("http: %+v", c.HTTP)
	}
	if c.NATS.Embedded == nil || c.NATS.Embedded.Port != 4333 || c.Durability != bus.DurabilityDefault {
		t.Errorf("nats: %+v, durability %s", c.NATS.Embedded, c.Durability)
	}
	if c.NATS.Limits.EventBytes != 2<<30 || c.NATS.Limits.CommandBytes != 16<<20 {
		t.Errorf("limits: %+v", c.NATS.Limits)
	}
	if c.Sources["s"] != (config.Source{Realm: "r", Plan: "p", Regime: "gdpr"}) {
		t.Errorf("source: %+v", c.Sources["s"])
	}
	if p := c.Plans["p"]; p.Quiet != 5*time.Second || p.Attempts == 0 || p.Participants[0].Yields[0] != "x_id" {
		t.Errorf("plan: %+v", p)
	}
	if w := c.Workers["a"]; w.SQL == nil || w.SQL.DSN != "some.db" || w.SQL.Tables[0].Yields[0].Column != "c" {
		t.Errorf("worker: %+v", w)
	}
	if !c.Orchestrates() || !slices.Equal(c.Participants(), []string{"a"}) || !slices.Equal(c.SourceNames(), []string{"s"}) {
		t.Errorf("participants %v, sources %v", c.Participants(), c.SourceNames())
	}
}

func TestWhatIsAboutSuspendAndBrakesIsRead(t *testing.T) {
	text := strings.NewReplacer(
		"quiet: 5s", "grace: 7d\n    fresh: 1m\n    single: [x_id]",
		"a: {yields: [x_id]}", "a: {yields: [x_id], suspends: true, max_items: 5000000000}",
		"sources:", "ceilings: {overall: 5, per_source: 2}\nsources:",
		"key: user_id,", "key: user_id, suspend: {set: {active: 'false', until: }},",
	).Replace(good)
	c, err := config.Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Plans["p"]
	if a := p.Participants[0]; p.Grace != 7*24*time.Hour || p.Fresh != time.Minute || !slices.Equal(p.Single, []string{"x_id"}) || !a.Suspends || a.MaxItems != 5e9 {
		t.Errorf("plan: %+v", p)
	}
	if c.Ceilings != (config.Ceilings{Overall: 5, PerSource: 2}) {
		t.Errorf("ceilings: %+v", c.Ceilings)
	}
	set := c.Workers["a"].SQL.Tables[0].Suspend.Set
	if until, ok := set["until"]; *set["active"] != "false" || until != nil || !ok {
		t.Errorf("set: %v", set)
	}
	a, err := c.Workers["a"].Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, ok := a.(participants.Suspender); !ok {
		t.Error("the worker does not suspend")
	}
}

// A table that says nothing of suspend makes a worker that does not claim to.
func TestAWorkerHasTheAbilitiesOfItsSettings(t *testing.T) {
	c, err := config.Parse("c.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Workers["a"].Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, ok := a.(participants.Suspender); ok {
		t.Error("the worker says that it suspends")
	}
	if _, err := (config.Worker{}).Open(nil); err == nil {
		t.Error("a worker without an adapter opens")
	}
}

func TestTheExampleHasNoFault(t *testing.T) {
	c, err := config.Parse("expunge.yaml", []byte(config.Example))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Orchestrates() || len(c.Workers) != len(c.Participants()) {
		t.Errorf("the example has plans %v and workers for %d of %d participants", c.Plans, len(c.Workers), len(c.Participants()))
	}
}

// Every commented setting of the example is one that exists: it is read when it is
// uncommented, though its file may not be there.
func TestTheExamplesCommentsAreTrue(t *testing.T) {
	lines := strings.Split(config.Example, "\n")
	for i, line := range lines {
		text, commented := strings.CutPrefix(strings.TrimLeft(line, " "), "#")
		key, _, isSetting := strings.Cut(text, ":")
		if !commented || !isSetting || strings.HasPrefix(text, " ") || strings.Contains(key, " ") {
			continue
		}
		changed := slices.Clone(lines)
		changed[i] = strings.Replace(line, "#", "", 1)
		_, err := config.Parse("expunge.yaml", []byte(strings.Join(changed, "\n")))
		if err != nil && strings.Contains(err.Error(), "unknown key") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// An adapter that stands in the example as a comment, since a participant has one, has no
// fault either, and its own comments are settings that exist.
func TestTheExamplesOtherAdaptersAreTrue(t *testing.T) {
	for _, name := range []string{"capture", "s3"} {
		_, after, found := strings.Cut(config.Example, "    #"+name+":\n")
		if !found {
			t.Fatalf("%s is not in the example", name)
		}
		block := []string{"    " + name + ":"}
		for line := range strings.Lines(after) {
			text, commented := strings.CutPrefix(strings.TrimRight(line, "\n"), "    #")
			if !commented {
				break
			}
			block = append(block, "    "+text)
		}
		parse := func(lines []string) error {
			text := "nats: {url: 'nats://127.0.0.1:4222'}\nworkers:\n  verification-images:\n" + strings.Join(lines, "\n")
			_, err := config.Parse("expunge.yaml", []byte(text))
			return err
		}
		if err := parse(block); err != nil || len(block) < 5 {
			t.Errorf("%s: %d lines: %v", name, len(block), err)
		}
		for i, line := range block {
			if text, commented := strings.CutPrefix(line, "      #"); commented && !strings.HasPrefix(text, " ") {
				changed := slices.Clone(block)
				changed[i] = "      " + text
				if err := parse(changed); err != nil && strings.Contains(err.Error(), "unknown key") {
					t.Errorf("%s: %v", line, err)
				}
			}
		}
	}
}

// sqlWorker is the adapter of the worker in good.
const sqlWorker = `    sql:
      dsn: some.db
      tables:
        - {name: t, key: user_id, kind: things, yields: [{type: x_id, column: c}]}
`

func TestEachFaultIsReportedAtItsLine(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "loose.key", strings.Repeat("0", 64)+"\n", 0o644)
	write(t, folder, "short.key", "00\n", 0o600)
	write(t, folder, "empty", "\n", 0o600)
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key at the top", "sources:", "sorces: {}\nsources:", "6: sorces: unknown key; did you mean sources?"},
		{"unknown key below", "quiet: 5s", "quite: 5s", "10: plans.p.quite: unknown key; did you mean quiet?"},
		{"unknown key, nothing like it", "quiet: 5s", "zzz: 5s", "10: plans.p.zzz: unknown key; known are attempts"},
		{"key twice", "data: data", "data: data\ndata: other", "2: data: there twice, first on line 1"},
		{"text for a mapping", "embedded: {port: 4333}", "embedded: yes please", "3: nats.embedded: want keys and values, got text"},
		{"a list for text", "realm: r", "realm: [r]", "7: sources.s.realm: want text"},
		{"a number for text", "realm: r", "realm: 42", "7: sources.s.realm: want text (put a number in quotes), got a number"},
		{"nothing for text", "data: data", "data:", "1: data: want text (put a number in quotes), got nothing"},
		{"text for a number", "port: 4333", "port: high", "3: nats.embedded.port: want a number, got text"},
		{"a number out of range", "port: 4333", "port: 70000", "3: nats.embedded.port: want a number from -1 to 65535"},
		{"an alias", "realm: r", "realm: *r", "not YAML: unknown anchor 'r' referenced"},
		{"not YAML", "plans:", "plans: [", "not YAML"},
		{"a second document", "sources:", "---\nsources:", "6: a second document"},
		{"a bad duration", "quiet: 5s", "quiet: 5 seconds", `10: plans.p.quiet: "5 seconds" is not a duration such as`},
		{"a duration without unit", "quiet: 5s", "quiet: 5", `10: plans.p.quiet: "5" is not a duration`},
		{"a negative duration", "quiet: 5s", "quiet: -5s", `10: plans.p.quiet: "-5s" is not a duration`},
		{"a word of none", "data: data", "durability: maybe\ndata: data", `1: durability: "maybe": want one of [default strict]`},
		{"an address without port", "data: data", "http: {listen: localhost}\ndata: data", `1: http.listen: "localhost": want host:port`},
		{"an address for everybody", "data: data", "http: {listen: '0.0.0.0:80'}\ndata: data", "1: http.listen: 0.0.0.0:80 is not a loopback address"},
		{"an address without host", "data: data", "http: {listen: ':80'}\ndata: data", "1: http.listen: :80 is not a loopback address"},
		{"http for no source", "data: data", "http: {source: z}\ndata: data", `1: http.source: no source "z"; there are [s]`},
		{"missing data", "data: data\n", "", "1: data: missing"},
		{"missing bus", "  embedded: {port: 4333}\n", "", "missing: give embedded or url"},
		{"two busses", "  accounts:", "  url: nats://h:1\n  accounts:", "4: nats.url: has no meaning with nats.embedded"},
		{"a URL of something else", "embedded: {port: 4333}", "url: http://h", "3: nats.url: want a URL such as nats://"},
		{"a URL with a password", "embedded: {port: 4333}", "url: nats://u:geheim@h:1", "3: nats.url: holds credentials"},
		{"a user without password", "embedded: {port: 4333}", "url: nats://h:1\n  user: u", "2: nats.password_file: missing"},
		{"a wrong key", "UCQ6LKOCULYSNGV5MRLSKED5NX26Q3Z3ALTSVCBGMFY43BK3Z7QLUAOJ", "UCQ6", "5: nats.accounts.participants.a[0]: want a public user key"},
		{"keys of nobody", "participants: {a:", "sources: {t: []}\n    participants: {a:", "5: nats.accounts.sources.t: unknown source; there are [s]"},
		{"keys of no participant", "{a: [UC", "{b: [UC", "5: nats.accounts.participants.b: unknown participant"},
		{"a participant without key", "{a: [UC", "{b: [UC", "5: nats.accounts.participants.a: missing: without a public user key"},
		{"a source's name", "  s: {realm", "  S s: {realm", `7: sources.S s: name "S s": must be`},
		{"a source without realm", "realm: r, ", "", "7: sources.s.realm: missing"},
		{"a source's unknown plan", "plan: p}", "plan: q}", `7: sources.s.plan: no plan "q"; there are [p]`},
		{"a source's unknown regime", "plan: p}", "plan: p, regime: hippa}", `7: sources.s.regime: no regime "hippa"; there are [ccpa gdpr]`},
		{"no source", "  s: {realm: r, plan: p}\n", "", "sources: missing: without a source"},
		{"a regime of no time", "sources:", "regimes: {x: 0s}\nsources:", "6: regimes.x: must be longer than nothing"},
		{"no participants", "      a: {yields: [x_id]}\n", "", "plans.p.participants: a plan without participants would complete without erasing anything"},
		{"after nobody", "yields: [x_id]", "yields: [x_id], after: [b]", `12: plans.p.participants.a.after: no participant "b"`},
		{"a cycle", "a: {yields: [x_id]}", "a: {yields: [x_id], after: [b]}\n      b: {after: [a]}", "11: plans.p.participants: after: cycle a > b > a"},
		{"a need that nobody yields", "yields: [x_id]", "yields: [x_id], needs: [y_id]", "12: plans.p.participants.a: needs y_id, which nobody yields"},
		{"a user id out of nothing", "yields: [x_id]", "yields: [x_id, user_id]", "12: plans.p.participants.a: yields user_id: needs must say by which types it finds one"},
		{"a worker that needs the user id that it finds", "{yields: [x_id]}", "{needs: [x_id], yields: [x_id, user_id]}", "workers.a: needs user_id, and plan p may ask it without one"},
		{"a worker that needs the user id that others find", "a: {yields: [x_id]}", "a: {needs: [y_id], yields: [x_id]}\n      b: {yields: [y_id, z_id]}\n      c: {needs: [z_id], yields: [user_id]}", "workers.a: needs user_id, and plan p may ask it without one"},
		{"a figure that does not fit", "quiet: 5s", "backoff_first: 10m\n    backoff_max: 1m", "11: plans.p.backoff_max: too small"},
		{"an identifier type", "[x_id]", "[X-ID]", `12: plans.p.participants.a.yields[0]: "X-ID": want an identifier type`},
		{"a worker of no participant", "workers:\n  a:", "workers:\n  b:", "14: workers.b: unknown participant: no plan has it; the plans have [a]"},
		{"a worker that yields less", "yields: [{type: x_id, column: c}]", "", "workers.a: does not yield x_id, as plan p says it does"},
		{"a worker that needs more", "key: user_id", "key: mail, key_type: email", "workers.a: needs email, which plan p does not give it"},
		{"a worker without adapter", "    sql:", "    concurrency: 3\nx:\n    sql:", "14: workers.a: missing an adapter"},
		{"two adapters", "    sql:", "    jumio: {user_agent: A B/v1, token: t, secret: s}\n    sql:", "workers.a.sql: jumio is given too"},
		{"an adapter's own fault", "key: user_id, ", "", "18: workers.a.sql.tables[0]: name and key are needed"},
		{"a fault deep in an adapter", "    sql:", "    cognito: {region: r, pool: x, access_key_id: i, secret_access_key: s}\nx:\n    sql:", "15: workers.a.cognito.pool: want a user pool id"},
		{"a driver that is none", "    sql:", "    sql:\n      driver: oracle", "16: workers.a.sql.driver: "},
		{"a dsn of another driver", "    sql:", "    sql:\n      driver: mysql", "17: workers.a.sql.dsn: is not one of MySQL"},
		{"capture without a client", sqlWorker, "    capture: {url: 'https://a.example.com', client_secret: geheim}\n", "15: workers.a.capture: client_id: is needed"},
		{"capture in plain sight", sqlWorker, "    capture: {url: 'http://a.example.com', client_id: i, client_secret: geheim}\n", "15: workers.a.capture.url: want https"},
		{"capture without a secret", sqlWorker, "    capture: {url: 'https://a.example.com', client_id: i}\n", "workers.a.capture.client_secret_file: missing (or client_secret, for trying out)"},
		{"capture by an address", sqlWorker, "    capture: {url: 'https://a.example.com', client_id: i, client_secret: geheim, by: [uuid, email]}\n", "15: workers.a.capture.by[1]: "},
		{"capture by a key of no name", sqlWorker, "    capture: {url: 'https://a.example.com', client_id: i, client_secret: geheim, by: [key]}\n", "workers.a.capture: key_attribute: is needed"},
		{"capture by a token alone", sqlWorker, "    capture: {url: 'https://a.example.com', client_id: i, client_secret: geheim, by: [access_token]}\n", "workers.a.capture: yield_uuid: is needed with access_token"},
		{"capture needs more than the plan", sqlWorker, "    capture: {url: 'https://a.example.com', client_id: i, client_secret: geheim}\n", "workers.a: needs capture_uuid, which plan p does not give it"},
		{"capture misspelt", sqlWorker, "    capture: {urls: x}\n", "workers.a.capture.urls: unknown key; did you mean url?"},
		{"a target of no name", sqlWorker, "    target: t\n    jumio: {user_agent: A B/v1, token: t, secret: s}\n", "15: workers.a.target: unknown target t; there are []"},
		{"a target of sql", "workers:\n  a:\n", "targets: {t: {}}\nworkers:\n  a:\n    target: t\n", "workers.a.target: has no meaning for sql and redis"},
		{"a burst without a rate", "workers:\n  a:\n", "targets: {t: {burst: 2}}\nworkers:\n  a:\n", "13: targets.t.burst: is of no use without a rate"},
		{"a rate that is none", "workers:\n  a:\n", "targets: {t: {rate: fast}}\nworkers:\n  a:\n", "13: targets.t.rate: want a number"},
		{"a rate without end", "workers:\n  a:\n", "targets: {t: {rate: .inf}}\nworkers:\n  a:\n", "13: targets.t.rate: want a number such as 25 or 0.5"},
		{"redis without a canary", sqlWorker, "    redis: {addresses: [h:1], places: [{kind: k, key: '${user_id}'}]}\n", "15: workers.a.redis: canary: is needed"},
		{"redis with an empty place", sqlWorker, "    redis: {addresses: [h:1], canary: c, places: [{kind: k, key: fixed}]}\n", "15: workers.a.redis.places[0].key: must hold an identifier"},
		{"redis with half a certificate", sqlWorker, "    redis: {addresses: [h:1], canary: c, tls: {cert: x}, places: [{kind: k, key: 'k:${user_id}'}]}\n", "15: workers.a.redis.tls.key: missing"},
		{"s3 without a secret", sqlWorker, "    s3: {region: r, access_key_id: i, places: [{kind: k, bucket: b, key: '${user_id}'}]}\n", "workers.a.s3.secret_access_key_file: missing (or secret_access_key, for trying out)"},
		{"s3 with two credentials", sqlWorker, "    s3: {region: r, access_key_id: i, secret_access_key: geheim, find_credentials: true, places: [{kind: k, bucket: b, key: '${user_id}'}]}\n", "15: workers.a.s3.find_credentials: an access key is given too"},
		{"s3 without a key id", sqlWorker, "    s3: {region: r, secret_access_key: geheim, places: [{kind: k, bucket: b, key: '${user_id}'}]}\n", "15: workers.a.s3: access_key_id, secret_access_key: are needed"},
		{"s3 without a region", sqlWorker, "    s3: {access_key_id: i, secret_access_key: geheim, places: [{kind: k, bucket: b, key: '${user_id}'}]}\n", "15: workers.a.s3: region: is needed"},
		{"s3 in plain sight", sqlWorker, "    s3: {endpoint: 'http://store.example.com', access_key_id: i, secret_access_key: geheim, places: [{kind: k, bucket: b, key: '${user_id}'}]}\n", "15: workers.a.s3.endpoint: want https"},
		{"s3 with an open prefix", sqlWorker, "    s3: {region: r, access_key_id: i, secret_access_key: geheim, places: [{kind: k, bucket: b, prefix: 'users/${user_id}'}]}\n", "15: workers.a.s3.places[0].prefix: the delimiter / must come right after"},
		{"s3 with everybody's prefix", sqlWorker, "    s3: {region: r, access_key_id: i, secret_access_key: geheim, places: [{kind: k, bucket: b, prefix: users/}]}\n", "15: workers.a.s3.places[0].prefix: must hold an identifier"},
		{"s3 of no kind", sqlWorker, "    s3: {region: r, access_key_id: i, secret_access_key: geheim, places: [{bucket: b, key: '${user_id}'}]}\n", "15: workers.a.s3.places[0]: kind: is needed"},
		{"s3 with half a certificate", sqlWorker, "    s3: {region: r, access_key_id: i, secret_access_key: geheim, tls: {cert: x}, places: [{kind: k, bucket: b, key: '${user_id}'}]}\n", "15: workers.a.s3.tls.key: missing"},
		{"s3 needs more than the plan", sqlWorker, "    s3: {region: r, access_key_id: i, secret_access_key: geheim, places: [{kind: k, bucket: b, key: '${tenant}/${user_id}'}]}\n", "workers.a: needs tenant, which plan p does not give it"},
		{"s3 misspelt", sqlWorker, "    s3: {buckets: [b]}\n", "15: workers.a.s3.buckets: unknown key"},
		{"sila without credentials", sqlWorker, "    sila: {api: 'https://h', app_handle: a}\n", "15: workers.a.sila: client_id: is needed, with client_secret; or app_key"},
		{"sila without TLS", sqlWorker, "    sila: {api: 'http://h.example.com', app_handle: a, client_id: c, client_secret: s}\n", "15: workers.a.sila.api: want https, but for a host on loopback; for example"},
		{"sila with half of OAuth2", sqlWorker, "    sila: {api: 'https://h', app_handle: a, client_id: c}\n", "15: workers.a.sila.client_id: both are needed"},
		{"sila with a key that is none", sqlWorker, "    sila: {api: 'https://h', app_handle: a, app_key: geheim}\n", "15: workers.a.sila.app_key: want a private key of 64 hexadecimal digits"},
		{"sila with a key in two places", sqlWorker, "    sila: {api: 'https://h', app_handle: a, app_key: x, app_key_file: empty}\n", "15: workers.a.sila.app_key_file: app_key is given too"},
		{"sila misspelt", sqlWorker, "    sila: {api: 'https://h', app_handel: a, client_id: c, client_secret: s}\n", "15: workers.a.sila.app_handel: unknown key; did you mean app_handle?"},
		{"a secret in two places", "dsn: some.db", "dsn: some.db\n      dsn_file: empty", "17: workers.a.sql.dsn_file: dsn is given too"},
		{"no secret", "      dsn: some.db\n", "", "workers.a.sql.dsn_file: missing (or dsn, for trying out)"},
		{"an empty secret", "dsn: some.db", "dsn_file: empty", "16: workers.a.sql.dsn_file: " + filepath.Join(folder, "empty") + " holds nothing"},
		{"a missing file", "data: data", "keys: {kek_file: none}\ndata: data", "1: keys.kek_file: open " + filepath.Join(folder, "none") + ": no such file"},
		{"a key that others can read", "data: data", "keys: {kek_file: loose.key}\ndata: data", "1: keys.kek_file: " + filepath.Join(folder, "loose.key") + ": mode 0644 lets others in"},
		{"what is no key", "data: data", "keys: {kek_file: short.key}\ndata: data", "1: keys.kek_file: " + filepath.Join(folder, "short.key") + ": not a key"},
		{"a grace longer than the law", "quiet: 5s", "grace: 31d", "7: sources.s.plan: the grace of plan p, 744h0m0s, is longer than the regime gdpr allows: 720h0m0s"},
		{"a negative grace", "quiet: 5s", "grace: -1s", `10: plans.p.grace: "-1s" is not a duration`},
		{"one of a type that nobody yields", "quiet: 5s", "single: [x_id, y_id]", "10: plans.p.single[1]: nobody yields y_id"},
		{"suspends is no word", "a: {yields: [x_id]}", "a: {yields: [x_id], suspends: yes please}", "12: plans.p.participants.a.suspends: want true or false"},
		{"a worker that cannot suspend", "a: {yields: [x_id]}", "a: {yields: [x_id], suspends: true}", "14: workers.a: cannot suspend its share, as plan p says it does: say in a table what suspend"},
		{"a ceiling of no items", "a: {yields: [x_id]}", "a: {yields: [x_id], max_items: 0}", "12: plans.p.participants.a.max_items: want a number from 1"},
		{"a ceiling of none", "sources:", "ceilings: {overall: 0}\nsources:", "6: ceilings.overall: want a number from 1"},
		{"a ceiling above the ceiling", "sources:", "ceilings: {overall: 5, per_source: 6}\nsources:", "6: ceilings.per_source: is above overall, 5"},
		{"a ceiling of something else", "sources:", "ceilings: {per_day: 5}\nsources:", "6: ceilings.per_day: unknown key; known are overall, per_source"},
		{"a suspend that is no word", "key: user_id,", "key: user_id, suspend: hide,", "18: workers.a.sql.tables[0].suspend: want delete, which ends the rows for good, or"},
		{"a suspend of nothing", "key: user_id,", "key: user_id, suspend: ,", "18: workers.a.sql.tables[0].suspend: want delete"},
		{"a suspend without columns", "key: user_id,", "key: user_id, suspend: {set: {}},", "18: workers.a.sql.tables[0].suspend: want either set, with at least one column"},
		{"a suspend misspelt", "key: user_id,", "key: user_id, suspend: {sets: {}},", "18: workers.a.sql.tables[0].suspend.sets: unknown key; did you mean set?"},
		{"a suspend to a number", "key: user_id,", "key: user_id, suspend: {set: {d: 0}},", "18: workers.a.sql.tables[0].suspend.set.d: want text, or nothing for NULL, got a number"},
		{"a suspend of the key", "key: user_id,", "key: user_id, suspend: {set: {user_id: x}},", "18: workers.a.sql.tables[0].suspend.set: column user_id is what"},
		{"a suspend that hides a lead", "key: user_id,", "key: user_id, suspend: delete,", "18: workers.a.sql.tables[0].suspend: rows that yield identifiers"},
		{"a size without unit", "embedded: {port: 4333}", "embedded: {port: 4333}\n  limits: {events: 5}", "4: nats.limits.events: want a size such as 64MiB or 4GiB, got a number"},
		{"a size of nothing", "embedded: {port: 4333}", "embedded: {port: 4333}\n  limits: {events: 0MiB}", `4: nats.limits.events: "0MiB" is not a size`},
		{"half of TLS", "{port: 4333}", "{port: 4333, tls: {cert: empty}}", "3: nats.embedded.tls.key: missing: cert needs it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if text == good {
				t.Fatalf("%q is not in the configuration", c.old)
			}
			_, err := config.Parse(filepath.Join(folder, "c.yaml"), []byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("want %q, got:\n%v", c.want, err)
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Error("shows a password")
			}
		})
	}
}

func TestEverythingWrongIsReportedAtOnceInTheOrderOfTheLines(t *testing.T) {
	_, err := config.Parse("c.yaml", []byte(`http: {listen: "0.0.0.0:80"}
nats: {embedded: {prot: 1}}
sources:
  s: {realm: r, plan: q}
plans:
  p: {quiet: soon, participants: {a: {after: b}}}
`))
	var faults config.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("%T: %v", err, err)
	}
	var lines []int
	for _, f := range faults {
		lines = append(lines, f.Line)
	}
	if !slices.IsSorted(lines) || len(faults) < 6 {
		t.Errorf("lines %v:\n%v", lines, err)
	}
	for _, want := range []string{"c.yaml:1: data: missing", "c.yaml:1: http.listen", "c.yaml:2: nats.embedded.prot", "c.yaml:4: sources.s.plan", "c.yaml:6: plans.p.quiet", "c.yaml:6: plans.p.participants.a.after: want a list, got text"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

func TestOverridesWinAndAreNamedInFaults(t *testing.T) {
	over := func(origin, path, value string) config.Override {
		return config.Override{Origin: origin, Path: path, Value: value}
	}
	c, err := config.Parse("/etc/c.yaml", []byte(good),
		over("EXPUNGE_DATA", "data", "from/env"), over("EXPUNGE_HTTP", "http.listen", "127.0.0.1:1"),
		over("--http", "http.listen", "127.0.0.1:2"), over("EXPUNGE_LOG_LEVEL", "log.level", "debug"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "from/env" || c.HTTP.Listen != "127.0.0.1:2" || c.Log.Level != "debug" {
		t.Errorf("data %s, http %s, log %s", c.Data, c.HTTP.Listen, c.Log.Level)
	}
	_, err = config.Parse("c.yaml", []byte(good), over("--http", "http.listen", "here"), over("EXPUNGE_LOG_LEVEL", "log.level", "loud"))
	for _, want := range []string{`--http: http.listen: "here"`, `EXPUNGE_LOG_LEVEL: log.level: "loud"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

func TestEveryOverrideIsOfAScalarThatExists(t *testing.T) {
	for _, v := range config.Overridable {
		_, err := config.Parse("c.yaml", []byte(good), config.Override{Origin: "here", Path: v.Path, Value: "\x00"})
		if err != nil && strings.Contains(err.Error(), "unknown key") {
			t.Errorf("%s: %v", v.Path, err)
		}
	}
}

func TestACaptureWorkerIsRead(t *testing.T) {
	_, sqlWorker, _ := strings.Cut(good, "workers:\n  a:\n")
	text := strings.NewReplacer(
		"a: {yields: [x_id]}", "a: {yields: [capture_uuid]}",
		sqlWorker, "    capture: {url: 'https://a.example.com', client_id: i, client_secret: s, auth: form, type_name: staff, by: [key], key_attribute: k, yield_uuid: true, timeout: 3s}\n",
	).Replace(good)
	c, err := config.Parse("c.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := capture.Config{
		URL: "https://a.example.com", ClientID: "i", ClientSecret: "s", Auth: capture.Form, TypeName: "staff",
		By: []capture.By{capture.ByKey}, KeyAttribute: "k", YieldUUID: true, Timeout: 3 * time.Second,
	}
	if got := c.Workers["a"].Capture; got == nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
	a, err := c.Workers["a"].Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, ok := a.(participants.Counter); !ok {
		t.Error("the worker does not count")
	}
}

func TestAnS3WorkerIsRead(t *testing.T) {
	_, sqlWorker, _ := strings.Cut(good, "workers:\n  a:\n")
	read := func(credentials string) *s3.Config {
		text := strings.NewReplacer("a: {yields: [x_id]}", "a: {}", sqlWorker, `    s3:
      realm: r
      region: eu-central-1
      endpoint: https://store.example.com
      path_style: true
      `+credentials+`
      delimiter: "-"
      timeout: 3s
      tls: {}
      places:
        - {kind: images, bucket: b, prefix: "u-${user_id}-"}
        - {kind: exports, bucket: c, key: "e-${user_id}", ground: "tax law"}
`).Replace(good)
		c, err := config.Parse("c.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		a, err := c.Workers["a"].Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if _, ok := a.(participants.Counter); !ok {
			t.Error("the worker does not count")
		}
		return c.Workers["a"].S3
	}
	got := read("access_key_id: i\n      secret_access_key: s\n      session_token: o")
	if got.TLS == nil {
		t.Error("without TLS")
	}
	got.TLS = nil
	want := s3.Config{
		Realm: "r", Region: "eu-central-1", Endpoint: "https://store.example.com", PathStyle: true,
		AccessKeyID: "i", SecretAccessKey: "s", SessionToken: "o", Delimiter: "-", Timeout: 3 * time.Second,
		Places: []s3.Place{{Kind: "images", Bucket: "b", Prefix: "u-${user_id}-"}, {Kind: "exports", Bucket: "c", Key: "e-${user_id}", Ground: "tax law"}},
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("read %+v, want %+v", *got, want)
	}

	t.Setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	found := read("find_credentials: true").Credentials
	if found == nil {
		t.Fatal("no credentials are found")
	}
	if c, err := found.Retrieve(t.Context()); err != nil || c.AccessKeyID != "from-the-environment" {
		t.Errorf("found %q, %v", c.AccessKeyID, err)
	}
	if read("access_key_id: i\n      secret_access_key: s").Credentials != nil {
		t.Error("credentials are looked for although some are given")
	}
}

func TestWorkersAloneNeedNoPlans(t *testing.T) {
	_, workers, _ := strings.Cut(good, "workers:")
	c, err := config.Parse("c.yaml", []byte("nats: {url: 'nats://127.0.0.1:4222'}\nworkers:"+workers))
	if err != nil {
		t.Fatal(err)
	}
	if c.Orchestrates() || len(c.Workers) != 1 {
		t.Errorf("orchestrates %v, %d workers", c.Orchestrates(), len(c.Workers))
	}
}

func TestAFileThatHoldsNothingSaysWhereToStart(t *testing.T) {
	for _, text := range []string{"", "# only a comment\n", "{}\n", "[]\n", "just text\n"} {
		if _, err := config.Parse("c.yaml", []byte(text)); err == nil {
			t.Errorf("%q: no fault", text)
		}
	}
	if _, err := config.Read(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestDurations(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{"0s": 0, "30s": 30 * time.Second, "30d": 30 * day, "1d12h": 36 * time.Hour, "0d": 0, "1h30m": 90 * time.Minute} {
		if got, err := config.ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "1", "-1s", "1d-1h", "1w", "999999d1", "1.5d"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func write(t *testing.T, folder, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
