package redis_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/redis"
)

// server is a Redis with a part of its keys that is this test's own.
type server struct {
	goredis.UniversalClient
	addresses []string
	cluster   bool
	prefix    string // of every key of the test
}

// overServers runs a test against one server and against a cluster.
func overServers(t *testing.T, test func(*testing.T, server)) {
	t.Run("single", func(t *testing.T) { test(t, single(t)) })
	t.Run("cluster", func(t *testing.T) { test(t, cluster(t)) })
}

func single(t *testing.T) server {
	t.Helper()
	address := os.Getenv("EXPUNGE_TEST_REDIS")
	if address == "" {
		t.Skip("not covered: Redis (EXPUNGE_TEST_REDIS is not set)")
	}
	return enter(t, server{UniversalClient: goredis.NewClient(&goredis.Options{Network: "unix", Addr: address, DisableIdentity: true}), addresses: []string{address}})
}

func cluster(t *testing.T) server {
	t.Helper()
	addresses := os.Getenv("EXPUNGE_TEST_REDIS_CLUSTER")
	if addresses == "" {
		t.Skip("not covered: a Redis cluster (EXPUNGE_TEST_REDIS_CLUSTER is not set)")
	}
	nodes := strings.Split(addresses, ",")
	return enter(t, server{UniversalClient: goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: nodes, DisableIdentity: true}), addresses: nodes, cluster: true})
}

