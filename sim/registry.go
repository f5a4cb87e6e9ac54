package sim

import (
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// registry is the metrics registry of one incarnation. Reading all of a prometheus.Registry checks and sorts everything each time,
// which is far more than a probe after a step needs; so it remembers the collectors and asks them itself.
type registry struct {
	*prometheus.Registry
	mu         sync.Mutex // guards collectors: a system may register what it likes when it likes
	collectors []prometheus.Collector
	told       map[prometheus.Metric]told
	out        chan prometheus.Metric
	values     map[string]float64 // what was read last
	changes    []change
	metric     dto.Metric          // kept for its space
	histograms []prometheus.Metric // likewise
}

// change is a number that is not what it was.
type change struct {
	name  string
	value float64
}

// metricsMax bounds the metrics that one collector may have: the channel holds them all.
const metricsMax = 4096

func newRegistry() *registry {
	return &registry{
		Registry: prometheus.NewRegistry(), told: make(map[prometheus.Metric]told), out: make(chan prometheus.Metric, metricsMax),
		values: make(map[string]float64),
	}
}

// Register implements prometheus.Registerer.
func (m *registry) Register(c prometheus.Collector) error {
	err := m.Registry.Register(c)
	if err == nil {
		m.mu.Lock()
		m.collectors = append(m.collectors, c)
		m.mu.Unlock()
	}
	return err
}

// MustRegister implements prometheus.Registerer.
func (m *registry) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		if err := m.Register(c); err != nil {
			panic(err)
		}
	}
}

// Unregister implements prometheus.Registerer.
func (m *registry) Unregister(c prometheus.Collector) bool {
	m.mu.Lock()
	if i := slices.Index(m.collectors, c); i >= 0 {
		m.collectors = slices.Concat(m.collectors[:i], m.collectors[i+1:]) // a copy: read may be at work on the old one
	}
	m.mu.Unlock()
	return m.Registry.Unregister(c)
}

// read returns what has changed since the last read: of counters and gauges the value, of histograms the number and the sum of the
// observations, by name with sorted labels. What is no number has no value either: JSON cannot tell it. Histograms are dear to
// read, and tell of what is counted too: they are read anew when a counter or a gauge has changed. The next call uses the same slice.
func (m *registry) read() []change {
	m.mu.Lock()
	collectors := m.collectors
	m.mu.Unlock()
	m.changes, m.histograms = m.changes[:0], m.histograms[:0]
	fresh := false
	for _, c := range collectors {
		c.Collect(m.out)
		for len(m.out) > 0 {
			metric := <-m.out
			if t, ok := m.told[metric]; ok && t.sum != "" {
				m.histograms = append(m.histograms, metric)
			} else {
				fresh = m.enter(metric) || fresh
			}
		}
	}
	if fresh {
		for _, metric := range m.histograms {
			m.enter(metric)
		}
	}
	return m.changes
}

// told is how a metric is told: its name with its labels, and for a histogram that of its sum.
type told struct{ name, sum string }

// enter takes over what a metric says, and reports whether that is new.
func (m *registry) enter(metric prometheus.Metric) bool {
	d := &m.metric
	d.Reset()
	if metric.Write(d) != nil {
		return false // a metric that cannot be told has no value
	}
	t := m.tell(metric, d)
	switch {
	case d.Counter != nil:
		return m.set(t.name, d.Counter.GetValue())
	case d.Gauge != nil:
		return m.set(t.name, d.Gauge.GetValue())
	case d.Histogram != nil:
		counted := m.set(t.name, float64(d.Histogram.GetSampleCount()))
		return m.set(t.sum, d.Histogram.GetSampleSum()) || counted
	}
	return false
}

// set takes over a number, and reports whether it is new.
func (m *registry) set(name string, v float64) bool {
	old, ok := m.values[name]
	if ok && old == v || math.IsNaN(v) || math.IsInf(v, 0) {
		return false
	}
	m.values[name] = v
	if ok || v != 0 { // from the start everything is zero
		m.changes = append(m.changes, change{name, v})
	}
	return true
}

// fullName begins the metric's name in a description, which has no other way to tell it.
const fullName = `fqName: "`

func (m *registry) tell(metric prometheus.Metric, d *dto.Metric) told {
	t, ok := m.told[metric]
	if ok {
		return t
	}
	if _, rest, found := strings.Cut(metric.Desc().String(), fullName); found {
		t.name, _, _ = strings.Cut(rest, `"`)
	}
	if d.Histogram != nil {
		t.sum = t.name + "_sum" + labels(d)
		t.name += "_count"
	}
	t.name += labels(d)
	m.told[metric] = t
	return t
}

func labels(d *dto.Metric) string {
	if len(d.GetLabel()) == 0 {
		return ""
	}
	var text strings.Builder
	for i, l := range d.GetLabel() {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		text.WriteString(sep + l.GetName() + `="` + l.GetValue() + `"`)
	}
	return text.String() + "}"
}
