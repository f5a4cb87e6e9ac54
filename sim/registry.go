package sim

import (
	"maps"
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
	names      map[prometheus.Metric]string // with labels, as read tells them
	out        chan prometheus.Metric
	values     map[string]float64 // what read returns, kept for its space
	metric     dto.Metric         // likewise
}

// metricsMax bounds the metrics that one collector may have: the channel holds them all.
const metricsMax = 4096

func newRegistry() *registry {
	return &registry{
		Registry: prometheus.NewRegistry(), names: make(map[prometheus.Metric]string), out: make(chan prometheus.Metric, metricsMax),
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

// read returns every counter and gauge, and of histograms the number and the sum of the observations, by name with sorted labels. What
// is no number has no value either: JSON cannot tell it. The next call uses the same map.
func (m *registry) read() map[string]float64 {
	values, d := m.values, &m.metric
	clear(values)
	m.mu.Lock()
	collectors := m.collectors
	m.mu.Unlock()
	for _, c := range collectors {
		c.Collect(m.out)
		for len(m.out) > 0 {
			metric := <-m.out
			d.Reset()
			if metric.Write(d) != nil {
				continue // a metric that cannot be told has no value
			}
			name := m.name(metric, d)
			switch {
			case d.Counter != nil:
				values[name] = d.Counter.GetValue()
			case d.Gauge != nil:
				values[name] = d.Gauge.GetValue()
			case d.Histogram != nil:
				values[name] = float64(d.Histogram.GetSampleCount())
				values[strings.Replace(name, "_count", "_sum", 1)] = d.Histogram.GetSampleSum()
			}
		}
	}
	maps.DeleteFunc(values, func(_ string, v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	return values
}

// fullName begins the metric's name in a description, which has no other way to tell it.
const fullName = `fqName: "`

func (m *registry) name(metric prometheus.Metric, d *dto.Metric) string {
	name, ok := m.names[metric]
	if ok {
		return name
	}
	if _, rest, found := strings.Cut(metric.Desc().String(), fullName); found {
		name, _, _ = strings.Cut(rest, `"`)
	}
	if d.Histogram != nil {
		name += "_count"
	}
	name += labels(d)
	m.names[metric] = name
	return name
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
