package redis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// collection is a set, sorted set, list or hash. A hash's members are its fields.
type collection interface {
	size(ctx context.Context) (int64, error)
	has(ctx context.Context, member string) (int64, error)
	remove(ctx context.Context, members []string) (int64, error)
	// each calls f with batches of members, which f may remove; some may come twice.
	each(ctx context.Context, batch int, f func(members []string) error) error
}

// open returns the collection that a key holds, or nil if there is none: one that is emptied
// ceases to be.
func (p *Participant) open(ctx context.Context, key string) (collection, error) {
	typ, err := p.client.Type(ctx, key).Result()
	if err != nil {
		return nil, err
	}
	switch typ {
	case "none":
		return nil, nil
	case "set":
		return set{p.client, key}, nil
	case "zset":
		return sortedSet{p.client, key}, nil
	case "hash":
		return hash{p.client, key}, nil
	case "list":
		return list{p.client, key}, nil
	}
	return nil, faults["WRONGTYPE"]
}

// pages reads a collection page by page to its end.
func pages(f func(members []string) error, page func(cursor uint64) (members []string, next uint64, err error)) error {
	for cursor := uint64(0); ; {
		members, next, err := page(cursor)
		if err != nil {
			return err
		}
		if len(members) > 0 {
			if err := f(members); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// firsts are the members of pairs of a member and its value.
func firsts(pairs []string) (out []string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, pairs[i])
	}
	return out
}

func anys(members []string) (out []any) {
	for _, m := range members {
		out = append(out, m)
	}
	return out
}

type set struct {
	c   redis.Cmdable
	key string
}

func (s set) size(ctx context.Context) (int64, error) { return s.c.SCard(ctx, s.key).Result() }

func (s set) has(ctx context.Context, member string) (int64, error) {
	found, err := s.c.SIsMember(ctx, s.key, member).Result()
	if err != nil || !found {
		return 0, err
	}
	return 1, nil
}

func (s set) remove(ctx context.Context, members []string) (int64, error) {
	return s.c.SRem(ctx, s.key, anys(members)...).Result()
}

func (s set) each(ctx context.Context, batch int, f func([]string) error) error {
	return pages(f, func(cursor uint64) ([]string, uint64, error) {
		return s.c.SScan(ctx, s.key, cursor, "", int64(batch)).Result()
	})
}

type sortedSet struct {
	c   redis.Cmdable
	key string
}

func (s sortedSet) size(ctx context.Context) (int64, error) { return s.c.ZCard(ctx, s.key).Result() }

func (s sortedSet) has(ctx context.Context, member string) (int64, error) {
	err := s.c.ZScore(ctx, s.key, member).Err()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	return 1, err
}

func (s sortedSet) remove(ctx context.Context, members []string) (int64, error) {
	return s.c.ZRem(ctx, s.key, anys(members)...).Result()
}

func (s sortedSet) each(ctx context.Context, batch int, f func([]string) error) error {
	return pages(f, func(cursor uint64) ([]string, uint64, error) {
		pairs, next, err := s.c.ZScan(ctx, s.key, cursor, "", int64(batch)).Result()
		return firsts(pairs), next, err
	})
}

type hash struct {
	c   redis.Cmdable
	key string
}

func (h hash) size(ctx context.Context) (int64, error) { return h.c.HLen(ctx, h.key).Result() }

func (h hash) has(ctx context.Context, member string) (int64, error) {
	found, err := h.c.HExists(ctx, h.key, member).Result()
	if err != nil || !found {
		return 0, err
	}
	return 1, nil
}

func (h hash) remove(ctx context.Context, members []string) (int64, error) {
	return h.c.HDel(ctx, h.key, members...).Result()
}

func (h hash) each(ctx context.Context, batch int, f func([]string) error) error {
	return pages(f, func(cursor uint64) ([]string, uint64, error) {
		pairs, next, err := h.c.HScan(ctx, h.key, cursor, "", int64(batch)).Result()
		return firsts(pairs), next, err
	})
}

type list struct {
	c   redis.Cmdable
	key string
}

func (l list) size(ctx context.Context) (int64, error) { return l.c.LLen(ctx, l.key).Result() }

// has counts: an element may be there more than once.
func (l list) has(ctx context.Context, member string) (int64, error) {
	at, err := l.c.LPosCount(ctx, l.key, member, 0, redis.LPosArgs{}).Result()
	return int64(len(at)), err
}

func (l list) remove(ctx context.Context, members []string) (n int64, err error) {
	for _, m := range members {
		gone, err := l.c.LRem(ctx, l.key, 0, m).Result()
		if n += gone; err != nil {
			return n, err
		}
	}
	return n, nil
}

// each reads the head again and again, since f takes it away. It ends where f does not.
func (l list) each(ctx context.Context, batch int, f func([]string) error) error {
	for {
		head, err := l.c.LRange(ctx, l.key, 0, int64(batch)-1).Result()
		if err != nil || len(head) == 0 {
			return err
		}
		if err := f(head); err != nil {
			return err
		}
	}
}
