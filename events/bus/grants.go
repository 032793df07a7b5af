package bus

import (
	"github.com/expunge-io/expunge/events"
)

// accountOurs holds the streams, the JetStream API and the orchestrator.
const accountOurs = "EXPUNGE"

const accountOperators = "OPERATORS"

// tenant is an account that may reach some subjects of ours and nothing else.
type tenant struct {
	account  string
	keys     []string
	services []service // it may publish on these
	streams  []string  // it may listen to these
}

type service struct {
	subject string
	many    bool // more than one answer may come
}

func one(subject string) service { return service{subject: subject} }

// tenants lists every account besides ours, in the order of the configuration.
func (c ServerConfig) tenants() []tenant {
	var out []tenant
	for _, p := range c.Participants {
		out = append(out, participantTenant(p))
	}
	for _, s := range c.Sources {
		t := sourceTenant(s)
		if c.NoAuthOperates && s.Name == c.NoAuthSource {
			t.services = append(t.services, one(events.SubjectOperate()))
		}
		out = append(out, t)
	}
	if len(c.Operators) > 0 {
		out = append(out, operatorTenant(c.Operators))
	}
	return out
}

// participantTenant may take and acknowledge its own commands, claim, report and announce
// itself.
func participantTenant(a Account) tenant {
	b := commandBinding(a.Name)
	return tenant{
		account: "participant-" + a.Name,
		keys:    a.Keys,
		services: []service{
			one(events.SubjectClaim(a.Name, ">")),
			one(events.SubjectReport(a.Name, ">")),
			one(events.SubjectHello(a.Name)),
			one("$JS.ACK." + b.stream + "." + b.consumer + ".>"),
		},
		streams: []string{b.deliver},
	}
}

// sourceTenant may ask for its own erasures and listen to what becomes of them.
func sourceTenant(a Account) tenant {
	return tenant{
		account: "source-" + a.Name,
		keys:    a.Keys,
		services: []service{
			one(events.SubjectRequested(a.Name)),
			one(events.SubjectRequest(a.Name)),
			one(events.SubjectCancel(a.Name)),
			one(events.SubjectStatus(a.Name)),
		},
		streams: []string{events.SubjectEvent("*", a.Name), events.SubjectSummary(a.Name)},
	}
}

// operatorTenant may act as an operator, list services, read their figures and listen to all
// events.
func operatorTenant(keys []string) tenant {
	return tenant{
		account:  accountOperators,
		keys:     keys,
		services: []service{one(events.SubjectOperate()), {subject: "$SRV.>", many: true}},
		streams:  []string{"erasure.event.>", "erasure.summary.>"},
	}
}
