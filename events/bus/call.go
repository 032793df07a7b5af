package bus

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
)

// Call is one request that waits for an answer. It may be answered from any goroutine, at
// any later time; the asker waits as long as its own time-out.
type Call struct {
	Subject string // the subject it came on, which names the asker
	Header  events.Header
	Data    []byte

	reply string
	door  *door
}

// Token returns the n-th token of the subject, counted from 0, and "" past its end. Of
// erasure.claim.sessions.0 the third, Token(2), names the participant: the server lets
// nobody else use it.
func (c Call) Token(n int) string {
	tokens := strings.Split(c.Subject, ".")
	if n < 0 || n >= len(tokens) {
		return ""
	}
	return tokens[n]
}

// Reply answers. The error means that the answer was not handed to the connection; the
// asker will ask again, and there is nothing more to do here.
func (c Call) Reply(m events.Message) error {
	err := c.door.nc.PublishMsg(&nats.Msg{Subject: c.reply, Header: nats.Header(m.Header), Data: m.Data})
	if err != nil {
		c.door.hooks.replyFailed(c.door.endpoint.Name)
		return fmt.Errorf("reply on %s: %w", c.door.endpoint.Name, err)
	}
	return nil
}
