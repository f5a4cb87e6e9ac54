package attachment

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the Manager counts. Each transition is counted in one place, under the lock that makes it.
type metrics struct {
	attaches          prometheus.Counter
	detaches          *prometheus.CounterVec // by kind: full if no node is left, else partial
	conflicts         prometheus.Counter
	staleCleared      prometheus.Counter
	evicted           prometheus.Counter
	migrations        *prometheus.CounterVec // by result
	migrationDuration prometheus.Histogram
	activeMigrations  prometheus.Gauge
	tracked           prometheus.Gauge
}

// The results of a migration.
const (
	migrationStarted   = "started"
	migrationCompleted = "completed"
	migrationAborted   = "aborted"
	migrationTimedOut  = "timed_out"
)

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "holdfast", Name: name, Help: help})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "holdfast", Name: name, Help: help}, []string{label})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "holdfast", Name: name, Help: help})
	}
	m := &metrics{
		attaches:     counter("attach_total", "Attachments that publish has acknowledged."),
		detaches:     vector("detach_total", "Acknowledged attachments that unpublish has ended.", "kind"),
		conflicts:    counter("conflict_total", "Calls refused because other nodes have the volume."),
		staleCleared: counter("stale_cleared_total", "Attachments that the reconciler has cleared because their node is gone."),
		evicted:      counter("evicted_total", "Attachments that publish has cleared because their node is gone."),
		migrations:   vector("migrations_total", "Live migrations of volumes by result.", "result"),
		migrationDuration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "holdfast", Name: "migration_duration_seconds",
			Help:    "Time from the start of a live migration to its completion or abortion.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 13), // 1 s to 68 min; the longest timeout is 1 h
		}),
		activeMigrations: gauge("active_migrations", "Live migrations under way."),
		tracked:          gauge("tracked_attachments", "Attachments in the book, held or uncertain."),
	}
	// A counter with labels is absent until it is used, and an absent series cannot be told from a broken one.
	for _, kind := range []string{"full", "partial"} {
		m.detaches.WithLabelValues(kind)
	}
	for _, result := range []string{migrationStarted, migrationCompleted, migrationAborted, migrationTimedOut} {
		m.migrations.WithLabelValues(result)
	}
	return m, m.register(r)
}

// register makes the metrics visible. If another Manager has registered them in the same place, they are shared.
func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	return errors.Join(
		shared(r, "attach_total", &m.attaches),
		shared(r, "detach_total", &m.detaches),
		shared(r, "conflict_total", &m.conflicts),
		shared(r, "stale_cleared_total", &m.staleCleared),
		shared(r, "evicted_total", &m.evicted),
		shared(r, "migrations_total", &m.migrations),
		shared(r, "migration_duration_seconds", &m.migrationDuration),
		shared(r, "active_migrations", &m.activeMigrations),
		shared(r, "tracked_attachments", &m.tracked),
	)
}

func shared[C prometheus.Collector](r prometheus.Registerer, name string, c *C) error {
	err := r.Register(*c)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(C); ok {
			*c = existing
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("register holdfast_%s: %w", name, err)
	}
	return nil
}
