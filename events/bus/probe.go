package bus

import (
	"context"

	"github.com/expunge-io/expunge/events"
)

const subjectProbe = "erasure.control.probe"

// Probe stores one small message, which replaces that of the last probe, and so shows that
// the bus still writes. A JetStream whose disk was full answers nobody until its server is
// restarted, also after there is room again; the connection stays up meanwhile. It is for
// the orchestrator's user. Errors are those of [Publisher.PublishMessage].
func Probe(ctx context.Context, p *Publisher) error {
	_, err := p.PublishMessage(ctx, subjectProbe, newID(), events.Message{})
	return err
}
