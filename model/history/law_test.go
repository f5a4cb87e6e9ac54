package history_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/model/history"
)

// manager is a sequential manager as the specification has it, in the plainest words: who has the volume, and in which mode.
type manager struct {
	mode    string
	max     int
	holders map[string]string
}

func (m *manager) limit(mode string) int {
	switch {
	case m.mode == "ReadWriteOnce" || mode == "ReadWriteOnce":
		return 1
	case m.mode == "ReadOnlyMany":
		return 1000
	}
	return m.max
}

func (m *manager) acquire(node, mode string) history.Outcome {
	if has, ok := m.holders[node]; ok {
		if has != mode {
			return history.OtherMode
		}
		return history.Done
	}
	limit := m.limit(mode)
	for _, other := range m.holders {
		limit = min(limit, m.limit(other))
	}
	if len(m.holders)+1 > limit {
		return history.Taken
	}
	m.holders[node] = mode
	return history.Done
}

func (m *manager) release(node string) {
	if node == "" {
		clear(m.holders)
	}
	delete(m.holders, node)
}

// drawn is a history that a manager has lived through, one operation after the other. Each operation happens at once, at a
// moment somewhere between its call and its return, and so they overlap.
func drawn(t *rapid.T) *history.History {
	m := &manager{mode: rapid.SampledFrom([]string{"ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany"}).Draw(t, "volume"), max: 2, holders: make(map[string]string)}
	h := &history.History{Volume: "vm", Mode: m.mode, MaxHolders: m.max}
	nodes := []string{"a", "b", "c", "d"}
	overlap := rapid.SampledFrom([]int{0, 3, 12, 40}).Draw(t, "overlap")
	for i := range rapid.IntRange(1, 30).Draw(t, "operations") {
		now := 100 + 10*i
		o := &history.Operation{
			Num: i + 1, Node: rapid.SampledFrom(nodes).Draw(t, "node"), Life: 1, Mode: m.mode,
			Call: now - rapid.IntRange(0, overlap).Draw(t, "early"), Return: now + rapid.IntRange(0, overlap).Draw(t, "late"),
		}
		if m.mode == "ReadWriteMany" && rapid.IntRange(0, 9).Draw(t, "single") == 0 {
			o.Mode = "ReadWriteOnce"
		}
		live(t, m, o, now)
		o.Text = fmt.Sprint(o.Kind, " ", o.Node, " ", o.Outcome)
		h.Ops = append(h.Ops, o)
	}
	slices.SortStableFunc(h.Ops, func(a, b *history.Operation) int { return a.Call - b.Call })
	return h
}

// live lets an operation happen.
func live(t *rapid.T, m *manager, o *history.Operation, now int) {
	lost := rapid.IntRange(0, 7).Draw(t, "lost") == 0
	done := rapid.Bool().Draw(t, "done")
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		o.Kind, o.Call, o.Return = history.Lapse, now, now
		if done {
			m.release(o.Node)
		}
		return
	case 1:
		o.Kind, o.Node = history.Release, ""
	case 2, 3, 4:
		o.Kind = history.Release
	default:
		o.Kind = history.Acquire
	}
	switch {
	case lost:
		o.Outcome = history.Unknown
		if rapid.Bool().Draw(t, "never") {
			o.Return = history.Never
		}
		if done && o.Kind == history.Acquire {
			m.acquire(o.Node, o.Mode)
		} else if done {
			m.release(o.Node)
		}
	case o.Kind == history.Acquire:
		o.Outcome = m.acquire(o.Node, o.Mode)
	default:
		m.release(o.Node)
	}
}

// What a sequential manager has lived through is linearizable, however its calls overlap, and can be drawn.
func TestWhatHappenedOneByOneIsLinearizable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawn(t)
		r := history.Check(h)
		require.Equal(t, history.Linearizable, r.Outcome, "%v", r)
		var page bytes.Buffer
		require.NoError(t, history.Visualize(&page, []*history.History{h}, nil))
	})
}

// A prefix of it is linearizable too, if what has not returned yet may be done or not.
func TestEveryBeginningIsLinearizable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawn(t)
		until := rapid.IntRange(90, 410).Draw(t, "until")
		var begun []*history.Operation
		for _, o := range h.Ops {
			if o.Call > until {
				continue
			}
			if c := *o; o.Return > until && o.Kind != history.Lapse {
				c.Outcome, c.Return = history.Unknown, history.Never
				o = &c
			}
			begun = append(begun, o)
		}
		h.Ops = begun
		require.Equal(t, history.Linearizable, history.Check(h).Outcome)
	})
}

// One answer turned into its contrary is noticed, where the model is certain of it: a sequential history in which nothing
// got lost tells of every such lie. With losses and overlaps a share of them stays possible; TestLiesAreNoticed holds it.
func TestEveryLieOfASequentialHistoryIsNoticed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawn(t)
		for i, o := range h.Ops {
			o.Call, o.Return = 10*i+10, 10*i+11
			if o.Kind == history.Lapse || o.Outcome == history.Unknown {
				o.Outcome = history.Nothing
			}
		}
		relive(h)
		at := rapid.IntRange(0, len(h.Ops)-1).Draw(t, "liar")
		if !lie(h.Ops[at]) {
			t.Skip("it says nothing that can be a lie")
		}
		r := history.Check(h)
		require.Equal(t, history.Broken, r.Outcome)
		require.Equal(t, at, r.First)
		require.NotEmpty(t, r.Before)
		for _, w := range r.Witnesses {
			require.Less(t, w, at)
		}
	})
}

// relive answers every call anew, in the order of the calls.
func relive(h *history.History) {
	m := &manager{mode: h.Mode, max: h.MaxHolders, holders: make(map[string]string)}
	for _, o := range h.Ops {
		switch {
		case o.Outcome == history.Nothing:
		case o.Kind == history.Acquire:
			o.Outcome = m.acquire(o.Node, o.Mode)
		default:
			m.release(o.Node)
		}
	}
}

// lie turns an answer into its contrary, and reports whether there is one that cannot be true as well.
func lie(o *history.Operation) bool {
	switch {
	case o.Kind != history.Acquire:
		return false
	case o.Outcome == history.Done:
		o.Outcome = history.Taken
	case o.Outcome == history.Taken:
		o.Outcome = history.Done
	case o.Outcome == history.OtherMode:
		o.Outcome = history.Missing
	default:
		return false
	}
	return true
}

// The share of lies that are noticed in histories with overlaps, losses and lapses.
func TestLiesAreNoticed(t *testing.T) {
	lies, noticed := 0, 0
	gen := rapid.Custom(drawn)
	for seed := range 2000 {
		h := gen.Example(seed)
		if liar := h.Ops[seed%len(h.Ops)]; lie(liar) {
			lies++
			if r := history.Check(h); r.Outcome == history.Broken {
				noticed++
			}
		}
	}
	share := float64(noticed) / float64(lies)
	t.Logf("%d of %d lies noticed: %.1f %%", noticed, lies, 100*share)
	require.Greater(t, share, 0.5)
}
