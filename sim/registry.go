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
	told       map[prometheus.Metric]series
	out        chan prometheus.Metric
	numbers    map[string]*number // by name
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
		Registry: prometheus.NewRegistry(), told: make(map[prometheus.Metric]series), out: make(chan prometheus.Metric, metricsMax),
		numbers: make(map[string]*number),
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
			if s := m.told[metric]; s.sum != nil {
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

// series is what a metric tells over time: a number, and for a histogram that of its observations and their sum.
type series struct{ value, sum *number }

// number is one of the numbers of a metric, by name with labels, as it was read last.
type number struct {
	name  string
	value float64
	known bool
}

// enter takes over what a metric says, and reports whether that is new.
func (m *registry) enter(metric prometheus.Metric) bool {
	d := &m.metric
	d.Reset()
	if metric.Write(d) != nil {
		return false // a metric that cannot be told has no value
	}
	s := m.tell(metric, d)
	switch {
	case d.Counter != nil:
		return m.set(s.value, d.Counter.GetValue())
	case d.Gauge != nil:
		return m.set(s.value, d.Gauge.GetValue())
	case d.Histogram != nil:
		counted := m.set(s.value, float64(d.Histogram.GetSampleCount()))
		return m.set(s.sum, d.Histogram.GetSampleSum()) || counted
	}
	return false
}

// set takes over a number, and reports whether it is new.
func (m *registry) set(n *number, v float64) bool {
	if n.known && n.value == v || math.IsNaN(v) || math.IsInf(v, 0) {
		return false
	}
	if n.known || v != 0 { // from the start everything is zero
		m.changes = append(m.changes, change{n.name, v})
	}
	n.value, n.known = v, true
	return true
}

// fullName begins the metric's name in a description, which has no other way to tell it.
const fullName = `fqName: "`

// tell returns the series of a metric. One that was unregistered and comes again goes on.
func (m *registry) tell(metric prometheus.Metric, d *dto.Metric) series {
	s, ok := m.told[metric]
	if ok {
		return s
	}
	var name string
	if _, rest, found := strings.Cut(metric.Desc().String(), fullName); found {
		name, _, _ = strings.Cut(rest, `"`)
	}
	if d.Histogram != nil {
		s.sum = m.number(name + "_sum" + labels(d))
		name += "_count"
	}
	s.value = m.number(name + labels(d))
	m.told[metric] = s
	return s
}

func (m *registry) number(name string) *number {
	n, ok := m.numbers[name]
	if !ok {
		n = &number{name: name}
		m.numbers[name] = n
	}
	return n
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