func enter(t *testing.T, s server) server {
	t.Helper()
	s.prefix = rand.Text() + ":"
	s.set(t, "canary", "here")
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (s server) set(t *testing.T, keys ...string) {
	t.Helper()
	for _, k := range keys {
		s.must(t, s.Set(context.Background(), s.prefix+k, "v", 0))
	}
}

func (s server) must(t *testing.T, cmds ...goredis.Cmder) {
	t.Helper()
	for _, c := range cmds {
		if c.Err() != nil {
			t.Fatal(c.Err())
		}
	}
}

func (s server) has(t *testing.T, key string) bool {
	t.Helper()
	n, err := s.Exists(t.Context(), s.prefix+key).Result()
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// config is that of a participant for these places, below the test's own prefix.
func (s server) config(places ...redis.Place) redis.Config {
	for i := range places {
		p := &places[i]
		if p.Kind == "" {
			p.Kind = "sessions"
		}
		for _, key := range []*string{&p.Key, &p.Index, &p.Collection} {
			if *key != "" {
				*key = s.prefix + *key
			}
		}
	}
	return redis.Config{Addresses: s.addresses, Cluster: s.cluster, Canary: s.prefix + "canary", Places: places, Batch: 3}
}

func (s server) connect(t *testing.T, places ...redis.Place) *redis.Participant {
	t.Helper()
	return open(t, s.config(places...))
}

func open(t *testing.T, c redis.Config) *redis.Participant {
	t.Helper()
	p, err := redis.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// task brings identifiers as type=value; without a type it is a user id.
func task(verb events.Verb, ids ...string) participants.Task {
	t := participants.Task{Saga: "saga", Verb: verb, Round: 1, Attempt: 1, Realm: "main"}
	for _, id := range ids {
		typ, value, found := strings.Cut(id, "=")
		if !found {
			typ, value = "user_id", id
		}
		t.Identifiers = append(t.Identifiers, events.Identifier{Type: events.IdentifierType(typ), Value: events.Private(value)})
	}
	return t
}

func erased(t *testing.T, p *redis.Participant, want int64, ids ...string) {
	t.Helper()
	counted, err := p.Count(t.Context(), task(events.Resolve, ids...))
	if err != nil || counted.Total() != want {
		t.Fatalf("counted %v, %v; want %d", counted, err, want)
	}
	res, err := p.Erase(t.Context(), task(events.Erase, ids...))
	if err != nil || res.Counts.Total() != want || res.Verdict != map[bool]events.Verdict{true: events.Erased, false: events.Absent}[want > 0] {
		t.Fatalf("got %s %v, %v; want %d", res.Verdict, res.Counts, err, want)
	}
	if left, err := p.Count(t.Context(), task(events.Verify, ids...)); err != nil || left.Total() != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func wantMisconfigured(t *testing.T, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[*participants.Misconfigured](err); !ok || e.Code != code {
		t.Errorf("got %v; want misconfigured: %s", err, code)
	}
}

func TestKeysOfEachForm(t *testing.T) {
	overServers(t, func(t *testing.T, s server) {
		ctx := t.Context()
		for _, id := range []string{"kim", "lee"} {
			s.set(t, "profile:"+id, "token:"+id+":web", "token:"+id+":app", "cache:"+id+":a", "session:1"+id, "session:2"+id, "grant:7"+id)
			s.must(t, s.SAdd(ctx, s.prefix+"sessions:"+id, "1"+id, "2"+id, "3"+id+"-expired"), s.HSet(ctx, s.prefix+"grants:"+id, "7"+id, "scope"),
				s.ZAdd(ctx, s.prefix+"recent:"+id, goredis.Z{Score: 1, Member: "x"}, goredis.Z{Score: 2, Member: "y"}), s.RPush(ctx, s.prefix+"log:"+id, "a", "b", "a", "c", "d"),
				s.SAdd(ctx, s.prefix+"online", id), s.ZAdd(ctx, s.prefix+"seen", goredis.Z{Score: 9, Member: id}), s.HSet(ctx, s.prefix+"names", id, "n"), s.RPush(ctx, s.prefix+"queue", id, id))
		}
		p := s.connect(t, redis.Place{Key: "profile:${user_id}"}, redis.Place{Key: "token:${user_id}:*"}, redis.Place{Key: "cache:${user_id}:*"},
			redis.Place{Index: "sessions:${user_id}", Key: "session:${member}"}, redis.Place{Index: "grants:${user_id}", Key: "grant:${member}"},
			redis.Place{Index: "recent:${user_id}"}, redis.Place{Index: "log:${user_id}"},
			redis.Place{Collection: "online", Member: "${user_id}"}, redis.Place{Collection: "seen", Member: "${user_id}"},
			redis.Place{Collection: "names", Member: "${user_id}"}, redis.Place{Collection: "queue", Member: "${user_id}"})
		erased(t, p, 1+2+1+3+1+2+5+1+1+1+2, "kim")
		for _, key := range []string{"session:1kim", "session:2kim", "grant:7kim", "sessions:kim"} {
			if s.has(t, key) {
				t.Errorf("%s is left", key)
			}
		}
		erased(t, p, 0, "kim")
		erased(t, p, 20, "lee")
	})
}

// TestLargeShare: more keys and members than fit in a page, and in a compact encoding.
func TestLargeShare(t *testing.T) {
	overServers(t, func(t *testing.T, s server) {
		ctx, n := t.Context(), 2500
		pipe := s.Pipeline()
		for i := range n {
			pipe.Set(ctx, fmt.Sprintf("%ssession:%d", s.prefix, i), "v", 0)
			pipe.SAdd(ctx, s.prefix+"sessions:kim", i)
			pipe.ZAdd(ctx, s.prefix+"recent:kim", goredis.Z{Score: float64(i), Member: i})
			pipe.HSet(ctx, s.prefix+"fields:kim", i, "v")
			pipe.RPush(ctx, s.prefix+"list:kim", i)
			pipe.Set(ctx, fmt.Sprintf("%stoken:kim:%d", s.prefix, i), "v", 0)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			t.Fatal(err)
		}
		c := s.config(redis.Place{Index: "sessions:${user_id}", Key: "session:${member}"}, redis.Place{Index: "recent:${user_id}"},
			redis.Place{Index: "fields:${user_id}"}, redis.Place{Index: "list:${user_id}"}, redis.Place{Key: "token:${user_id}:*"})
		c.Batch = 100
		erased(t, open(t, c), int64(5*n), "kim")
		if s.has(t, "session:0") || s.has(t, "session:2499") {
			t.Error("a key that a member named is left")
		}
	})
}

// TestSearchFindsNobodyElse: the keys of others look like the person's to a careless pattern.
func TestSearchFindsNobodyElse(t *testing.T) {
	overServers(t, func(t *testing.T, s server) {
		others := []string{"token:k:1", "token:kimi:1", "token:kim:1:2", "token:kim:", "token:kim", "xtoken:kim:1", "token:k*m:1", "token:[k]im:1", "token:k?m:1"}
		s.set(t, others...)
		s.set(t, "token:kim:1")
		p := s.connect(t, redis.Place{Key: "token:${user_id}:*"})
		for _, id := range []string{"*", "k*", "[a-z]im", "ki?", `k\im`, "[k]i[m]", "^kim", "k"} {
			if id != "k" {
				erased(t, p, 0, id)
			}
		}
		erased(t, p, 1, "kim")
		for id, n := range map[string]int64{"k*m": 1, "[k]im": 1, "k?m": 1, "k": 1, "kimi": 1} {
			erased(t, p, n, id)
		}
		for _, key := range []string{"token:kim:1:2", "token:kim:", "token:kim", "xtoken:kim:1"} {
			if !s.has(t, key) {
				t.Errorf("%s is gone", key)
			}
		}
	})
}

// TestValueThatIsMoreThanOnePart: it would reach the keys of somebody else.
func TestValueThatIsMoreThanOnePart(t *testing.T) {
	s := single(t)
	s.set(t, "kim:profile")
	c := s.config(redis.Place{Key: "${user_id}"})
	if _, err := open(t, c).Erase(t.Context(), task(events.Erase, "kim:profile")); !errors.As(err, new(*participants.Refuse)) || !s.has(t, "kim:profile") {
		t.Errorf("got %v", err)
	}
	c.Delimiter = "none"
	erased(t, open(t, c), 1, "kim:profile")
	other := s.connect(t, redis.Place{Index: "of:${cart}", Key: "cart:${member}"})
	if got := other.Needs(); len(got) != 1 || got[0] != "cart" {
		t.Errorf("needs %v", got)
	}
	erased(t, other, 0, "kim:profile", "cart=7") // an id that no place uses

	s.must(t, s.SAdd(t.Context(), s.prefix+"of:7", "1", "2:of:somebody"))
	_, err := other.Erase(t.Context(), task(events.Erase, "cart=7"))
	wantMisconfigured(t, err, "member_holds_delimiter")
}

func TestSeveralValues(t *testing.T) {
	s := single(t)
	s.set(t, "s:a:x", "s:a:y", "s:b:x", "s:b:z")
	p := s.connect(t, redis.Place{Key: "s:${tenant}:${user_id}"})
	erased(t, p, 3, "tenant=a", "tenant=b", "x", "y")
	erased(t, p, 0, "z")
	if !s.has(t, "s:b:z") {
		t.Error("without a tenant it is nobody's")
	}
}

// TestWhoeverCannotSee says so.
func TestWhoeverCannotSee(t *testing.T) {
	s := single(t)
	key := redis.Place{Key: "session:${user_id}"}
	s.must(t, s.Do(t.Context(), "ACL", "SETUSER", "narrow", "on", ">pw", "~*", "+@connection", "+exists"),
		s.SAdd(t.Context(), s.prefix+"session:set", "x"), s.SAdd(t.Context(), s.prefix+"list:kim", "x"))
	for _, c := range []struct {
		code   string
		change func(*redis.Config)
	}{
		{"canary_missing", func(c *redis.Config) { c.Canary += "?" }},
		{"canary_missing", func(c *redis.Config) { c.Database = 3 }},
		{"credentials", func(c *redis.Config) { c.Username, c.Password = "narrow", "wrong" }},
		{"no_right", func(c *redis.Config) { c.Username, c.Password = "narrow", "pw" }},
		{"wrong_realm", func(c *redis.Config) { c.Realm = "other" }},
		{"wrong_type", func(c *redis.Config) { c.Places = []redis.Place{{Kind: "k", Index: s.prefix + "canary${user_id}"}} }},
	} {
		cfg := s.config(key)
		c.change(&cfg)
		id := "kim"
		if c.code == "wrong_type" {
			s.set(t, "canarykim")
		}
		_, err := open(t, cfg).Erase(t.Context(), task(events.Erase, id))
		wantMisconfigured(t, err, c.code)
	}
}

// TestSearchAgain: what a session that began meanwhile wrote goes too.
func TestSearchAgain(t *testing.T) {
	s := single(t)
	s.set(t, "token:kim:1")
	p := s.connect(t, redis.Place{Key: "token:${user_id}:*"}, redis.Place{Index: "sessions:${user_id}", Key: "session:${member}"})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			s.SAdd(context.Background(), s.prefix+"sessions:kim", i)
			s.Set(context.Background(), fmt.Sprintf("%ssession:%d", s.prefix, i), "v", 0)
		}
	}()
	for range 20 {
		if _, err := p.Erase(t.Context(), task(events.Erase, "kim")); err != nil {
			t.Fatal(err)
		}
	}
	<-done
	// A key that was written after its member was taken away is what the second pass cannot know
	// of; the next session would bring it up. Nothing that an index names may be left.
	erasedAll := func() int64 {
		res, err := p.Erase(t.Context(), task(events.Erase, "kim"))
		if err != nil {
			t.Fatal(err)
		}
		return res.Counts.Total()
	}
	erasedAll()
	if n := erasedAll(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestNoErrorHoldsAnIdentifier drives servers that break, hang, or quote what they were sent.
func TestNoErrorHoldsAnIdentifier(t *testing.T) {
	answers := map[string]string{
		"cut": "", "garbage": "?canary-0042-leak\r\n", "quotes": "-ERR unknown 'canary-0042-leak'\r\n", "word": "-canary-0042-leak x\r\n",
		"loading": "-LOADING canary-0042-leak\r\n", "moved": "-MOVED 1 canary-0042-leak:1\r\n", "noperm": "-NOPERM canary-0042-leak\r\n", "half": "$99\r\ncanary-0042-leak",
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			address := stub(t, answer)
			p := open(t, redis.Config{Addresses: []string{address}, Canary: "c", Timeout: 200 * time.Millisecond,
				Places: []redis.Place{{Kind: "sessions", Key: "session:${user_id}"}}})
			_, errE := p.Erase(t.Context(), task(events.Erase, "canary-0042-leak"))
			_, errC := p.Count(t.Context(), task(events.Verify, "canary-0042-leak"))
			for _, err := range []error{errE, errC} {
				if err == nil {
					t.Error("no error")
				} else if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "canary-0042") {
					t.Errorf("leaks: %s", text)
				}
			}
		})
	}
}

// stub answers everything with the same bytes, and closes after none.
func stub(t *testing.T, answer string) string {
	t.Helper()
	goredis.SetLogger(silent{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				for {
					if _, err := c.Read(buf); err != nil || answer == "" {
						return
					}
					if _, err := io.WriteString(c, answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}
