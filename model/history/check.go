package history

import (
	"cmp"
	"slices"
	"sort"

	"github.com/anishathalye/porcupine"
)

// Verdict says whether an order was found.
type Verdict uint8

// The verdicts.
const (
	// Linearizable means that there is an order that explains every answer.
	Linearizable Verdict = iota
	// Broken means that there is none.
	Broken
	// Undecided means that the search was given up.
	Undecided
)

// Report is the judgement of one history.
type Report struct {
	Outcome Verdict
	// First is the index of the operation whose answer was the first that no order explains; -1 if there is none.
	First int
	// Before says who had the volume before that answer, in an order that explains all answers until then.
	Before string
	// Witnesses are the indices of the operations because of which that was so, in the order of the history.
	Witnesses []int
}

// stepsMax bounds a search: so many times may the sequential manager be asked. It is counted and not timed, so that a verdict
// is the same on every machine. A search keeps what it has seen, about a hundred bytes for each time.
const stepsMax = 1 << 17

// Check judges a history.
//
// The history is cut where its state is certain: after an operation that overlaps with none and leaves one state, whatever
// was before. A part is first tried in the order in which its operations returned, which explains what a system with a lock
// per volume does; that order is a proof. Only where it fails is there a search.
func Check(h *History) Report {
	v, calls := compile(h)
	r := Report{Outcome: Linearizable, First: -1}
	for _, p := range split(calls) {
		switch found, _ := p.linearize(); found {
		case Broken:
			return p.first(v)
		case Undecided:
			r.Outcome = Undecided
		}
	}
	return r
}

// compile turns operations into calls of the sequential manager. What surely changed nothing is left out.
func compile(h *History) (*volume, []call) {
	v := &volume{name: h.Volume, mode: modeOf(h.Mode), maxHolders: h.MaxHolders}
	calls := make([]call, 0, len(h.Ops))
	for i, o := range h.Ops {
		if o.Outcome == Nothing {
			continue
		}
		c := call{op: o, in: v, kind: o.Kind, outcome: o.Outcome, every: o.Node == "", mode: modeOf(o.Mode), index: i}
		if o.Life > 0 && o.Life < 256 {
			c.life = uint8(o.Life)
		}
		if !c.every {
			at := slices.Index(v.nodes, o.Node)
			if at < 0 {
				at = len(v.nodes)
				v.nodes = append(v.nodes, o.Node)
			}
			c.node = uint16(at)
		}
		calls = append(calls, c)
	}
	return v, calls
}

// part is a stretch of a history, and the state before it.
type part struct {
	before state
	by     *call  // the last call before, which made it so; nil if there is none
	calls  []call // ordered by their calls
}

// split cuts a history after each operation that overlaps with none and whose end state is certain.
func split(calls []call) []part {
	var parts []part
	var next part
	begun, reached := 0, 0
	for i := range calls {
		c := &calls[i]
		alone := reached < c.op.Call && (i+1 == len(calls) || c.op.Return < calls[i+1].op.Call)
		reached = max(reached, c.op.Return)
		if end, certain := c.settles(); alone && certain {
			next.calls = calls[begun : i+1]
			parts = append(parts, next)
			begun, next = i+1, part{before: end, by: c}
		}
	}
	if begun < len(calls) {
		next.calls = calls[begun:]
		parts = append(parts, next)
	}
	return parts
}

// settles reports whether a call leaves the same state whatever was before, and which.
func (c *call) settles() (state, bool) {
	switch {
	case c.outcome != Done || c.op.Fleeting:
	case c.kind == Release && c.every:
		return "", true
	case c.kind == Acquire && c.mode != anyMode && c.in.limit(c.in.mode, c.mode) == 1:
		_, s := c.acquire("")
		return s, true
	}
	return "", false
}

// linearize looks for an order. It returns the calls' indices in the part, in that order.
func (p part) linearize() (Verdict, []int) {
	if order := p.byReturn(); p.allows(order) {
		return Linearizable, order
	}
	return p.search()
}

// byReturn is the order in which the operations ended. What may have been done is put where it was called.
func (p part) byReturn() []int {
	order := make([]int, len(p.calls))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.calls[a].ended(), p.calls[b].ended()) })
	return order
}

