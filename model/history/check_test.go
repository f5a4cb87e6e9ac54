package history_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model/history"
)

// told is a history in short: each word is verb node outcome call return.
func told(mode string, lines ...string) *history.History {
	h := &history.History{Volume: "vm", Mode: mode, MaxHolders: 2}
	kinds := map[string]history.Kind{"acquire": history.Acquire, "join": history.Join, "release": history.Release, "lapse": history.Lapse, "surmise": history.Surmise}
	outcomes := map[string]history.Outcome{"done": history.Done, "unknown": history.Unknown, "taken": history.Taken, "otherMode": history.OtherMode, "missing": history.Missing}
	for i, line := range lines {
		var kind, node, outcome string
		o := &history.Operation{Num: i + 1, Mode: mode, Text: line}
		_, err := fmt.Sscan(line, &kind, &node, &outcome, &o.Call, &o.Return)
		if err != nil {
			panic(err)
		}
		o.Kind, o.Outcome, o.Node = kinds[kind], outcomes[outcome], strings.TrimPrefix(node, "*")
		h.Ops = append(h.Ops, o)
	}
	return h
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		lines      []string
		first      int // -1 if there is an order
		before     string
		witnesses  []int
	}{
		{"nothing", "ReadWriteOnce", nil, -1, "", nil},
		{"a hand-over", "ReadWriteOnce", []string{"acquire a done 1 2", "release a done 3 4", "acquire b done 5 6"}, -1, "", nil},
		{"two", "ReadWriteOnce", []string{"acquire a done 1 2", "acquire b done 3 4"}, 1, "a has it", []int{0}},
		{"two that overlap", "ReadWriteOnce", []string{"acquire a done 1 4", "acquire b done 2 3"}, 0, "b has it", []int{1}},
		{"an overlapping release lets the next one in", "ReadWriteOnce", []string{"acquire a done 1 2", "release a done 3 6", "acquire b done 4 5"}, -1, "", nil},
		{"a touch of intervals is an overlap", "ReadWriteOnce", []string{"acquire a done 1 2", "release a done 3 5", "acquire b done 4 5"}, -1, "", nil},
		{"the lost one was done", "ReadWriteOnce", []string{"acquire a unknown 1 2", "acquire b taken 3 4"}, -1, "", nil},
		{"the lost one was not done", "ReadWriteOnce", []string{"acquire a unknown 1 2", "acquire b done 3 4"}, -1, "", nil},
		{"once it is known not to be done, it was not", "ReadWriteOnce",
			[]string{"acquire a unknown 1 2", "acquire b done 3 4", "release b done 5 6", "acquire c taken 7 8"}, 3, "nobody has it", nil},
		{"unless it goes on", "ReadWriteOnce",
			[]string{"acquire a unknown 1 9", "acquire b done 3 4", "release b done 5 6", "acquire c taken 7 8"}, -1, "", nil},
		{"a release that may be done", "ReadWriteOnce", []string{"acquire a done 1 2", "release a unknown 3 4", "acquire b taken 5 6", "acquire c done 7 8"}, -1, "", nil},
		{"a release of every node that may be done", "ReadWriteMany",
			[]string{"acquire a done 1 2", "acquire b done 3 4", "release * unknown 5 6", "acquire c done 7 8", "acquire a done 9 10", "acquire b taken 11 12"}, -1, "", nil},
		{"a lapse and a new hold", "ReadWriteOnce", []string{"acquire a done 1 2", "lapse a done 3 3", "acquire a done 4 5", "acquire b done 6 7"}, 3, "a has it", []int{2}},
		{"a surmise blocks", "ReadWriteOnce", []string{"surmise a done 1 1", "acquire b taken 2 3", "acquire b done 4 5"}, -1, "", nil},
		{"a surmise takes nothing away", "ReadWriteOnce", []string{"acquire a done 1 2", "surmise a done 3 3", "acquire b done 4 5"}, 2, "a has it", []int{0}},
		{"a third", "ReadWriteMany", []string{"acquire a done 1 2", "acquire b done 3 4", "acquire c done 5 6"}, 2, "a has it, b has it", []int{0, 1}},
		{"a second makes sure that a third may not be", "ReadWriteMany",
			[]string{"acquire a unknown 1 2", "acquire b done 3 4", "acquire c done 5 6", "release b done 7 8", "acquire d taken 9 10"}, 4, "c has it", []int{2}},
		{"a join of nobody", "ReadWriteMany", []string{"join a done 1 2"}, 0, "nobody has it", nil},
		{"a join of a single writer", "ReadWriteOnce", []string{"surmise a done 1 1", "join b done 2 3"}, 1, "a may have it", nil},
		{"a join", "ReadWriteMany", []string{"acquire a done 1 2", "join b done 3 4", "join c taken 5 6"}, -1, "", nil},
		{"in its own mode", "ReadWriteOnce", []string{"acquire a done 1 2", "acquire a otherMode 3 4"}, 1, "a has it", []int{0}},
		{"missing", "ReadWriteOnce", []string{"acquire a missing 1 2"}, 0, "nobody has it", nil},
		{"a part before does not count", "ReadWriteOnce",
			[]string{"acquire a done 1 2", "acquire a done 3 4", "acquire b done 5 8", "acquire c taken 6 7"}, 2, "a has it", []int{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := told(c.mode, c.lines...)
			want := history.Report{Outcome: history.Linearizable, First: -1}
			if c.first >= 0 {
				want = history.Report{Outcome: history.Broken, First: c.first, Before: c.before, Witnesses: c.witnesses}
			}
			require.Equal(t, want, history.Check(h))
			require.Equal(t, want, history.Check(h), "the same again")
			var page bytes.Buffer
			require.NoError(t, history.Visualize(&page, []*history.History{h}, []history.Note{{Tag: "process 1", From: 1, To: 2, Text: "leads", Bad: true}}))
			require.Contains(t, page.String(), "leads")
		})
	}
}

