package model

import (
	"fmt"
	"strings"
	"time"
)

// Outcome is how the judgement of an invariant, or of a part of it, ended.
type Outcome string

// The four outcomes. Held is said only of a run that was seen to its end.
const (
	Held         Outcome = "held"
	Violated     Outcome = "violated"
	Inconclusive Outcome = "inconclusive" // offered, but without an answer: out of steps, or a horizon too short
	NotJudged    Outcome = "notJudged"    // the system or the build does not offer what it needs
)

// Verdict is what the oracle says of a trace.
type Verdict struct {
	// Results holds one result per invariant, in the order of Invariants.
	Results []Result `json:"results"`
	// Tally counts what happened in the trace, for the report.
	Tally Tally `json:"tally,omitempty"`
}

// Result is the judgement of one invariant.
type Result struct {
	Invariant string  `json:"invariant"` // its name, such as S3
	Title     string  `json:"title"`
	Outcome   Outcome `json:"outcome"`
	// Step and At are the first violation's.
	Step    int           `json:"step,omitempty"`
	At      time.Duration `json:"at,omitempty"`
	Message string        `json:"message,omitempty"`
	// Witnesses are the steps that show the violation, in order; the last is Step.
	Witnesses []int `json:"witnesses,omitempty"`
	// More counts further violations of the same invariant.
	More int `json:"more,omitempty"`
	// Reason says why the invariant was not judged, or has no answer.
	Reason string `json:"reason,omitempty"`
	// LeanedOn lists what is safe only under an assumption, such as a clear without a fence.
	LeanedOn []string `json:"leanedOn,omitempty"`
	// Inherent lists what no system can tell apart over CSI, and which is therefore no violation.
	Inherent []string `json:"inherent,omitempty"`
	// Parts tells the outcome of each part, if there are several.
	Parts []Part `json:"parts,omitempty"`
}

// Part is one part of an invariant: what can be judged from one kind of evidence.
type Part struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
}

// Outcome returns the outcome of the whole: violated if anything is, else inconclusive if anything is, else held. Invariants
// that were not judged have no influence.
func (v Verdict) Outcome() Outcome {
	all := make([]Outcome, len(v.Results))
	for i, r := range v.Results {
		all[i] = r.Outcome
	}
	return worst(all)
}

// Violations returns the results that are violated, the earliest first.
func (v Verdict) Violations() []Result {
	var out []Result
	for _, r := range v.Results {
		if r.Outcome != Violated {
			continue
		}
		at := len(out)
		for at > 0 && out[at-1].Step > r.Step {
			at--
		}
		out = append(out[:at], append([]Result{r}, out[at:]...)...)
	}
	return out
}

// Lookup returns the result of the invariant with a name, a title, or the title as one word: S1, "single writer", singleWriter.
// A user's rule has a name only, which goes before all titles.
func (v Verdict) Lookup(name string) (Result, bool) {
	for _, r := range v.Results {
		if r.Invariant == name {
			return r, true
		}
	}
	for _, r := range v.Results {
		if r.Title != ruleTitle && named(name, r.Invariant, r.Title) {
			return r, true
		}
	}
	return Result{}, false
}

// String returns the result as one line of text.
func (r Result) String() string {
	switch r.Outcome {
	case Violated:
		more := ""
		if r.More > 0 {
			more = fmt.Sprintf(" (and %d more)", r.More)
		}
		return fmt.Sprintf("%s %s: %s%s", r.Invariant, r.Title, r.Message, more)
	case Held:
		return fmt.Sprintf("%s %s: held", r.Invariant, r.Title)
	case NotJudged:
		return fmt.Sprintf("%s %s: not judged (%s)", r.Invariant, r.Title, r.Reason)
	}
	return fmt.Sprintf("%s %s: %s (%s)", r.Invariant, r.Title, r.Outcome, r.Reason)
}

// worst folds outcomes into one: a violation outweighs everything, a missing answer outweighs what held.
func worst(all []Outcome) Outcome {
	out := NotJudged
	rank := map[Outcome]int{NotJudged: 0, Held: 1, Inconclusive: 2, Violated: 3}
	for _, o := range all {
		if rank[o] > rank[out] {
			out = o
		}
	}
	return out
}

// named reports whether a user's word means the invariant with this name and title.
func named(word, name, title string) bool {
	squash := func(s string) string {
		return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(s))
	}
	w := squash(word)
	return w != "" && (w == squash(name) || w == squash(title))
}
