package history_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model/history"
)

// shape is how the calls of a book lie to each other.
type shape int

const (
	sequential  shape = iota
	overlapping       // each call comes before the one before has returned
	searched          // the order of the returns explains nothing, so that another one has to be looked for
)

// book has ten operations on each of many volumes.
func book(volumes int, as shape) []*history.History {
	var all []*history.History
	for v := range volumes {
		h := &history.History{Volume: fmt.Sprint("vol-", v), Mode: "ReadWriteOnce", MaxHolders: 2}
		if v%2 == 1 {
			h.Mode = "ReadWriteMany"
		}
		add := func(kind history.Kind, outcome history.Outcome, node string) {
			at := 2 * len(h.Ops)
			h.Ops = append(h.Ops, &history.Operation{Kind: kind, Outcome: outcome, Node: node, Life: 1, Mode: h.Mode, Call: at + 1, Return: at + 2, Text: "op"})
		}
		for range 2 {
			add(history.Acquire, history.Done, "a")
			add(history.Acquire, history.Unknown, "b")
			add(history.Release, history.Done, "a")
			add(history.Acquire, history.Done, "b")
			add(history.Release, history.Done, "")
		}
		switch as {
		case overlapping:
			for i, o := range h.Ops[1:] {
				o.Call = h.Ops[i].Return - 1
				h.Ops[i].Return = o.Call + 2
			}
		case searched: // a publish that began first and returned last is why the other one was refused
			for i := range 2 {
				first, second := h.Ops[5*i], h.Ops[5*i+1]
				first.Return, second.Return = second.Return, second.Return-1
				first.Mode, second.Mode, second.Outcome = "ReadWriteOnce", "ReadWriteOnce", history.Taken
				second.Call = first.Call
			}
		}
		all = append(all, h)
	}
	return all
}

// 100,000 operations over 10,000 volumes.
func BenchmarkCheck(b *testing.B) {
	for name, as := range map[string]shape{"sequential": sequential, "overlapping": overlapping, "searched": searched} {
		b.Run(name, func(b *testing.B) {
			all := book(10_000, as)
			b.ReportAllocs()
			for b.Loop() {
				for _, h := range all {
					if r := history.Check(h); r.Outcome != history.Linearizable {
						b.Fatal(h.Volume, h.Ops[r.First], r)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/operation")
		})
	}
}

func TestBookIsLinearizable(t *testing.T) {
	for _, as := range []shape{sequential, overlapping, searched} {
		for _, h := range book(2, as) {
			require.Equal(t, history.Report{Outcome: history.Linearizable, First: -1}, history.Check(h))
		}
	}
}
