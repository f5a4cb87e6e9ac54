package history

import (
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/anishathalye/porcupine"
)

// Note is what happened besides the calls, at a step or for a while: a fault, a crash, a change of leaders.
type Note struct {
	// Tag names the line on which it is drawn.
	Tag string
	// From and To are steps; To is From for what took no time.
	From, To int
	// Text is short, Details say more.
	Text, Details string
	// Bad marks what hurts.
	Bad bool
}

// drawnMax bounds the calls of one volume on a page. Of a longer history the part is drawn in which it breaks.
const drawnMax = 2000

// Visualize writes a page of HTML that shows histories, one part each: the calls as bars from call to return, in an order
// that explains them as far as there is one, with the state after each, and the first answer that cannot be.
//
// Porcupine lists orders of equal length in no fixed order, so that two pages of one history may differ in that.
func Visualize(out io.Writer, histories []*History, notes []Note) error {
	d := &drawing{}
	for _, h := range histories {
		d.add(h)
	}
	m := d.model()
	var asked atomic.Int64 // porcupine looks at all parts at once
	bounded := m
	bounded.Step = func(s, input, output any) (bool, any) {
		if asked.Add(1) > int64(len(histories))*stepsMax {
			return false, s
		}
		return m.Step(s, input, output)
	}
	_, info := porcupine.CheckOperationsVerbose(bounded, d.ops, 0)
	info.AddAnnotations(d.annotations(notes))
	if err := porcupine.Visualize(m, info, out); err != nil {
		return fmt.Errorf("draw %d histories: %w", len(histories), err)
	}
	return nil
}

// drawing is a page in the making.
type drawing struct {
	ops   []porcupine.Operation
	end   int // the last step of any
	lanes int
}

// drawn is a state with the volume that it is of.
type drawn struct {
	in *volume
	s  state
}

// drawnCall is a call, and the state before it if it is the first of its part.
type drawnCall struct {
	*call
	before state
}

func (d *drawing) add(h *History) {
	_, calls := compile(h)
	p := part{calls: calls}
	if len(calls) > drawnMax {
		p = cut(h, calls)
	}
	for i := range p.calls {
		d.end = max(d.end, p.calls[i].op.Call)
		if r := p.calls[i].op.Return; r != Never {
			d.end = max(d.end, r)
		}
	}
	d.draw(p, func(c *call) bool { return c.kind != Lapse && c.kind != Surmise })
	d.draw(p, func(c *call) bool { return c.kind == Lapse || c.kind == Surmise })
}

// draw puts calls on lanes, so that those on one lane do not overlap.
func (d *drawing) draw(p part, chosen func(*call) bool) {
	var free []int // the step from which on a lane is free
	for i := range p.calls {
		c := &p.calls[i]
		if !chosen(c) {
			continue
		}
		lane := slices.IndexFunc(free, func(from int) bool { return from < c.op.Call })
		if lane < 0 {
			lane = len(free)
			free = append(free, 0)
		}
		free[lane] = c.op.Return
		d.ops = append(d.ops, porcupine.Operation{
			ClientId: d.lanes + lane, Input: drawnCall{c, p.before}, Call: int64(c.op.Call), Return: int64(c.op.Return),
			Metadata: fmt.Sprintf("steps %d to %s", c.op.Call, stepText(c.op.Return)),
		})
	}
	d.lanes += len(free)
}

// cut is the part of a long history in which it breaks, the last one if it does not.
func cut(h *History, calls []call) part {
	parts, first := split(calls), Check(h).First
	for _, p := range parts {
		if p.calls[len(p.calls)-1].index >= first && first >= 0 {
			return p
		}
	}
	return parts[len(parts)-1]
}

func stepText(step int) string {
	if step == Never {
		return "never"
	}
	return fmt.Sprint(step)
}

// model is the sequential manager of several volumes, for people.
func (d *drawing) model() porcupine.Model {
	for i := range d.ops {
		if d.ops[i].Return == Never {
			d.ops[i].Return = int64(d.end + 1)
		}
	}
	return porcupine.Model{
		Partition: func(ops []porcupine.Operation) (parts [][]porcupine.Operation) {
			var last *volume
			for _, o := range ops {
				if in := o.Input.(drawnCall).in; in != last {
					parts, last = append(parts, nil), in
				}
				parts[len(parts)-1] = append(parts[len(parts)-1], o)
			}
			return parts
		},
		Init: func() any { return drawn{} },
		Step: func(s, input, _ any) (bool, any) {
			now, c := s.(drawn), input.(drawnCall)
			if now.in == nil {
				now = drawn{c.in, c.before}
			}
			ok, next := c.step(now.s)
			return ok, drawn{c.in, next}
		},
		DescribeOperation: func(input, _ any) string { return input.(drawnCall).op.Text },
		DescribeState: func(s any) string {
			if now := s.(drawn); now.in != nil {
				return now.in.name + ": " + now.in.describe(now.s)
			}
			return "nobody has anything"
		},
	}
}

func (d *drawing) annotations(notes []Note) []porcupine.Annotation {
	all := make([]porcupine.Annotation, len(notes))
	for i, n := range notes {
		all[i] = porcupine.Annotation{Tag: n.Tag, Start: int64(n.From), End: int64(n.To), Description: n.Text, Details: n.Details}
		if n.Bad {
			all[i].BackgroundColor = "#ffcdd2"
		}
	}
	return all
}
