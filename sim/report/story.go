package report

import (
	"slices"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// lastMax is the number of events that are kept of a run, and storyMax the number that a block on the terminal shows.
const (
	lastMax  = 30
	storyMax = 7
)

// Last returns the events before and around a step, at most thirty: what came after it is worth a third of what led to it.
func Last(events []trace.Event, step int) []trace.Event {
	end := len(events)
	if step > 0 {
		for i, e := range events {
			if e.Step > step {
				end = min(i+lastMax/3, len(events))
				break
			}
		}
	}
	return slices.Clone(events[max(0, end-lastMax):end])
}

// Story picks from the events of a run those that a person would tell to explain a violation: the witnesses, and of what was
// done to the same volume or to its nodes the last few before it. Without a violation it tells the end of the run.
func Story(events []trace.Event, j model.Result) []trace.Event {
	about := subjects(events, j)
	var told, witnesses []int
	for i, e := range events {
		if j.Step > 0 && e.Step > j.Step {
			break
		}
		switch {
		case e.Step == j.Step && shows(e):
			witnesses = append(witnesses, i)
		case slices.Contains(j.Witnesses, e.Step) && e.Kind.Point():
			witnesses = append(witnesses, i)
		case tells(e) && about.has(e):
			told = append(told, i)
		}
	}
	if n := len(witnesses); n > storyMax {
		witnesses = slices.Concat(witnesses[:storyMax/2], witnesses[n-(storyMax-storyMax/2):])
	}
	room := storyMax - len(witnesses)
	if len(told) > room {
		told = told[len(told)-room:]
	}
	chosen := append(told, witnesses...)
	slices.Sort(chosen)
	story := make([]trace.Event, 0, len(chosen))
	for _, i := range chosen {
		story = append(story, events[i])
	}
	return story
}

// topic is what a violation is about; an empty one is about everything.
type topic struct{ volumes, nodes map[string]bool }

// subjects collects the volumes that the witnesses name, and the nodes that were ever asked for them.
func subjects(events []trace.Event, j model.Result) topic {
	t := topic{make(map[string]bool), make(map[string]bool)}
	for _, e := range events {
		if e.Step != j.Step && !slices.Contains(j.Witnesses, e.Step) {
			continue
		}
		if e.Volume != "" {
			t.volumes[e.Volume] = true
		}
		if e.Node != "" {
			t.nodes[e.Node] = true
		}
	}
	for _, e := range events {
		if e.Kind == trace.Op && e.Node != "" && t.volumes[e.Volume] {
			t.nodes[e.Node] = true
		}
	}
	return t
}

func (t topic) has(e trace.Event) bool {
	switch {
	case len(t.volumes) == 0 && len(t.nodes) == 0:
		return true
	case e.Volume != "":
		return t.volumes[e.Volume]
	case e.Node != "":
		return t.nodes[e.Node]
	}
	return true // about everybody: a crash, an outage
}

// tells selects what somebody outside would have noticed: operations and their answers, processes, lasting faults, and calls
// that met a fault. What the sidecar does around its calls goes without saying, and so does an operation that begins a
// trouble, for the trouble says it better.
func tells(e trace.Event) bool {
	switch e.Kind {
	case trace.Process, trace.Trouble:
		return true
	case trace.Op:
		switch e.Verb {
		case "wish", "unwish", "attached", "forget", "outage", "outageEnd", "lag", "lagEnd", "disconnect", "replay", "clockStep", "crash", "depose", "pause", "pauseEnd", "takeOver":
			return false
		}
		return true
	case trace.Return:
		return e.Verb == "publish" || e.Verb == "unpublish"
	case trace.Call:
		return e.Fault != ""
	case trace.Belief:
		return e.State == "gone"
	}
	return false
}

// shows selects what a violated step itself shows: the point and the change of the truth or of belief.
func shows(e trace.Event) bool {
	return e.Kind.Point() || e.Kind == trace.Belief || e.Kind == trace.World
}
