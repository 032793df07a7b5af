package redis

import (
	"context"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// search calls f with the keys of a form, in batches, one at a time; some may come twice.
func (p *Participant) search(ctx context.Context, at target, f func(keys []string) error) error {
	pattern := at.key.pattern()
	cluster, ok := p.client.(*redis.ClusterClient)
	if !ok {
		return p.scan(ctx, p.client, at, pattern, f)
	}
	var mu sync.Mutex // the masters are scanned side by side
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		return p.scan(ctx, node, at, pattern, func(keys []string) error {
			mu.Lock()
			defer mu.Unlock()
			return f(keys)
		})
	})
}

// scan goes through all keys of one server. What is there during the whole of it is found.
func (p *Participant) scan(ctx context.Context, node redis.Cmdable, at target, pattern string, f func(keys []string) error) error {
	for cursor := uint64(0); ; {
		page, next, err := node.Scan(ctx, cursor, pattern, int64(p.config.Batch)).Result()
		if err != nil {
			return err
		}
		var keys []string
		for _, key := range page {
			if at.key.matches(key, p.config.Delimiter) {
				keys = append(keys, key)
			}
		}
		if err := f(keys); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// unlink deletes keys and returns how many there were. In a cluster they may be on different
// servers: each has a command of its own.
func (p *Participant) unlink(ctx context.Context, keys []string) (n int64, err error) {
	if len(keys) == 0 {
		return 0, nil
	}
	var gone []*redis.IntCmd
	_, err = p.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, key := range keys {
			gone = append(gone, pipe.Unlink(ctx, key))
		}
		return nil
	})
	for _, g := range gone {
		n += g.Val()
	}
	return n, err
}

// empty deletes, batch by batch, the keys that an index names, and then their members: after
// a crash in between the members still say what there was.
func (p *Participant) empty(ctx context.Context, at target, c collection) (n int64, err error) {
	err = c.each(ctx, p.config.Batch, func(members []string) error {
		if err := p.unlinkNamed(ctx, at, members); err != nil {
			return err
		}
		gone, err := c.remove(ctx, members)
		n += gone
		return err
	})
	return n, err
}

func (p *Participant) unlinkNamed(ctx context.Context, at target, members []string) error {
	if len(at.key) == 0 {
		return nil
	}
	var keys []string
	for _, m := range members {
		if p.config.Delimiter != noDelimiter && strings.Contains(m, p.config.Delimiter) {
			return misconfigured("member_holds_delimiter", "a member of an index is no single part of a key")
		}
		keys = append(keys, at.key.with(m))
	}
	_, err := p.unlink(ctx, keys)
	return err
}
