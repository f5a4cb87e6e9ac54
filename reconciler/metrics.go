package reconciler

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the numbers of the passes. What happens to attachments is counted by the Manager.
type metrics struct {
	version *atomic.Uint64 // moves with each of them

	begun, ended  prometheus.Counter
	duration      prometheus.Histogram
	overruns      prometheus.Counter
	failOpen      prometheus.Counter
	graceDeferred prometheus.Counter
	massGuard     prometheus.Counter
}

func newMetrics(version *atomic.Uint64) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "holdfast", Name: name, Help: help})
	}
	return &metrics{
		version: version,
		begun:   counter("reconcile_passes_begun_total", "Reconcile passes begun."),
		ended:   counter("reconcile_passes_total", "Reconcile passes ended."),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "holdfast", Name: "reconcile_duration_seconds", Help: "Time that a reconcile pass took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}),
		overruns:      counter("reconcile_overruns_total", "Reconcile passes that outlasted the interval."),
		failOpen:      counter("fail_open_total", "Attachments that a pass kept because the absence of their node could not be verified."),
		graceDeferred: counter("grace_deferred_total", "Attachments whose clearing was put off to the end of their node's grace period."),
		massGuard:     counter("mass_clear_guard_total", "Passes that cleared nothing because they would have cleared too much at once."),
	}
}

func (m *metrics) register(reg prometheus.Registerer) error {
	if reg == nil {
		return nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.begun, m.ended, m.duration, m.overruns, m.failOpen, m.graceDeferred, m.massGuard} {
		if err := reg.Register(c); err != nil {
			errs = append(errs, fmt.Errorf("register metrics: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (m *metrics) add(c prometheus.Counter, n int) {
	if n > 0 {
		c.Add(float64(n))
		m.version.Add(1)
	}
}
