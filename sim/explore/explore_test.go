package explore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// thread is a toy actor: a number of steps, all about one thing.
type thread struct {
	name  string
	steps []string // what each is about
}

// visitAll runs the threads in every way, and calls each at the end of a run that is not cut.
func visitAll(t *testing.T, scope Scope, threads []thread, faults []string, each func(order []Option)) *Search {
	t.Helper()
	s := NewSearch(scope)
	for items := s.Next(1); len(items) > 0; items = s.Next(1) {
		w := NewWalk(scope, items[0], nil)
		order := runIn(w, threads, faults, false)
		require.Empty(t, w.Visit().Lost)
		if !w.Over() {
			each(order)
		}
		s.Learn(items[0], w.Visit())
	}
	return s
}

func run(w *Walk, threads []thread, faults []string) (order []Option) {
	return runIn(w, threads, faults, true)
}

// runIn knows the state, which is how far each thread has come, or not.
func runIn(w *Walk, threads []thread, faults []string, known bool) (order []Option) {
	at := make([]int, len(threads))
	for !w.Over() {
		var options []Option
		var who []int
		for _, mine := range []bool{true, false} { // whoever runs goes on, if it can
			for i, x := range threads {
				if at[i] == len(x.steps) || mine != (w.actor == x.name) {
					continue
				}
				for _, f := range append([]string{""}, faults...) {
					options = append(options, Option{Name: x.name + strconv.Itoa(at[i]), Actor: x.name, About: x.steps[at[i]], Fault: f})
					who = append(who, i)
				}
			}
		}
		if len(options) == 0 {
			break
		}
		state := uint64(0)
		if known {
			state = Digest(fmt.Sprint(at))
		}
		k := w.Choose(options, state)
		if w.Over() {
			break
		}
		at[who[k]]++
		order = append(order, options[k])
	}
	return order
}

func word(order []Option) (s string) {
	for _, o := range order {
		s += o.ID() + ","
	}
	return s
}

// Equal states are gone on from once. Of three threads of three steps each there are 4 x 4 x 4 states, and in 54 of them there is a
// choice: not where two threads have ended, or all three.
func TestEqualStatesAreMerged(t *testing.T) {
	same := []string{"x", "x", "x"}
	threads := []thread{{"a", same}, {"b", same}, {"c", same}}
	for _, told := range []bool{false, true} { // what a run is not told of, the search knows
		s, seen, ends := NewSearch(unbounded), NewSeen(), map[uint64]bool{}
		for items := s.Next(1); len(items) > 0; items = s.Next(1) {
			if told {
				seen.Add(s.Fresh()...)
			}
			w := NewWalk(unbounded, items[0], seen)
			run(w, threads, nil)
			s.Learn(items[0], w.Visit())
		}
		require.Equal(t, 54, s.Branches)
		for state := range s.Seen.Sleeps {
			ends[state] = true
		}
		require.Len(t, ends, 54)
		require.Equal(t, 1+s.Taken-s.Branches, s.Runs, "one for each option that was not the first")
		require.Less(t, s.Runs, 100, "and not 1680")
	}
}

// A state is gone on from again by who may do what slept there before.
func TestWhatSleptIsNotCovered(t *testing.T) {
	a, b := Option{Name: "a"}, Option{Name: "b"}
	mark := func(asleep ...Option) Mark { return Branch{State: 7, Asleep: asleep}.mark() }
	seen := NewSeen()
	require.False(t, seen.covers(mark(a)))
	seen.Add(mark(a))
	require.True(t, seen.covers(mark(a)))
	require.True(t, seen.covers(mark(b, a)), "more sleeps here")
	require.False(t, seen.covers(mark(b)), "a sleeps there, and is awake here")
	require.False(t, seen.covers(mark()))
	require.False(t, seen.covers(Mark{State: 8}))
	require.False(t, seen.covers(Mark{}), "not known")
}

var unbounded = Scope{Preemptions: -1}

// The number of ways to put threads of n steps each between each other is a multinomial, if all their steps matter to each other.
func TestEveryOrderOnce(t *testing.T) {
	same := []string{"x", "x", "x"}
	seen := map[string]int{}
	s := visitAll(t, unbounded, []thread{{"a", same}, {"b", same}, {"c", same}}, nil, func(o []Option) { seen[word(o)]++ })
	require.Len(t, seen, 1680, "9! / (3! 3! 3!)")
	for order, n := range seen {
		require.Equal(t, 1, n, order)
	}
	require.Equal(t, 1680, s.Runs)
	require.Zero(t, s.Cut)
}

