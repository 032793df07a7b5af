package embedded

import "strings"

// A stream that met a full disk stops storing and, with space or without, never begins
// again until its server is restarted. The server has no interface that tells of it: its API
// answers, and only a publish that would be stored is not acknowledged. What tells is one
// line of its log, which the test of a full disk holds the pinned version to.

// stallMark is in the line that the server logs once for such a stream.
const stallMark = "critical write error"

// Stalled gives a value when a stream has stopped storing since the last (re)start, which
// [Server.Restart] ends once there is space. Values do not add up.
func (s *Server) Stalled() <-chan struct{} { return s.stalled }

// listen looks for the mark in what the server says.
func (l logger) listen(line string) {
	if !strings.Contains(line, stallMark) {
		return
	}
	select {
	case l.stalled <- struct{}{}:
	default: // told already
	}
}

// calm forgets what was told of the server that has ended.
func (s *Server) calm() {
	select {
	case <-s.stalled:
	default:
	}
}
