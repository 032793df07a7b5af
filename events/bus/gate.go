package bus

import "sync"

// gate counts the messages between the adapter's callback and its end. The adapter closes
// its output while callbacks may still send to it, which would crash the process: so it is
// told to stop only when the gate is shut and nobody is inside.
type gate struct {
	mu     sync.Mutex
	shut   bool
	inside int
	empty  chan struct{}
}

func newGate() *gate { return &gate{empty: make(chan struct{})} }

// enter reports whether the message may come in.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.settle()
}

// close lets nobody in any more. The channel is closed once nobody is inside.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.shut = true
		g.settle()
	}
	return g.empty
}

func (g *gate) settle() {
	if g.shut && g.inside == 0 {
		close(g.empty)
	}
}
