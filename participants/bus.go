package participants

import (
	"context"
	"errors"

	"github.com/expunge-io/expunge/events"
)

// Bus is what a worker needs of a bus. [OverNATS] is the real one; the package
// participantstest has one in memory.
type Bus interface {
	// Commands delivers the doorbells of a participant until ctx ends, at most inFlight of
	// them neither acked nor nacked, and then closes the channel. What was delivered before
	// may still be acked.
	Commands(ctx context.Context, participant string, inFlight int) (<-chan Doorbell, error)

	// Ask sends a message to subject and waits for the answer until ctx ends. An error that
	// wraps ErrUnsendable says that this message can never be sent; after any other error
	// it may have arrived or not.
	Ask(ctx context.Context, subject string, e events.Envelope, m events.Payload) (events.Payload, error)
}

// Doorbell is one delivery of a command. Exactly one of Ack and Nak must be called.
type Doorbell struct {
	Command events.Command
	Fault   error  // not nil: what came is no command; it must never come again
	Ack     func() // done with it
	Nak     func() // deliver it again, later
}

// ErrUnsendable says that a message cannot be sent as it is: it is too large, or is not
// one of the contract.
var ErrUnsendable = errors.New("the message cannot be sent")
