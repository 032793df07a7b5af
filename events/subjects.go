package events

// Names of the streams and of everything that lives on a NATS subject. A participant or
// source name is one subject token: [a-z0-9-]{1,64}.

// The streams.
const (
	StreamCommands = "ERASURE_COMMANDS"
	StreamEvents   = "ERASURE_EVENTS"
	StreamControl  = "ERASURE_CONTROL"
)

// StreamRequests is the name of a source's own request stream.
func StreamRequests(source string) string { return "ERASURE_REQUESTS_" + source }

// SubjectRequested is where a source publishes a request event (stored, then acknowledged).
func SubjectRequested(source string) string { return "erasure.requested." + source }

// SubjectRequest is where a source asks for an erasure by request/reply.
func SubjectRequest(source string) string { return "erasure.request." + source }

// SubjectCancel is where a source withdraws a request by request/reply.
func SubjectCancel(source string) string { return "erasure.cancel." + source }

// SubjectStatus is where a source asks for a status by request/reply.
func SubjectStatus(source string) string { return "erasure.status." + source }

// SubjectCommand is the subject of a participant's commands in their stream.
func SubjectCommand(participant string) string { return "erasure.command." + participant }

// SubjectDeliver is where the bus pushes a participant's commands.
func SubjectDeliver(participant string) string { return "erasure.deliver." + participant }

// SubjectClaim is where a participant's workers claim; partition is opaque to them.
func SubjectClaim(participant, partition string) string {
	return "erasure.claim." + participant + "." + partition
}

// SubjectReport is where a participant's workers report.
func SubjectReport(participant, partition string) string {
	return "erasure.report." + participant + "." + partition
}

// SubjectHello is where a participant's workers announce themselves.
func SubjectHello(participant string) string { return "erasure.hello." + participant }

// SubjectEvent is where lifecycle events for a source are published.
func SubjectEvent(kind EventKind, source string) string {
	return "erasure.event." + string(kind) + "." + source
}

// SubjectDecision is where decisions that belong to no saga are published: a hold on
// somebody whose erasure nobody has asked for. No source is called _.
func SubjectDecision() string { return "erasure.event.decision._" }

// SubjectOperate is where operators act, by request/reply.
func SubjectOperate() string { return "erasure.operate" }

// SubjectSummary is where summaries for a source are published.
func SubjectSummary(source string) string { return "erasure.summary." + source }
