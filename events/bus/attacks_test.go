package bus_test

import (
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/expunge-io/expunge/events"
)

// attack is one message that an attacker sends.
type attack struct {
	subject string
	reply   string // empty: also sent as a request, which nobody may answer
	header  nats.Header
	data    string
}

func (a attack) msg() *nats.Msg {
	return &nats.Msg{Subject: a.subject, Reply: a.reply, Header: a.header, Data: []byte(a.data)}
}

// asRequest asks for an answer, unless the attack is about another reply subject.
func (a attack) asRequest(box string, i int) *nats.Msg {
	m := a.msg()
	if a.reply == "" {
		m.Reply = box + "." + strconv.Itoa(i)
	}
	return m
}

// api are calls of the JetStream API that would do harm.
func api() []attack {
	const consumer = `{"stream_name":"ERASURE_COMMANDS","config":{"name":"spy","deliver_subject":"_INBOX.spy","ack_policy":"none"}}`
	return []attack{
		{subject: "$JS.API.STREAM.PURGE.ERASURE_COMMANDS"},
		{subject: "$JS.API.STREAM.PURGE.ERASURE_REQUESTS_demo"},
		{subject: "$JS.API.STREAM.DELETE.ERASURE_EVENTS"},
		{subject: "$JS.API.STREAM.MSG.DELETE.ERASURE_REQUESTS_demo", data: `{"seq":1}`},
		{subject: "$JS.API.STREAM.MSG.GET.ERASURE_REQUESTS_demo", data: `{"seq":1}`},
		{subject: "$JS.API.DIRECT.GET.ERASURE_COMMANDS", data: `{"seq":2}`},
		{subject: "$JS.API.STREAM.UPDATE.ERASURE_COMMANDS", data: `{"name":"ERASURE_COMMANDS","subjects":["erasure.command.*"],"max_msgs":1}`},
		{subject: "$JS.API.STREAM.CREATE.SPY", data: `{"name":"SPY","subjects":["erasure.claim.>"]}`},
		{subject: "$JS.API.STREAM.NAMES"},
		{subject: "$JS.API.STREAM.INFO.ERASURE_COMMANDS"},
		{subject: "$JS.API.CONSUMER.CREATE.ERASURE_COMMANDS.spy", data: consumer},
		{subject: "$JS.API.CONSUMER.DURABLE.CREATE.ERASURE_COMMANDS.spy", data: consumer},
		{subject: "$JS.API.CONSUMER.DELETE.ERASURE_COMMANDS.api-keys"},
		{subject: "$JS.API.CONSUMER.MSG.NEXT.ERASURE_COMMANDS.api-keys"},
		{subject: "$JS.API.CONSUMER.PAUSE.ERASURE_COMMANDS.api-keys", data: `{"pause_until":"2100-01-01T00:00:00Z"}`},
		{subject: "$JS.ACK.ERASURE_COMMANDS.api-keys.1.2.1.0.0"}, // what is with the victim's handler
		{subject: "$JS.ACK.ERASURE_COMMANDS.api-keys.1.2.1.0.0", data: "+TERM"},
		{subject: "$JS.ACK.ERASURE_REQUESTS_demo.intake.1.1.1.0.0"},
		{subject: "$JS.FC.ERASURE_COMMANDS.api-keys.x"},
		{subject: "$SYS.REQ.SERVER.PING"},
		{subject: "$SYS.REQ.ACCOUNT.EXPUNGE.CONNZ"},
	}
}

// foreign are subjects of ours that belong to somebody else.
func foreign() []attack {
	out := []attack{
		{subject: events.SubjectReport("api-keys", "0"), data: `{"verdict":"erased"}`},
		{subject: events.SubjectClaim("api-keys", "0"), data: `{}`},
		{subject: events.SubjectHello("api-keys"), data: `{}`},
		{subject: events.SubjectDeliver("api-keys"), data: `{}`},
		{subject: events.SubjectDeliver("sessions"), data: `{}`},
		{subject: events.SubjectRequest("demo"), data: `{"user_id":"u-1"}`},
		{subject: events.SubjectCancel("demo"), data: `{"request":"r-1"}`},
		{subject: events.SubjectStatus("demo"), data: `{"saga":"s-1"}`},
		{subject: "erasure.intake.demo", data: `{}`},
	}
	for _, subject := range stored() {
		if subject != events.SubjectRequested("billing") { // its owner is among the attackers
			out = append(out, attack{subject: subject, data: `{}`})
		}
	}
	return out
}

// operates is what an operator may send, and nobody else.
func operates() attack {
	return attack{subject: events.SubjectOperate(), data: `{"verb":"cancel","saga":"s-1","ground":"g","by":"b"}`}
}

// injections send on a subject that the attacker may use, with a reply subject where it
// may not write: the answer would be published there with the rights of whoever answers.
func injections(on ...attack) []attack {
	targets := []string{"_R_.forged", "_INBOX.somebody.else"}
	for _, a := range append(api(), foreign()...) {
		targets = append(targets, a.subject)
	}
	var out []attack
	for _, a := range on {
		for _, target := range targets {
			a.reply = target
			out = append(out, a)
		}
	}
	return out
}

func participantAttacks() []attack {
	return append(append(api(), foreign()...), injections(
		attack{subject: events.SubjectClaim("sessions", "0"), data: `{}`},
		attack{subject: events.SubjectReport("sessions", "0"), data: `{}`},
		attack{subject: events.SubjectHello("sessions"), data: `{}`},
		// An ack is answered when it has a reply subject; this one acks nothing.
		attack{subject: "$JS.ACK.ERASURE_COMMANDS.sessions.1.999.999.0.0", data: "+ACK"},
		attack{subject: "$JS.ACK.ERASURE_COMMANDS.sessions.1.999.999.0.0", data: "+NXT"},
		attack{subject: "$SRV.PING"},
		attack{subject: "$SRV.INFO.expunge"},
	)...)
}

// operatorAttacks include answers to an operation that would be sent elsewhere.
func operatorAttacks() []attack { return append(participantAttacks(), injections(operates())...) }

func sourceAttacks() []attack {
	// What a stream would do for whoever may publish on it, were it allowed to.
	tricks := []nats.Header{
		{"Nats-Rollup": {"all"}},
		{"Nats-Rollup": {"sub"}},
		{"Nats-Schedule": {"@at 2000-01-01T00:00:00Z"}, "Nats-Schedule-Target": {events.SubjectCommand("api-keys")}},
		{"Nats-Schedule": {"@every 1s"}, "Nats-Schedule-Target": {"$JS.API.STREAM.PURGE.ERASURE_COMMANDS"}},
		{"Nats-TTL": {"1s"}},
		{"Nats-Incr": {"1"}},
		{"Nats-Batch-Id": {"b"}, "Nats-Batch-Sequence": {"1"}, "Nats-Batch-Commit": {"1"}},
		{"Nats-Expected-Stream": {"ERASURE_COMMANDS"}},
	}
	out := append(api(), foreign()...)
	for _, h := range tricks {
		out = append(out, attack{subject: events.SubjectRequested("billing"), reply: "_INBOX.trick", header: h, data: `{}`})
	}
	refused := nats.Header{"Nats-Expected-Stream": {"ELSEWHERE"}} // so that the stream does not grow
	return append(out, injections(
		attack{subject: events.SubjectRequest("billing"), data: `{}`},
		attack{subject: events.SubjectCancel("billing"), data: `{}`},
		attack{subject: events.SubjectStatus("billing"), data: `{}`},
		attack{subject: events.SubjectRequested("billing"), header: refused, data: `{}`},
	)...)
}
