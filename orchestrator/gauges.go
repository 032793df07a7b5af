package orchestrator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// gauges are looked up when somebody scrapes.
type gauges struct {
	o *Orchestrator

	sagas, parked, oldest, deadline, outbox, outboxAge, workers, connected, reconnects, lease, unknown, heldBack *prometheus.Desc
}

func newGauges(o *Orchestrator) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &gauges{o: o,
		sagas:      desc("expunge_sagas", "Sagas under way, by state.", "state"),
		parked:     desc("expunge_sagas_parked", "Sagas that an operator must look at."),
		oldest:     desc("expunge_oldest_saga_seconds", "Age of the oldest saga under way; 0 when there is none."),
		deadline:   desc("expunge_nearest_deadline_seconds", "Seconds to the nearest deadline, negative when it has passed; absent when no saga is under way."),
		outbox:     desc("expunge_outbox_messages", "Messages that the bus has not acknowledged yet."),
		outboxAge:  desc("expunge_outbox_oldest_seconds", "Age of the oldest of them; 0 when there is none."),
		workers:    desc("expunge_workers", "Workers that announced themselves in the last three minutes, by participant.", "participant"),
		connected:  desc("expunge_bus_connected", "1 while the bus is connected."),
		lease:      desc("expunge_lease_held", "1 while this orchestrator holds its bus; without it, it answers nothing."),
		unknown:    desc("expunge_unknown_sagas", "Sagas that were accepted and are not in the store that was put back; an operator must look."),
		heldBack:   desc("expunge_sagas_held_back", "Sagas that went further than the store that was put back knows; an operator must look."),
		reconnects: desc("expunge_bus_reconnects_total", "Reconnections to the bus since the start."),
	}
}

// Describe implements [prometheus.Collector].
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.sagas, g.parked, g.oldest, g.deadline, g.outbox, g.outboxAge, g.workers, g.connected, g.reconnects, g.lease, g.unknown, g.heldBack} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	now := g.o.cfg.Now()
	put := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...) //nolint:promlinter // it cannot read a Desc; a test lints what is gathered
	}
	c := g.o.live.count()
	for _, p := range []saga.Phase{saga.Resolving, saga.Suspending, saga.Grace, saga.Erasing, saga.Verifying, saga.Restoring} {
		put(g.sagas, float64(c.phases[p]), string(p))
	}
	put(g.parked, float64(c.parked))
	put(g.oldest, age(now, c.oldest))
	if !c.due.IsZero() {
		put(g.deadline, c.due.Sub(now).Seconds())
	}
	n, oldest := g.o.relay.depth()
	put(g.outbox, float64(n))
	put(g.outboxAge, age(now, oldest))
	put(g.connected, one(g.o.cfg.Conn.IsConnected()))
	put(g.lease, one(g.o.holds()))
	left := g.o.Recovery()
	put(g.unknown, float64(left.unknownSagas()))
	put(g.heldBack, float64(len(left.HeldBack)))
	ch <- prometheus.MustNewConstMetric(g.reconnects, prometheus.CounterValue, float64(g.o.cfg.Conn.Stats().Reconnects)) //nolint:promlinter // as above
	for _, name := range g.o.metrics.names {
		put(g.workers, float64(g.o.presence.count(name, now)), name)
	}
}

func one(yes bool) float64 { //nolint:revive // what it converts
	if yes {
		return 1
	}
	return 0
}

func age(now, since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(now.Sub(since).Seconds(), 0)
}
