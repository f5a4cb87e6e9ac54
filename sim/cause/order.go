// Package cause tells what led to what in a run: the happens-before order between the events of a trace (Lamport: Time, Clocks, and
// the Ordering of Events in a Distributed System, CACM 1978).
//
// A trace shows who did what, and whose answers, objects and watch events it saw before. From that the order follows: what an
// actor does comes after what it has done; an answer after its request; whoever reads an object comes after its last change, and
// whoever has a cache after the last delivery to it. It shows what may have had an influence, and not what had one: for that,
// leave something out and run again, as package shrink does.
//
//	o := cause.Of(events)
//	for _, i := range o.Chain(core, violated) { ... events[i] ... }
package cause

import (
	"slices"
	"strconv"

	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Order is the happens-before order of a trace.
type Order struct {
	events []trace.Event
	causes [][]int // direct ones, by event
}

// Of finds the order of a trace's events.
func Of(events []trace.Event) *Order {
	o := &Order{events: events, causes: make([][]int, len(events))}
	s := scan{Order: o, last: make(map[string]int), changed: make(map[string]map[string]int)}
	for i := range events {
		s.event(i)
	}
	return o
}

// scan is the first look at a trace, event by event.
type scan struct {
	*Order
	point   int            // the point of the step under way
	last    map[string]int // the last event of a thread: what comes after it in the same thread has it for a cause
	changed map[string]map[string]int
}

// after makes the last event of each thread a cause of i.
func (s *scan) after(i int, threads ...string) {
	for _, t := range threads {
		if j, ok := s.last[t]; ok && j != i && !slices.Contains(s.causes[i], j) {
			s.causes[i] = append(s.causes[i], j)
		}
	}
}

// is makes i the last event of threads.
func (s *scan) is(i int, threads ...string) {
	for _, t := range threads {
		s.last[t] = i
	}
}

func (s *scan) event(i int) {
	e := &s.events[i]
	if !e.Kind.Point() {
		s.observation(i, e)
		return
	}
	s.point = i
	p := "p" + strconv.Itoa(e.Proc) + "/"
	mine := p + e.Actor
	if e.Actor == "informer" {
		mine += "/" + e.Resource
	}
	if e.Proc > 0 {
		s.after(i, mine, p+"process")
		s.is(i, mine)
	}
	switch e.Kind {
	case trace.Op:
		s.after(i, "wish/"+e.Volume+"/"+e.Node, p+"belief/"+e.Volume)
		s.is(i, p+"op-"+strconv.Itoa(e.Op))
	case trace.Call:
		s.call(i, e, p)
	case trace.Reply:
		s.after(i, "call/"+strconv.Itoa(e.ID))
	case trace.Deliver:
		s.after(i, "object/"+e.Resource+"/"+e.Name)
		s.is(i, p+"cache/"+e.Resource)
	case trace.Wake:
		s.after(i, p+"run", p+"cache/nodes")
		s.is(i, p+"run")
	case trace.Return:
		s.after(i, p+"belief/"+e.Volume)
	case trace.Process:
		s.after(i, "process")
		s.is(i, p+"process", "process")
	}
}

// call takes a request in: it comes after what its object is, and after what its caller's caches have shown.
func (s *scan) call(i int, e *trace.Event, p string) {
	s.is(i, "call/"+strconv.Itoa(e.ID))
	s.after(i, p+"belief/"+e.Volume, p+"cache/persistentvolumes", p+"cache/volumeattachments")
	switch {
	case e.Resource == "backend":
		s.after(i, "backend/"+e.Volume)
		s.is(i, "backend/"+e.Volume)
	case e.Verb == "list":
		for _, name := range sortedNames(s.changed[e.Resource]) {
			s.after(i, "object/"+e.Resource+"/"+name)
		}
	default:
		s.after(i, "object/"+e.Resource+"/"+e.Name)
	}
	if e.Actor == "run" {
		s.after(i, p+"cache/nodes")
	}
}

// observation takes in what belongs to the step's point.
func (s *scan) observation(i int, e *trace.Event) {
	if e.Step > 0 && e.Step == s.events[s.point].Step {
		s.causes[i] = append(s.causes[i], s.point)
	}
	switch e.Kind {
	case trace.Change:
		if s.changed[e.Resource] == nil {
			s.changed[e.Resource] = make(map[string]int)
		}
		s.changed[e.Resource][e.Name] = i
		s.is(i, "object/"+e.Resource+"/"+e.Name)
		if e.Resource == "volumeattachments" {
			s.is(i, "wish/"+e.Volume+"/"+e.Node)
		}
	case trace.World:
		s.after(i, "world/"+e.Volume+"/"+e.Node)
		s.is(i, "world/"+e.Volume+"/"+e.Node)
	case trace.Belief:
		s.is(i, "p"+strconv.Itoa(e.Proc)+"/belief/"+e.Volume)
	}
}

func sortedNames(m map[string]int) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Chain returns the events on the shortest paths by which each event of the core led to one of the ends, the core itself and the ends
// that were reached, in the order of the trace. An event of the core from which no path leads there is there by itself.
func (o *Order) Chain(core, ends []int) []int {
	toEnd := o.steps(ends)
	in := make(map[int]bool)
	for _, c := range core {
		in[c] = true
		for at := c; toEnd[at].distance > 0; {
			at = toEnd[at].next
			in[at] = true
		}
	}
	for _, e := range ends {
		in[e] = true
	}
	chain := make([]int, 0, len(in))
	for i := range in {
		chain = append(chain, i)
	}
	slices.Sort(chain)
	return chain
}

// step is how an event leads to an end: over next, distance steps from it; 0 is the end itself, or nowhere.
type step struct{ distance, next int }

// steps goes back from the ends, in breadth.
func (o *Order) steps(ends []int) map[int]step {
	found := make(map[int]step)
	queue := slices.Clone(ends)
	for _, e := range ends {
		found[e] = step{}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, c := range o.causes[at] {
			if _, seen := found[c]; !seen {
				found[c] = step{found[at].distance + 1, at}
				queue = append(queue, c)
			}
		}
	}
	return found
}
