package embedded

import "testing"

func TestOneLineOfTheServerTellsOfAStall(t *testing.T) {
	s := &Server{stalled: make(chan struct{}, 1)}
	log := newLogger(nil, s.stalled)
	told := func() bool {
		select {
		case <-s.Stalled():
			return true
		default:
			return false
		}
	}
	log.Errorf("JetStream is %s", "well")
	if told() {
		t.Error("told for nothing")
	}
	for _, stream := range []string{"Y", "Z"} {
		log.Errorf("JetStream stream 'X > %s' critical write error: %s", stream, "no space left on device")
	}
	if !told() || told() {
		t.Error("not told once")
	}
	log.Errorf("critical write error")
	s.calm()
	if told() {
		t.Error("told of a server that has ended")
	}
}
