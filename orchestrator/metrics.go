package orchestrator

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/expunge-io/expunge/orchestrator/saga"
)

// metrics are what an SRE sees. Labels come from closed sets: configured names, states,
// verbs, verdicts and reasons; never an id.
type metrics struct {
	names []string // configured participants

	requests       *prometheus.CounterVec
	rejected       *prometheus.CounterVec
	ended          *prometheus.CounterVec
	verdicts       *prometheus.CounterVec
	stepSeconds    *prometheus.HistogramVec
	refused        *prometheus.CounterVec
	retries        *prometheus.CounterVec
	parkings       *prometheus.CounterVec
	commitSeconds  prometheus.Histogram
	commitJobs     prometheus.Histogram
	publishRetries prometheus.Counter
	duplicates     prometheus.Counter
	suppressed     prometheus.Counter
	losses         prometheus.Counter
	deadLetters    *prometheus.CounterVec
	dropped        *prometheus.CounterVec
	faults         prometheus.Counter
	full           prometheus.Counter
	clockJumps     prometheus.Counter
	pruned         prometheus.Counter
	clockTrusted   prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, participants []string) *metrics {
	f := factory{reg}
	return &metrics{
		names:          participants,
		requests:       f.counters("expunge_requests_total", "Requests accepted, by source and whether they started a saga or joined one.", "source", "outcome"),
		rejected:       f.counters("expunge_requests_rejected_total", "Requests that were not accepted, by source and code.", "source", "code"),
		ended:          f.counters("expunge_sagas_ended_total", "Sagas that reached a final state.", "state"),
		verdicts:       f.counters("expunge_verdicts_total", "Shares settled, by participant and verdict.", "participant", "verdict"),
		stepSeconds:    f.histograms("expunge_step_seconds", "Time from a grant to the report that closed the step.", prometheus.ExponentialBuckets(.005, 4, 9), "participant", "verb"),
		refused:        f.counters("expunge_claims_refused_total", "Claims refused, by participant and reason.", "participant", "reason"),
		retries:        f.counters("expunge_retries_total", "Attempts that failed and are tried again, by participant and class.", "participant", "class"),
		parkings:       f.counters("expunge_steps_parked_total", "Steps that an operator must look at.", "participant"),
		commitSeconds:  f.histogram("expunge_commit_seconds", "Duration of a group commit.", prometheus.ExponentialBuckets(.0005, 2, 14)),
		commitJobs:     f.histogram("expunge_commit_jobs", "Inputs in one group commit.", prometheus.ExponentialBuckets(1, 2, 10)),
		publishRetries: f.counter("expunge_publish_retries_total", "Messages that the bus did not acknowledge at once."),
		duplicates:     f.counter("expunge_publish_duplicates_total", "Messages that the bus had already; expected only after a lost acknowledgement."),
		suppressed:     f.counter("expunge_publish_suppressed_total", "New messages that the bus took for repeats; look at the log."),
		losses:         f.counter("expunge_bus_losses_total", "Times that a stream was found to lack what it had acknowledged."),
		deadLetters:    f.counters("expunge_dead_letters_total", "Messages that could not be decoded, by door.", "door"),
		dropped:        f.counters("expunge_calls_dropped_total", "Calls whose reply subject is not served, by endpoint.", "endpoint"),
		faults:         f.counter("expunge_inputs_faulted_total", "Inputs that were not taken because of a fault of ours; look at the log."),
		pruned:         f.counter("expunge_sagas_pruned_total", "Finished sagas whose record was taken away after the retention."),
		clockJumps:     f.counter("expunge_clock_jumps_total", "Jumps of the wall clock by more than a minute."),
		clockTrusted:   f.gauge("expunge_clock_trusted", "1 while the clock agrees with the ledger or with the workers; at 0 nothing passes its pivot."),
		full:           f.counter("expunge_commits_full_total", "Commits given up because the disk is full."),
	}
}

// participant returns a label for a name: itself if it is configured.
func (m *metrics) participant(name string) string {
	if slices.Contains(m.names, name) {
		return name
	}
	return "other"
}

// count prepares what an entry changes in the metrics; it is told after the commit.
func (b *batch) count(l *loaded, e saga.Entry) {
	m := b.o.metrics
	tell := func(f func()) { b.tell = append(b.tell, f) }
	switch e.Kind {
	case saga.KReported:
		if h := l.state.Share(e.Participant); h != nil {
			tell(m.reported(e, granted(h, e)))
		}
	case saga.KFailed:
		tell(func() { m.retries.WithLabelValues(e.Participant, string(e.Class)).Inc() })
	case saga.KExpired:
		tell(func() { m.retries.WithLabelValues(e.Participant, "expired").Inc() })
	case saga.KParked:
		tell(func() { m.parkings.WithLabelValues(e.Participant).Inc() })
	case saga.KWaived:
		tell(func() { m.verdicts.WithLabelValues(e.Participant, string(saga.Waived)).Inc() })
	case saga.KFinished:
		tell(func() { m.ended.WithLabelValues(string(e.Phase)).Inc() })
	case saga.KStarted, saga.KJoined, saga.KWithdrawn, saga.KPhase, saga.KOpened, saga.KRung, saga.KGranted, saga.KRenewed,
		saga.KNoted, saga.KDelayed, saga.KWaits, saga.KHalted, saga.KResumed, saga.KResealed, saga.KReopened, saga.KQuieted, saga.KRecovered, saga.KRetried,
		saga.KBegun, saga.KReplanned, saga.KExtended, saga.KAnnounced, saga.KDecided, saga.KHeld, saga.KReleased, saga.KBraked,
		saga.KUnbraked, saga.KDoubted, saga.KSettled, saga.KRewound, saga.KPrepared,
		saga.KAmbiguous, saga.KNamed, saga.KBlocked, saga.KBound:
	}
}

func (m *metrics) reported(e saga.Entry, since time.Time) func() {
	return func() {
		m.stepSeconds.WithLabelValues(e.Participant, string(e.Verb)).Observe(e.At.Sub(since).Seconds())
		if e.Verb == saga.Erase {
			m.verdicts.WithLabelValues(e.Participant, string(e.Verdict)).Inc()
		}
	}
}

// granted returns when the permit of a report was granted.
func granted(h *saga.Share, e saga.Entry) time.Time {
	for _, p := range h.Step(e.Verb).Permits {
		if p.ID == e.Permit {
			return p.Granted
		}
	}
	return e.At
}

// factory registers what it makes.
type factory struct{ reg prometheus.Registerer }

func (f factory) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	f.reg.MustRegister(c)
	return c
}

func (f factory) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	f.reg.MustRegister(g)
	return g
}

func (f factory) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	f.reg.MustRegister(c)
	return c
}

func (f factory) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	f.reg.MustRegister(h)
	return h
}

func (f factory) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	f.reg.MustRegister(h)
	return h
}
