// Package perturb asks what if: it changes one thing of a run that is known, in every way that may matter.
//
// A reference run shows what the system writes, what it reads before it decides, and which watch events it acts upon. Each of them
// gives neighbours of the scenario: the process dies just before or after the write, or never hears of it; the read fails; the
// view is frozen while an object changes; an operation comes later, or while the API server is away. What cannot have an
// influence is left out: a write that changed nothing, a view of what does not change. So a few hundred runs see what random
// faults meet in thousands (Sun and others: Automatic Reliability Testing for Cluster Management Controllers, OSDI 2022).
//
//	for _, n := range perturb.Neighbours(s, events) { ... run n.Scenario ... }
package perturb

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Change is one thing that is different from the reference run.
type Change struct {
	// What says it in words.
	What string
	// By is how far it moves something in virtual time; 0 if it does not. Of two changes the smaller one is nearer.
	By time.Duration

	fault *scenarios.Fault
	step  *scenarios.Step
	moved int // index of the step that comes later by By, -1 if none does
}

// Apply returns the scenario with the changes. It shares what they leave alone.
func Apply(s *scenarios.Scenario, changes ...Change) *scenarios.Scenario {
	c := *s
	c.Spec.Faults, c.Spec.Timeline = slices.Clone(s.Spec.Faults), slices.Clone(s.Spec.Timeline)
	for _, x := range changes {
		switch {
		case x.fault != nil:
			c.Spec.Faults = append([]scenarios.Fault{*x.fault}, c.Spec.Faults...) // the first one that fits decides
		case x.step != nil:
			c.Spec.Timeline = append(c.Spec.Timeline, *x.step)
		default:
			c.Spec.Timeline[x.moved].At += scenarios.Duration(x.By)
		}
	}
	slices.SortStableFunc(c.Spec.Timeline, func(a, b scenarios.Step) int { return cmp.Compare(a.At, b.At) })
	return &c
}

// Changes returns what may be different in a run of the scenario, whose trace is the reference, the nearest first. Its timeline is in
// order of time.
func Changes(s *scenarios.Scenario, reference []trace.Event) []Change {
	events := chaotic(reference)
	all := slices.Concat(requests(events), views(events), moments(s))
	slices.SortStableFunc(all, func(a, b Change) int { return cmp.Compare(a.By, b.By) })
	return all
}

// chaotic are the events before the run heals: after that nothing goes wrong any more.
func chaotic(events []trace.Event) []trace.Event {
	end := slices.IndexFunc(events, func(e trace.Event) bool { return e.Kind == trace.Phase && e.Name == "heal" })
	if end < 0 {
		return events
	}
	return events[:end]
}

// late is how long after it was sent a request takes effect whose sender was told of a timeout.
const late = 30 * time.Second

// requests are faults at what the system writes and reads. One request gets one effect.
func requests(events []trace.Event) (all []Change) {
	for i, e := range events {
		if e.Kind != trace.Call || e.Proc == 0 || e.Label == "" || e.Code != "OK" || e.Actor == "informer" || e.Fault != "" {
			continue
		}
		effects := []fault.Effect{fault.Error}
		if effective(events[i+1:], e.Step) {
			effects = []fault.Effect{fault.Error, fault.ReplyLost, fault.CrashBefore, fault.CrashAfter, fault.LateEffect}
		}
		for _, effect := range effects {
			f := scenarios.Fault{On: scenarios.On{Label: e.Label}, Effect: effect}
			c := Change{What: fmt.Sprintf("%s at %s", effect, e.Label), fault: &f, moved: -1}
			if effect == fault.LateEffect {
				c.By, f.For = late, scenarios.Duration(late)
				c.What += ", " + late.String() + " later"
			}
			all = append(all, c)
		}
	}
	return all
}

// effective reports whether the call of a step changed anything: the cluster, or what the backend has granted.
func effective(after []trace.Event, step int) bool {
	for _, e := range after {
		switch {
		case e.Step != step:
			return false
		case e.Kind == trace.Change, e.Kind == trace.World && (e.Verb == "grant" || e.Verb == "revoke" || e.Verb == "fence"):
			return true
		}
	}
	return false
}

// frozen is for how long a view does not change while the objects do.
var frozen = []time.Duration{5 * time.Second, time.Minute}

// views freeze what a watch shows at each change of an object that the system watches, or break the watch there. The system's own
// writes are left out: it knows of them.
func views(events []trace.Event) (all []Change) {
	type frame struct {
		resource string
		at       time.Duration
	}
	seen := make(map[frame]bool)
	var writer int
	for _, e := range events {
		if e.Kind.Point() {
			writer = e.Proc
		}
		f := frame{e.Resource, e.At}
		if e.Kind != trace.Change || writer != 0 || e.Step == 0 || !watched(e.Resource) || seen[f] {
			continue
		}
		seen[f] = true
		at := scenarios.Duration(max(0, e.At-time.Nanosecond))
		for _, d := range frozen {
			all = append(all, Change{
				What: fmt.Sprintf("the watch of %s stands still for %v from %v on", e.Resource, d, e.At), By: d, moved: -1,
				step: &scenarios.Step{At: at, Lag: &scenarios.Lag{Resource: e.Resource, For: scenarios.Duration(d)}},
			})
		}
		all = append(all, Change{
			What: fmt.Sprintf("the watch of %s breaks at %v and lists anew", e.Resource, e.At), moved: -1,
			step: &scenarios.Step{At: at, Disconnect: &scenarios.Resource{Resource: e.Resource, Gone: true}},
		})
	}
	return all
}

func watched(resource string) bool {
	return slices.Contains([]string{"nodes", "csinodes", "volumeattachments", "persistentvolumes"}, resource)
}

// away is for how long the process, its leadership, or the API server is gone.
const away = 10 * time.Second

// moments are troubles at each operation of the timeline, and the operation itself a little later.
func moments(s *scenarios.Scenario) (all []Change) {
	down := scenarios.Duration(away)
	for i, step := range s.Spec.Timeline {
		at := time.Duration(step.At)
		add := func(what string, x scenarios.Step) {
			x.At = step.At
			all = append(all, Change{What: fmt.Sprintf("%s at %v", what, at), By: away, step: &x, moved: -1})
		}
		add("the process crashes", scenarios.Step{Crash: &scenarios.Downtime{For: down}})
		add("leadership is lost", scenarios.Step{Depose: &scenarios.Downtime{For: down}})
		add("the API server is away", scenarios.Step{Outage: &scenarios.Outage{For: down}})
		add("the next process leads already", scenarios.Step{Overlap: &scenarios.Overlap{For: down}})
		for _, by := range []time.Duration{time.Second, time.Minute} {
			all = append(all, Change{What: fmt.Sprintf("%s of %v comes %v later", step.Action(), at, by), By: by, moved: i})
		}
	}
	return all
}
