package assembly

import (
	"context"
	"syscall"
	"time"
)

const (
	stallPoll = 5 * time.Second
	// stallSpace is how much must be free before a restart is worth it, in bytes.
	stallSpace = 32 << 20
)

// guard restarts the server when a stream has stopped storing, as soon as there is space
// again, until ctx ends.
func (b *Bus) guard(ctx context.Context) {
	if b.server == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.server.Stalled():
		}
		b.log.ErrorContext(ctx, "the disk of the bus is full: free some space, and the bus is restarted by itself", "folder", b.folder)
		if !b.revive(ctx) {
			return
		}
		b.log.InfoContext(ctx, "the bus was restarted after its disk was full")
	}
}

// revive restarts the server once there is space, and again until it starts; false: ctx has
// ended.
func (b *Bus) revive(ctx context.Context) bool {
	for b.awaitSpace(ctx) {
		err := b.server.Restart()
		if err == nil {
			return true
		}
		b.log.ErrorContext(ctx, "the bus does not start again; it is tried again", "error", err)
	}
	return false
}

// awaitSpace reports whether there is space again; false: ctx has ended.
func (b *Bus) awaitSpace(ctx context.Context) bool {
	tick := time.NewTicker(stallPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		if free(b.folder) >= stallSpace {
			return true
		}
	}
}

// free is how many bytes the folder's disk has left for us; 0 if it cannot be told.
func free(folder string) uint64 {
	var fs syscall.Statfs_t
	if syscall.Statfs(folder, &fs) != nil {
		return 0
	}
	return fs.Bavail * uint64(fs.Bsize)
}
