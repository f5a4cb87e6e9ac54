package model

import (
	"fmt"
	"time"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// rule is one invariant at work on one trace. The checker calls step after the state has taken in an event of a kind that
// the rule asked for, and end once after the last event.
type rule interface {
	step(s *state, e *trace.Event)
	end(s *state)
	ruled() *ruling
}

// settler is a rule that looks at a step as a whole, when its last observation has been seen. Changes of belief are judged
// then, because one step may say "gone" and "here" of the same instance.
type settler interface{ settle(s *state) }

// ticker is a rule with deadlines. It is asked just before virtual time moves on to now: whatever should have happened
// before now has been seen by then.
type ticker interface {
	tick(s *state, now time.Duration)
}

// listMax bounds the lists of a result, so that a long run does not grow a long report.
const listMax = 50

// ruling collects what a rule finds.
type ruling struct {
	parts           []Part
	first           *finding
	more            int
	leaned, forgave []string
}

// finding is one violation.
type finding struct {
	when      moment
	message   string
	witnesses []int
}

func (r *ruling) ruled() *ruling { return r }

func (r *ruling) step(*state, *trace.Event) {}

func (r *ruling) end(*state) {}

// judge declares a part. A missing power makes it not judged, and judge returns false.
func (r *ruling) judge(s *state, part string, powers ...string) bool {
	for _, p := range powers {
		if !s.offers(p) {
			r.parts = append(r.parts, Part{Name: part, Outcome: NotJudged, Reason: "the system does not offer: " + p})
			return false
		}
	}
	r.parts = append(r.parts, Part{Name: part, Outcome: Held})
	return true
}

// judged reports whether a part was declared and is judged.
func (r *ruling) judged(part string) bool {
	for _, p := range r.parts {
		if p.Name == part {
			return p.Outcome != NotJudged
		}
	}
	return false
}

// violate records a violation of a part at the present step. The witnesses come before it.
func (r *ruling) violate(s *state, part string, witnesses []int, format string, args ...any) {
	r.set(part, Violated, "")
	if r.first != nil {
		r.more++
		return
	}
	r.first = &finding{when: s.now, message: fmt.Sprintf(format, args...), witnesses: append(orderedSteps(witnesses, s.now.step), s.now.step)}
}

// unanswered makes a part inconclusive unless it has an answer already.
func (r *ruling) unanswered(part, reason string) { r.set(part, Inconclusive, reason) }

func (r *ruling) set(part string, o Outcome, reason string) {
	for i := range r.parts {
		p := &r.parts[i]
		if p.Name != part || p.Outcome == Violated || p.Outcome == NotJudged {
			continue
		}
		p.Outcome, p.Reason = o, reason
	}
}

// lean notes what is safe only under an assumption.
func (r *ruling) lean(format string, args ...any) {
	if len(r.leaned) < listMax {
		r.leaned = append(r.leaned, fmt.Sprintf(format, args...))
	}
}

// forgive notes what is inherent in CSI.
func (r *ruling) forgive(format string, args ...any) {
	if len(r.forgave) < listMax {
		r.forgave = append(r.forgave, fmt.Sprintf(format, args...))
	}
}

// result turns the ruling into a Result. A run that was not seen to its end has held nothing.
func (r *ruling) result(inv Invariant, unfinished string) Result {
	out := Result{Invariant: inv.Name, Title: inv.Title, LeanedOn: r.leaned, Inherent: r.forgave, More: r.more}
	all := make([]Outcome, len(r.parts))
	for i, p := range r.parts {
		if p.Outcome == Held && unfinished != "" {
			p.Outcome, p.Reason = Inconclusive, unfinished
		}
		if out.Reason == "" {
			out.Reason = p.Reason
		}
		out.Parts, all[i] = append(out.Parts, p), p.Outcome
	}
	out.Outcome = worst(all)
	if out.Outcome == Held || out.Outcome == Violated {
		out.Reason = ""
	}
	if out.Outcome == Inconclusive {
		out.Reason = firstReason(out.Parts, Inconclusive)
	}
	if f := r.first; f != nil {
		out.Step, out.At, out.Message, out.Witnesses = f.when.step, f.when.at, f.message, f.witnesses
	}
	return out
}

func firstReason(parts []Part, o Outcome) string {
	for _, p := range parts {
		if p.Outcome == o {
			return p.Reason
		}
	}
	return ""
}

// orderedSteps returns the steps before now, ascending and without repetitions; 0 is no step.
func orderedSteps(steps []int, now int) []int {
	var out []int
	for _, w := range steps {
		at := len(out)
		for at > 0 && out[at-1] > w {
			at--
		}
		if w <= 0 || w >= now || (at > 0 && out[at-1] == w) {
			continue
		}
		out = append(out[:at], append([]int{w}, out[at:]...)...)
	}
	return out
}