func (c *call) ended() int {
	if c.outcome == Unknown {
		return c.op.Call
	}
	return c.op.Return
}

// allows reports whether the sequential manager could have given all answers in an order of the calls.
func (p part) allows(order []int) bool {
	s, ok := p.before, true
	for _, i := range order {
		if ok, s = p.calls[i].step(s); !ok {
			return false
		}
	}
	return true
}

// search asks porcupine.
func (p part) search() (Verdict, []int) {
	left := stepsMax
	m := model(p.before)
	m.Step = func(s, input, _ any) (bool, any) {
		if left--; left < 0 {
			return false, s
		}
		return asked(s, input)
	}
	result, info := porcupine.CheckOperationsVerbose(m, operations(p.calls), 0)
	switch {
	case left < 0:
		return Undecided, nil
	case result == porcupine.Illegal:
		return Broken, nil
	}
	return Linearizable, info.PartialLinearizations()[0][0]
}

func model(before state) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return before },
		Step: func(s, input, _ any) (bool, any) { return asked(s, input) },
		Hash: func(s any) uint64 {
			h := uint64(14695981039346656037) // FNV-1a
			for _, b := range []byte(s.(state)) {
				h = (h ^ uint64(b)) * 1099511628211
			}
			return h
		},
	}
}

func asked(s, input any) (bool, any) {
	ok, next := input.(*call).step(s.(state))
	return ok, next
}

func operations(calls []call) []porcupine.Operation {
	ops := make([]porcupine.Operation, len(calls))
	for i := range calls {
		ops[i] = porcupine.Operation{Input: &calls[i], Call: int64(calls[i].op.Call), Return: int64(calls[i].op.Return)}
	}
	return ops
}

// first finds the first answer that no order explains: the shortest beginning of the part that cannot be put in order. An
// operation without an answer until then may be done or not. Longer beginnings are no easier, so that halving finds it. One of
// which the search is given up counts as in order, so that what is named is surely broken, if perhaps not first.
func (p part) first(v *volume) Report {
	var returns []int
	for i := range p.calls {
		returns = append(returns, p.calls[i].op.Return)
	}
	slices.Sort(returns)
	n := sort.Search(len(returns)-1, func(n int) bool {
		found, _ := p.until(returns[n]).linearize()
		return found == Broken
	})
	r := Report{Outcome: Broken, First: p.answered(returns[n]).index}
	for _, before := range []part{p.until(returns[n] - 1).without(r.First), p.until(returns[n] - 1)} {
		if found, order := before.linearize(); found == Linearizable {
			s, because := before.replay(order)
			r.Before, r.Witnesses = v.describe(s), because
			break
		}
	}
	return r
}

// answered is the operation that returned at a step. Others may have been given up then.
func (p part) answered(step int) call {
	all := slices.Clone(p.calls)
	all = slices.DeleteFunc(all, func(c call) bool { return c.op.Return != step })
	i := slices.IndexFunc(all, func(c call) bool { return c.kind != Lapse && c.kind != Surmise && c.outcome != Unknown })
	return all[max(i, 0)]
}

// without leaves one operation out.
func (p part) without(index int) part {
	p.calls = slices.DeleteFunc(p.calls, func(c call) bool { return c.index == index })
	return p
}

// until is the part as it was known at a step: what had not been called is left out, and what had not returned may be done.
func (p part) until(step int) part {
	cut := part{before: p.before, by: p.by}
	for _, c := range p.calls {
		if c.op.Call > step {
			break
		}
		if c.op.Return > step {
			c.outcome = Unknown
		}
		cut.calls = append(cut.calls, c)
	}
	return cut
}

// replay returns the state after an order of the part's calls, and for each node in it the last answer that put it there.
func (p part) replay(order []int) (state, []int) {
	s, by := p.before, make(map[uint16]int)
	if p.by != nil {
		by[p.by.node] = p.by.index
	}
	for _, i := range order {
		c := &p.calls[i]
		_, s = c.step(s)
		if c.kind == Acquire || c.kind == Join {
			by[c.node] = c.index
		}
	}
	var because []int
	for i := range s.len() {
		if at, ok := by[s.slot(i).node]; ok {
			because = append(because, at)
		}
	}
	slices.Sort(because)
	return s, because
}
