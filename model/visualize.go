package model

import (
	"io"
	"maps"
	"slices"

	"github.com/holdfast-sim/holdfast/model/history"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Visualize writes a page of HTML that shows S11's view of a trace: the calls on each volume that no order explains, on every
// volume if all can be explained, with faults, crashes, leaders and nodes beside them. Steps are the time.
func Visualize(out io.Writer, h trace.Header, events []trace.Event) error {
	s := newState(h)
	book := newHistories()
	notes := &notes{begun: make(map[string]int)}
	for i := range events {
		e := &events[i]
		if e.At > s.now.at {
			s.advance(e.At)
		}
		s.now.step = e.Step
		s.open(e)
		s.take(e)
		book.take(s, e)
		notes.take(e)
	}
	return history.Visualize(out, book.shown(), notes.ended(s.now.step))
}

// shown are the histories that are broken, all if none is.
func (b *histories) shown() []*history.History {
	var all, broken []*history.History
	for _, v := range b.order {
		h := v.settled()
		v.describe()
		all = append(all, h)
		if history.Check(h).Outcome == history.Broken {
			broken = append(broken, h)
		}
	}
	if len(broken) > 0 {
		return broken
	}
	return all
}

// notes are what stands beside the calls.
type notes struct {
	all   []history.Note
	begun map[string]int // by what goes on: the step
}

func (n *notes) take(e *trace.Event) {
	if e.Fault != "" && (e.Kind == trace.Call || e.Kind == trace.Return) {
		n.at(e, "faults", e.Fault, e.Fault+" of "+e.Verb+" "+or(e.Resource, e.Volume)+" "+or(e.Name, e.Node)+" by "+e.Actor, true)
	}
	switch e.Kind {
	case trace.Process:
		n.process(e)
	case trace.Trouble:
		n.trouble(e)
	case trace.Phase:
		n.at(e, "phases", e.Name, "", false)
	case trace.Change:
		if e.Resource == "nodes" && (e.Verb == "created" || e.Verb == "deleted") && e.Step > 0 {
			n.at(e, "nodes", nodeNamed(e)+" "+e.Verb, "uid "+e.UID, e.Verb == "deleted")
		}
	}
}

func (n *notes) at(e *trace.Event, tag, text, details string, bad bool) {
	n.all = append(n.all, history.Note{Tag: tag, From: e.Step, To: e.Step, Text: text, Details: details, Bad: bad})
}

// process draws a leadership as a bar, and a crash as a point.
func (n *notes) process(e *trace.Event) {
	line := "process " + itoa(e.Proc)
	switch e.Verb {
	case "lead":
		n.begin(line, e.Step)
	case "depose", "stopped":
		n.end(line, "leads", e.Step, false)
	case "crash":
		n.end(line, "leads", e.Step, false)
		n.at(e, line, "crash", "", true)
	case "start":
		n.at(e, line, "start", "", false)
	}
}

// trouble draws an outage, a lag or a pause as a bar.
func (n *notes) trouble(e *trace.Event) {
	switch e.Verb {
	case "outageBegin", "lagBegin", "pauseBegin":
		n.begin(e.Verb[:len(e.Verb)-len("Begin")], e.Step)
	case "outageEnd", "lagEnd", "pauseEnd":
		what := e.Verb[:len(e.Verb)-len("End")]
		n.end(what, what, e.Step, true)
	default:
		n.at(e, "faults", e.Verb, e.Limit.String(), true)
	}
}

func (n *notes) begin(what string, step int) {
	if _, on := n.begun[what]; !on {
		n.begun[what] = step
	}
}

func (n *notes) end(what, text string, step int, bad bool) {
	if from, on := n.begun[what]; on {
		delete(n.begun, what)
		n.all = append(n.all, history.Note{Tag: what, From: from, To: step, Text: text, Bad: bad})
	}
}

// ended closes what goes on at the end of the trace.
func (n *notes) ended(step int) []history.Note {
	for _, what := range slices.Sorted(maps.Keys(n.begun)) {
		switch what {
		case "outage", "lag", "pause":
			n.end(what, what, step, true)
		default:
			n.end(what, "leads", step, false)
		}
	}
	return n.all
}
