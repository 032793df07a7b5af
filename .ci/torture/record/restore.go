package record

import (
	"slices"
	"time"
)

// Restore is one backup that was put back.
type Restore struct {
	Taken time.Time `json:"taken"` // before the backup was
	Gone  time.Time `json:"gone"`  // the orchestrator that went further was no more
	// Named are the requests of which the orchestrator said then that it has lost them, by
	// id and by correlation id.
	Named []string `json:"named"`
}

// Loses reports whether a request may be unknown since: it was taken after the backup. When
// a stored one was, nobody was told.
func (r Restore) Loses(q Request) bool {
	return !q.Acked.IsZero() && (q.Way == Stored || q.Acked.After(r.Taken)) && q.Sent.Before(r.Gone)
}

// Names reports whether the orchestrator said that it has lost a request.
func (r Restore) Names(q Request) bool {
	return q.ID != "" && slices.Contains(r.Named, q.ID) || slices.Contains(r.Named, q.Mark)
}

// Sagas are all that a request was answered with, the last one last.
func (q Request) Sagas() []string {
	if q.Saga == "" {
		return nil
	}
	return append([]string{q.Saga}, q.Later...)
}