// The lives of a node tell one Node object from the next of that name.
func TestLives(t *testing.T) {
	h := told("ReadWriteOnce", "acquire a done 1 2", "lapse a done 3 3", "acquire b done 4 5")
	h.Ops[0].Life, h.Ops[1].Life = 2, 1
	require.Equal(t, history.Broken, history.Check(h).Outcome, "another one went")
	h.Ops[1].Life = 2
	require.Equal(t, history.Linearizable, history.Check(h).Outcome)
	h.Ops[0].Life, h.Ops[1].Life = 0, 1
	require.Equal(t, history.Linearizable, history.Check(h).Outcome, "it may have been that one")
	h.Ops[0].Life, h.Ops[1].Life = 300, 299
	require.Equal(t, history.Linearizable, history.Check(h).Outcome, "numbers end")
}

func TestModes(t *testing.T) {
	h := told("", "acquire a done 1 2", "acquire b done 3 4")
	require.Equal(t, history.Linearizable, history.Check(h).Outcome, "nothing is known")
	h.Ops[0].Mode, h.Ops[1].Mode = "ReadWriteMany", "ReadWriteOncePod"
	require.Equal(t, history.Broken, history.Check(h).Outcome, "one of them asks to be alone")
	h = told("ReadOnlyMany", "acquire a done 1 2", "acquire b done 3 4", "acquire c done 5 6", "acquire d taken 7 8")
	require.Equal(t, 3, history.Check(h).First, "there is always room")
	h = told("ReadWriteMany", "acquire a done 1 2", "acquire a done 3 4")
	h.Ops[1].Mode = "ReadWriteOnce"
	require.Equal(t, 1, history.Check(h).First, "it is published there in another way")
	h = told("ReadWriteMany", "acquire a done 1 2", "acquire b taken 3 4")
	require.Equal(t, 1, history.Check(h).First, "there is room")
	h.MaxHolders = 1
	require.Equal(t, history.Linearizable, history.Check(h).Outcome)
}

// A search that would take too long ends without an answer; a stretch after it is judged all the same.
func TestSearchIsBounded(t *testing.T) {
	var lines []string
	for n := range 18 {
		lines = append(lines, fmt.Sprintf("acquire n%d done 1 %d", n, 100+n))
	}
	lines = append(lines, "acquire x taken 2 3")
	h := told("ReadOnlyMany", lines...)
	require.Equal(t, history.Undecided, history.Check(h).Outcome)
	h.Ops = append(h.Ops, told("ReadOnlyMany", "release *  done 200 201", "acquire a done 202 203", "acquire b taken 204 205").Ops...)
	r := history.Check(h)
	require.Equal(t, history.Broken, r.Outcome)
	require.Equal(t, 21, r.First)
}

// Of a long history only the stretch is drawn in which it breaks.
func TestLongHistoriesAreCut(t *testing.T) {
	var lines []string
	for n := range 1500 {
		lines = append(lines, fmt.Sprintf("acquire a%d done %d %d", n, 4*n+1, 4*n+2), fmt.Sprintf("release a%d done %d %d", n, 4*n+3, 4*n+4))
	}
	lines[2001] = "acquire other done 4003 4004"
	h := told("ReadWriteOnce", lines...)
	require.Equal(t, 2001, history.Check(h).First)
	var page bytes.Buffer
	require.NoError(t, history.Visualize(&page, []*history.History{h}, nil))
	require.Contains(t, page.String(), "acquire other done")
	require.NotContains(t, page.String(), "release a7 done")
}
