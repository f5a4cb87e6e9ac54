package report

import (
	"bytes"
	"fmt"
	"math"
)

// Bound is the probability with which a run under PCT would have found a bug of a depth (sched.Bound).
type Bound struct {
	Probability float64 `json:"probability"` // 0 where the theory does not cover the run
	Actors      int     `json:"actors"`      // n
	Horizon     int     `json:"horizon"`     // k, in steps
	Depth       int     `json:"depth"`       // d, the ordering constraints that the bug needs
}

// Confidence sums the bounds of a campaign up.
type Confidence struct {
	// Runs are those under PCT, Covered those among them that the theory covers.
	Runs    int `json:"runs"`
	Covered int `json:"covered"`
	// Least and Most are the bounds of single runs, Probability that of all of them together.
	Least       float64 `json:"least"`
	Most        float64 `json:"most"`
	Probability float64 `json:"probability"`
	Actors      int     `json:"actors"` // at most
	Horizon     int     `json:"horizon"`
	Depth       int     `json:"depth"`

	missed float64 // logarithm of the probability that no run would have found it
}

func (c *Confidence) add(b *Bound) {
	if b == nil {
		return
	}
	c.Runs++
	c.Horizon, c.Depth, c.Actors = b.Horizon, b.Depth, max(c.Actors, b.Actors)
	if b.Probability == 0 {
		return
	}
	if c.Covered++; c.Covered == 1 || b.Probability < c.Least {
		c.Least = b.Probability
	}
	c.Most = max(c.Most, b.Probability)
	c.missed += math.Log1p(-b.Probability)
	c.Probability = -math.Expm1(c.missed)
}

// confidence says what the runs under PCT promise, and what they do not.
func confidence(b *bytes.Buffer, s *Summary) {
	c := s.Confidence
	if c.Runs == 0 {
		return
	}
	fmt.Fprintf(b, "CONFIDENCE: a bug that these workloads and faults can show, and that needs %d ordering constraints, is found with a probability of at least\n", c.Depth)
	fmt.Fprintf(b, "%.2g a run and %.2g in all: 1/(n k^(d-1)) with n <= %d actors, k = %d steps, d = %d, over the %d of %d runs that are no longer.\n",
		c.Least, c.Probability, c.Actors, c.Horizon, c.Depth, c.Covered, c.Runs)
	fmt.Fprintf(b, "It says nothing of a bug that needs another workload, another fault, or a data race within a step.\n\n")
}
