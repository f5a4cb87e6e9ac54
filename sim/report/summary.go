package report

import (
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/model"
)

// Summary adds runs up. The zero value is ready; runs are added in the order in which they are to be listed.
type Summary struct {
	Runs, Steps        int
	Faults             int // runs that a bug of the harness ended
	Virtual, Busy, CPU time.Duration
	// Wall is the time that the campaign took; the caller sets it.
	Wall       time.Duration
	Outcomes   map[Outcome]int
	Invariants []Invariant
	Tally      map[string]Count
	// Reach counts calls, and the faults that met them, over all runs.
	Reach model.Reach
	// Confidence is what the runs under PCT promise.
	Confidence Confidence
	// States counts the abstract states and marks that were reached.
	States States
}

// Invariant counts the results of one invariant over all runs.
type Invariant struct {
	Name, Title                             string
	Held, Violated, Inconclusive, NotJudged int
	// Reason says why it was not judged, in the words of the first such run.
	Reason string
}

// Count is how often something occurred, and in how many runs.
type Count struct {
	Times int `json:"times"`
	Runs  int `json:"runs"`
}

// Add adds one run.
func (s *Summary) Add(r Run) {
	s.Runs++
	s.Steps += r.Steps
	if r.Fault {
		s.Faults++
	}
	s.Virtual += r.Virtual
	s.Busy += r.Busy
	s.CPU += r.CPU
	if s.Outcomes == nil {
		s.Outcomes, s.Tally, s.Reach = make(map[Outcome]int), make(map[string]Count), make(model.Reach)
	}
	s.Outcomes[r.Outcome]++
	for name, n := range r.Tally {
		c := s.Tally[name]
		c.Times += n
		if n > 0 {
			c.Runs++
		}
		s.Tally[name] = c
	}
	s.Confidence.add(r.Bound)
	for name, n := range r.Reach {
		s.Reach[name] += n
	}
	s.States.add(r)
	for _, j := range r.Verdict.Results {
		s.judge(j)
	}
}

// judge counts one judgement. Runs list invariants in one order, but a run that crashed may list only some of them.
func (s *Summary) judge(j model.Result) {
	i := slices.IndexFunc(s.Invariants, func(v Invariant) bool { return v.Name == j.Invariant })
	if i < 0 {
		i = len(s.Invariants)
		s.Invariants = append(s.Invariants, Invariant{Name: j.Invariant, Title: j.Title})
	}
	v := &s.Invariants[i]
	switch j.Outcome {
	case model.Held:
		v.Held++
	case model.Violated:
		v.Violated++
	case model.Inconclusive:
		v.Inconclusive++
	default:
		v.NotJudged++
		if v.Reason == "" {
			v.Reason = j.Reason
		}
	}
}

// Findings is the number of runs that somebody has to look at.
func (s *Summary) Findings() int {
	return s.Outcomes[Violated] + s.Outcomes[Crashed] + s.Outcomes[Stalled]
}

// StepsPerCPUSecond is the speed of the whole stack; 0 if nothing was measured.
func (s *Summary) StepsPerCPUSecond() float64 { return per(float64(s.Steps), s.CPU) }

// Ratio is virtual time by wall time, with all of the virtual time or without idle gaps over a minute.
func (s *Summary) Ratio(virtual time.Duration) float64 { return per(virtual.Seconds(), s.Wall) }

func per(n float64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return n / d.Seconds()
}
