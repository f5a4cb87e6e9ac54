package stock_test

import (
	"math"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/holdfast-sim/holdfast/attachment"
)

// page is a volume in the reference: one caller after the other, nothing fails.
type page struct {
	mode    attachment.Mode
	nodes   string // in order, each followed by a space; "*" after the name of the first instance ever
	stamped bool   // its last detach is within grace
}

func (p page) list() []string { return strings.Fields(p.nodes) }

func (p page) has(node string) bool {
	return slices.ContainsFunc(p.list(), func(n string) bool { return strings.TrimSuffix(n, "*") == node })
}

// with is the page with one more holder.
func (p page) with(node string, mode attachment.Mode) page {
	return page{mode: mode, nodes: p.nodes + node + " "}
}

// without is the page without the holders for whom gone is true.
func (p page) without(gone func(node string) bool) page {
	left := slices.DeleteFunc(p.list(), gone)
	if len(left) == len(p.list()) {
		return p
	}
	if len(left) == 0 {
		return page{stamped: true}
	}
	return page{mode: p.mode, nodes: strings.Join(left, " ") + " "}
}

// answer is what a caller was told.
type answer struct {
	code    string // OK, failed, or the refusal
	cleared bool
	seen    page // get's
}

const (
	ok        = "OK"
	failed    = "failed" // nobody knows, or it was given up
	elsewhere = "attached elsewhere"
	tooMany   = "too many holders"
	mismatch  = "access mode mismatch"
	untracked = "not tracked"
)

// judgeTrack is the refusal that a claim gets; ok if none.
func (p page) judgeTrack(node string, mode attachment.Mode) string {
	n := len(p.list())
	switch {
	case p.has(node) && p.mode == mode, n == 0:
		return ok
	case p.has(node):
		return mismatch
	case !p.mode.ManyNode() || !mode.ManyNode():
		return elsewhere
	case p.mode != mode:
		return mismatch
	case mode == attachment.ReadWriteMany && n >= 2:
		return tooMany
	}
	return ok
}

// next lists the pages that a call may lead to, if it got that answer; none if it cannot have got it.
func (p page) next(o op, a answer) []page {
	switch o.kind {
	case "track", "secondary":
		mode := o.mode
		want := p.judgeTrack(o.node, mode)
		if o.kind == "secondary" {
			mode = p.mode
			switch want = p.judgeTrack(o.node, mode); {
			case p.nodes == "":
				want = untracked
			case !mode.ManyNode():
				want = mismatch
			}
		}
		switch {
		case a.code == failed && o.rebuilt && want == ok && !p.has(o.node): // a rebuild takes what is on record for true
			after := p.with(o.node, mode)
			after.stamped = p.stamped
			return []page{p, after}
		case a.code == failed: // no trace
			return []page{p}
		case a.code != want:
			return nil
		case want != ok || p.has(o.node):
			return []page{p}
		}
		return []page{p.with(o.node, mode)}
	case "remove", "untrack":
		after := p.without(func(n string) bool { return o.kind == "untrack" || strings.TrimSuffix(n, "*") == o.node })
		if a.code == failed { // it may have happened, or may yet
			return []page{p, after}
		}
		return []page{after}
	case "clear":
		after := p.without(func(n string) bool { return strings.HasSuffix(n, "*") })
		switch {
		case a.code == failed:
			return []page{p, after}
		case a.cleared != (after != p):
			return nil
		}
		return []page{after}
	case "leave":
		p.stamped = false
		return []page{p}
	case "get":
		plain := p
		plain.nodes = strings.ReplaceAll(p.nodes, "*", "")
		if a.seen != plain {
			return nil
		}
	}
	return []page{p}
}

// linearizable reports whether some order of the calls about a volume explains all answers.
func linearizable(first page, history []call) bool {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{first} },
		Step: func(state, in, out any) (next []any) {
			for _, p := range state.(page).next(in.(op), out.(answer)) {
				next = append(next, p)
			}
			return next
		},
	}
	var operations []porcupine.Operation
	for i, c := range history {
		o := porcupine.Operation{ClientId: i, Input: c.op, Output: c.answer, Call: int64(2 * c.from), Return: int64(2*c.to + 1)}
		if c.code == failed {
			o.Return = math.MaxInt64
		}
		operations = append(operations, o)
	}
	return porcupine.CheckOperations(m.ToModel(), operations)
}
