package redis_test

import (
	"context"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/expunge-io/expunge/events"
	"github.com/expunge-io/expunge/participants"
	"github.com/expunge-io/expunge/participants/participantstest"
	"github.com/expunge-io/expunge/participants/redis"
)

func TestConformance(t *testing.T) {
	overServers(t, func(t *testing.T, s server) {
		t.Run("erase", func(t *testing.T) {
			participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
				s := again(t, s)
				p, f := fixture(t, s, false)
				return p, f
			})
		})
		t.Run("suspend", func(t *testing.T) {
			participantstest.Run(t, func(t *testing.T) (participants.Participant, participantstest.Fixture) {
				s := again(t, s)
				p, f := fixture(t, s, true)
				suspender, ok := p.Suspender()
				if !ok {
					t.Fatal("cannot suspend")
				}
				return suspender, f
			})
		})
	})
}

// again is the same server, with keys of its own.
func again(t *testing.T, s server) server {
	t.Helper()
	if s.cluster {
		return cluster(t)
	}
	return single(t)
}

func fixture(t *testing.T, s server, suspends bool) (*redis.Participant, participantstest.Fixture) {
	t.Helper()
	ctx := context.Background()
	for _, id := range []string{"user-0042", "user-0042 ", "USER-0042", "user-00421", "user-004*"} {
		s.set(t, "session:1"+id, "session:2"+id, "token:"+id+":web", "token:"+id+":app")
		s.must(t, s.SAdd(ctx, s.prefix+"sessions:"+id, "1"+id, "2"+id), s.ZAdd(ctx, s.prefix+"online", goredis.Z{Member: id}))
	}
	c := s.config(redis.Place{Index: "sessions:${user_id}", Key: "session:${member}"}, redis.Place{Key: "token:${user_id}:*"}, redis.Place{Collection: "online", Member: "${user_id}"})
	c.Suspend = suspends
	return open(t, c), participantstest.Fixture{
		Name:      events.Sessions,
		Server:    map[bool]string{false: "Redis", true: "Redis cluster"}[s.cluster],
		Subject:   task("", "user-0042").Identifiers,
		Neighbour: task("", "user-0042 ").Identifiers,
		Unknown:   task("", "user-9999").Identifiers,
		Items:     func(ids []events.Identifier) (int64, error) { return s.items(ids[0].Value.Reveal()) },
		State:     func([]events.Identifier) (string, error) { return "what is ended is not brought back", nil },
		Break:     func() error { return s.Del(ctx, s.prefix+"canary").Err() },
	}
}

// items counts by names that are spelt out. A key that no member names any more counts too.
func (s server) items(id string) (n int64, err error) {
	ctx := context.Background()
	if n, err = s.SCard(ctx, s.prefix+"sessions:"+id).Result(); err != nil {
		return 0, err
	}
	names := []string{"token:" + id + ":web", "token:" + id + ":app"}
	if n == 0 {
		names = append(names, "session:1"+id, "session:2"+id)
	}
	for _, key := range names {
		there, err := s.Exists(ctx, s.prefix+key).Result()
		if n += there; err != nil {
			return 0, err
		}
	}
	if s.ZScore(ctx, s.prefix+"online", id).Err() == nil {
		n++
	}
	return n, nil
}
