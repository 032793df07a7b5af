package bus

// Hooks are called on what a metric counts. Each may be nil. They are called from the
// goroutine that met the event, so they must return quickly and be safe for concurrent
// use. No argument is ever an id.
type Hooks struct {
	Connected     func(up bool)         // the connection came up or went down
	Reconnected   func()                // it came up again
	AsyncError    func()                // the client or the server complained
	PublishFailed func()                // a publish was not acknowledged by its stream
	Dropped       func(endpoint string) // a request came with a reply subject that is not served
	ReplyFailed   func(endpoint string) // an answer could not be sent
}

func (h Hooks) connected(up bool) {
	if h.Connected != nil {
		h.Connected(up)
	}
}

func (h Hooks) reconnected() {
	if h.Reconnected != nil {
		h.Reconnected()
	}
}

func (h Hooks) asyncError() {
	if h.AsyncError != nil {
		h.AsyncError()
	}
}

func (h Hooks) publishFailed() {
	if h.PublishFailed != nil {
		h.PublishFailed()
	}
}

func (h Hooks) dropped(endpoint string) {
	if h.Dropped != nil {
		h.Dropped(endpoint)
	}
}

func (h Hooks) replyFailed(endpoint string) {
	if h.ReplyFailed != nil {
		h.ReplyFailed(endpoint)
	}
}