// Where nothing matters to anything else, one order stands for all.
func TestStepsThatCommute(t *testing.T) {
	threads := []thread{{"a", []string{"x", "x", "x"}}, {"b", []string{"y", "y", "y"}}, {"c", []string{"z", "z"}}}
	ends := 0
	visitAll(t, unbounded, threads, nil, func([]Option) { ends++ })
	require.Equal(t, 1, ends)
}

// Every class of equivalent orders is visited exactly once: the reduced search meets the classes of the full one.
func TestEveryClassOnce(t *testing.T) {
	for _, threads := range [][]thread{
		{{"a", []string{"x", "y", "x"}}, {"b", []string{"y", "x"}}},
		{{"a", []string{"x", "y"}}, {"b", []string{"y", "z"}}, {"c", []string{"z", "x"}}},
		{{"a", []string{"x", "", "y"}}, {"b", []string{"y", "x", "z"}}},
	} {
		var every, reduced = map[string]bool{}, map[string]int{}
		visitAll(t, Scope{Preemptions: 99}, threads, nil, func(o []Option) { every[class(o)] = true })
		visitAll(t, unbounded, threads, nil, func(o []Option) { reduced[class(o)]++ })
		require.Len(t, reduced, len(every))
		for c, n := range reduced {
			require.Equal(t, 1, n, c)
			require.True(t, every[c])
		}
	}
}

// class is the same for orders that differ in steps that commute: the least of them, by names.
func class(order []Option) string {
	rest := append([]Option(nil), order...)
	var least []Option
	for len(rest) > 0 {
		best := -1
		for i, o := range rest {
			first := true
			for _, before := range rest[:i] {
				first = first && before.Actor != o.Actor && before.Commutes(o)
			}
			if first && (best < 0 || o.ID() < rest[best].ID()) {
				best = i
			}
		}
		least = append(least, rest[best])
		rest = append(rest[:best:best], rest[best+1:]...)
	}
	return word(least)
}

// Each placement of up to two faults of two kinds over five steps: 1 + 5*2 + 10*4.
func TestEveryPlacementOfFaults(t *testing.T) {
	seen := map[string]int{}
	threads := []thread{{"a", []string{"x", "x", "x", "x", "x"}}}
	visitAll(t, Scope{Faults: 2, Preemptions: -1}, threads, []string{"lost", "crash"}, func(o []Option) { seen[word(o)]++ })
	require.Len(t, seen, 51)
	for _, n := range seen {
		require.Equal(t, 1, n)
	}
	independent := []thread{{"a", []string{"x", "x"}}, {"b", []string{"y", "y"}}}
	ends := 0
	visitAll(t, Scope{Faults: 2, Preemptions: -1}, independent, []string{"lost"}, func([]Option) { ends++ })
	require.Equal(t, 1+4+6, ends, "the orders are one, and the placements are all there")
}

// a reads, b writes twice as a whole; a's check fails only if b comes between its first and second step, and again between its
// second and third, and goes on neither time.
func TestPreemptions(t *testing.T) {
	threads := []thread{{"a", []string{"x", "x", "x"}}, {"b", []string{"x", "x", "x"}}}
	bug := "a0,b0,a1,a2,b1,b2,"
	for bound, found := range map[int]bool{0: false, 1: false, 2: true} {
		hit, runs := false, 0
		visitAll(t, Scope{Preemptions: bound}, threads, nil, func(o []Option) { hit, runs = hit || word(o) == bug, runs+1 })
		require.Equal(t, found, hit, "bound %d", bound)
		// 2 orders without any; with one, each actor is interrupted after one of two steps; with two, the other one as well.
		require.Equal(t, map[int]int{0: 2, 1: 6, 2: 14}[bound], runs, "bound %d", bound)
	}
}

// A search that is kept and taken up again visits the same.
func TestKept(t *testing.T) {
	same := []string{"x", "x"}
	threads := []thread{{"a", same}, {"b", same}, {"c", same}}
	s, ends := NewSearch(unbounded), 0
	for items := s.Next(3); len(items) > 0; items = s.Next(3) {
		for _, item := range items {
			w := NewWalk(unbounded, item, nil)
			runIn(w, threads, nil, false)
			s.Learn(item, w.Visit())
			ends++
		}
		text, err := json.Marshal(s)
		require.NoError(t, err)
		s = new(Search)
		require.NoError(t, json.Unmarshal(text, s))
	}
	require.Equal(t, 90, ends, "6! / (2! 2! 2!)")
	require.Equal(t, 90, s.Runs)
}

func TestLost(t *testing.T) {
	w := NewWalk(unbounded, Item{Path: []string{"nowhere"}}, nil)
	run(w, []thread{{"a", []string{"x"}}, {"b", []string{"x"}}}, nil)
	require.Equal(t, "nowhere", w.Visit().Lost)
}
