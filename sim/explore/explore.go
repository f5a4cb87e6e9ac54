// Package explore visits every way in which a small program can go, once each.
//
// The program is run anew for each way: it asks a Walk at every choice, and the Walk follows the path of its Item, and then
// the first option that is awake. What the run did not take becomes further Items of the Search. Steps that commute are
// visited in one order only, by sleep sets (Godefroid: Partial-Order Methods for the Verification of Concurrent Systems, 1996,
// chapter 5): so each class of equivalent orders is run to its end once. Faults are options like others, up to a number of them.
//
//	s := explore.NewSearch(explore.Scope{Faults: 2})
//	for items := s.Next(1); len(items) > 0; items = s.Next(1) {
//		w := explore.NewWalk(s.Scope, items[0], nil)
//		... run the program, which calls w.Choose ...
//		s.Learn(items[0], w.Visit())
//	}
package explore

import (
	"hash/fnv"
	"slices"
	"strconv"
)

// Option is a step that may be next, and what becomes of it.
type Option struct {
	// Name is the step's own, whatever came before; Actor is who does it.
	Name  string `json:"name"`
	Actor string `json:"actor"`
	// Fault is what goes wrong with it; empty if nothing does.
	Fault string `json:"fault,omitempty"`
	// About is the part of the state that the step reads and changes; empty if that may be all.
	About string `json:"about,omitempty"`
}

// ID names the option among all of a program's.
func (o Option) ID() string {
	if o.Fault == "" {
		return o.Name
	}
	return o.Name + " " + o.Fault
}

// Commutes reports whether the order of two steps does not matter.
func (o Option) Commutes(p Option) bool { return o.About != "" && p.About != "" && o.About != p.About }

// Scope bounds what is visited.
type Scope struct {
	// Faults is the most that happen in one run.
	Faults int `json:"faults"`
	// Preemptions is how often an actor that could go on is interrupted; negative is without bound. With a bound nothing is left
	// out for commuting: what is equivalent may need more of them (Coons, Musuvathi, McKinley: Bounded Partial-Order Reduction,
	// OOPSLA 2013).
	Preemptions int `json:"preemptions"`
}

// Item is a way that is still to be gone: the choices up to some point, and what is asleep there.
type Item struct {
	Path  []string `json:"path,omitempty"` // IDs
	Sleep []Option `json:"sleep,omitempty"`
}

// Branch is a choice that a run has met beyond its path. The first of its options was taken; all were awake.
type Branch struct {
	// State is the state in which it was met, with what of the scope was used up by then; 0 is not known.
	State   uint64   `json:"state,omitempty"`
	Options []Option `json:"options"`
	Asleep  []Option `json:"asleep,omitempty"`
	// Skipped is how many more options there were, which were asleep.
	Skipped int `json:"skipped,omitempty"`
}

// Visit is what became of a run.
type Visit struct {
	// Branches are the choices beyond the path, in their order.
	Branches []Branch `json:"branches,omitempty"`
	// Cut means that it ended early: whatever it could have gone on to is visited elsewhere.
	Cut bool `json:"cut,omitempty"`
	// Met means that it was cut because it had come to a state that was visited before.
	Met bool `json:"met,omitempty"`
	// End is the state after the last choice; 0 if the run did not come so far, or it is not known.
	End uint64 `json:"end,omitempty"`
	// Lost is the choice of the path that the run never offered; empty if there was none. A program that loses one does not depend on
	// its choices alone.
	Lost string `json:"lost,omitempty"`
}

// Walk makes the choices of one run.
type Walk struct {
	scope       Scope
	seen        *Seen
	path        []string
	sleep       []Option
	faults      int
	preemptions int
	actor       string // who ran last
	visit       Visit
}

// NewWalk returns the walk of an item. It ends in states that are in seen; nil has none.
func NewWalk(scope Scope, item Item, seen *Seen) *Walk {
	return &Walk{scope: scope, path: item.Path, sleep: item.Sleep, seen: seen}
}

// Visit returns what the walk has met.
func (w *Walk) Visit() Visit { return w.visit }

// Over reports whether the run is to end: it was cut, or is lost.
func (w *Walk) Over() bool { return w.visit.Cut || w.visit.Lost != "" }

// Choose returns an index into the options, of which there is at least one without a fault. Once the walk is over it is 0. The
// state is the program's: equal states go on in equal ways; 0 is not known.
func (w *Walk) Choose(options []Option, state uint64) int {
	allowed := w.allowed(options)
	if w.Over() {
		return 0
	}
	at := allowed[0]
	switch {
	case len(allowed) > 1 && len(w.path) > 0:
		i := slices.IndexFunc(allowed, func(i int) bool { return options[i].ID() == w.path[0] })
		if i < 0 {
			w.visit.Lost = w.path[0]
			return 0
		}
		at, w.path = allowed[i], w.path[1:]
		w.count(options, at)
		return at // what is asleep at the path's end is known
	case len(w.path) > 0:
		w.count(options, at)
		return at
	}
	awake := slices.DeleteFunc(slices.Clone(allowed), func(i int) bool { return contains(w.sleep, options[i]) })
	if len(awake) == 0 {
		w.visit.Cut = true
		return 0
	}
	at = awake[0]
	if len(allowed) > 1 {
		b := Branch{State: w.used(state), Asleep: w.sleep, Skipped: len(allowed) - len(awake)}
		if w.seen.covers(b.mark()) {
			w.visit.Cut, w.visit.Met = true, true
			return 0
		}
		for _, i := range awake {
			b.Options = append(b.Options, options[i])
		}
		w.visit.Branches = append(w.visit.Branches, b)
	}
	w.sleep = w.scope.asleep(w.sleep, options[at])
	w.count(options, at)
	return at
}

// End tells the walk the state from which there are no more choices: if that was visited too, the walk is over.
func (w *Walk) End(state uint64) {
	if w.Over() {
		return
	}
	w.visit.End = w.used(state)
	if w.seen.covers(Mark{State: w.visit.End}) {
		w.visit.Cut, w.visit.Met = true, true
	}
}

// used joins a state with what of the scope was used up.
func (w *Walk) used(state uint64) uint64 {
	if state == 0 {
		return 0
	}
	used := []string{strconv.FormatUint(state, 16), strconv.Itoa(w.faults)}
	if w.scope.Preemptions >= 0 {
		used = append(used, strconv.Itoa(w.preemptions), w.actor)
	}
	return Digest(used...)
}

// allowed are the options within the scope.
func (w *Walk) allowed(options []Option) (some []int) {
	for i, o := range options {
		switch {
		case o.Fault != "" && w.faults >= w.scope.Faults:
		case w.scope.Preemptions >= 0 && w.preempts(options, i) && w.preemptions >= w.scope.Preemptions:
		default:
			some = append(some, i)
		}
	}
	return some
}

// preempts reports whether an option interrupts an actor that could go on.
func (w *Walk) preempts(options []Option, at int) bool {
	return options[at].Actor != w.actor && slices.ContainsFunc(options, func(o Option) bool { return o.Actor == w.actor })
}

func (w *Walk) count(options []Option, at int) {
	if w.preempts(options, at) {
		w.preemptions++
	}
	if options[at].Fault != "" {
		w.faults++
	}
	w.actor = options[at].Actor
}

// asleep are those that sleep on when a step has been taken.
func (s Scope) asleep(sleep []Option, taken Option) (still []Option) {
	if s.Preemptions >= 0 {
		return nil
	}
	for _, o := range sleep {
		if o.Commutes(taken) {
			still = append(still, o)
		}
	}
	return still
}

func contains(all []Option, o Option) bool {
	return slices.ContainsFunc(all, func(x Option) bool { return x.ID() == o.ID() })
}

// Seen are the states that were visited, each with what was asleep in it: what sleeps in a state is not gone on to from there. The
// nil Seen has none.
type Seen struct {
	// Sleeps are digests of the options that slept, by state; one entry for each visit that was not covered by another.
	Sleeps map[uint64][][]uint64 `json:"sleeps"`
}

// Mark is one visit of a state.
type Mark struct {
	State uint64   `json:"state"`
	Sleep []uint64 `json:"sleep,omitempty"` // digests of what was asleep, sorted
}

// NewSeen returns an empty set.
func NewSeen() *Seen { return &Seen{Sleeps: make(map[uint64][][]uint64)} }

// Add enters visits.
func (s *Seen) Add(marks ...Mark) {
	for _, m := range marks {
		s.Sleeps[m.State] = append(s.Sleeps[m.State], m.Sleep)
	}
}

// covers reports whether all that a visit could go on to is visited from its state already.
func (s *Seen) covers(m Mark) bool {
	return s != nil && m.State != 0 && slices.ContainsFunc(s.Sleeps[m.State], func(other []uint64) bool { return within(other, m.Sleep) })
}

func (b Branch) mark() Mark {
	m := Mark{State: b.State, Sleep: make([]uint64, len(b.Asleep))}
	for i, o := range b.Asleep {
		m.Sleep[i] = Digest(o.ID())
	}
	slices.Sort(m.Sleep)
	return m
}

// within reports whether all of a are in b; both are sorted.
func within(a, b []uint64) bool {
	for _, x := range a {
		if _, ok := slices.BinarySearch(b, x); !ok {
			return false
		}
	}
	return true
}

// Digest is a hash of texts in their order. It is never 0, which stands for a state that is not known.
func Digest(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	return max(h.Sum64(), 1)
}

// Search knows what is still to be visited. The zero value has nothing left; it can be kept as JSON, and go on later.
type Search struct {
	Scope Scope `json:"scope"`
	// Left are the ways to go; the last one is next.
	Left []Item `json:"left"`
	// Runs is how many ways were gone, Cut how many of them ended early, and Branches how many choices were met. Taken counts their
	// options, Skipped those that were left out because another order stands for them.
	Runs     int `json:"runs"`
	Cut      int `json:"cut"`
	Branches int `json:"branches"`
	Taken    int `json:"taken"`
	Skipped  int `json:"skipped"`
	// Met is how many runs came to a state that was visited before.
	Met int `json:"met"`
	// Seen are those states.
	Seen *Seen `json:"seen"`

	fresh []Mark // of Seen, since they were last told
}

// Fresh returns the visits that were entered since the last call. What a run is to know of them is its caller's business: a run that knows
// less goes on for longer, and comes to the same.
func (s *Search) Fresh() []Mark {
	fresh := s.fresh
	s.fresh = nil
	return fresh
}

// enter notes a visit, and reports whether it is not covered by earlier ones.
func (s *Search) enter(m Mark) bool {
	switch {
	case m.State == 0 || s.Seen == nil:
		return true
	case s.Seen.covers(m):
		return false
	}
	s.Seen.Add(m)
	s.fresh = append(s.fresh, m)
	return true
}

// NewSearch returns the search of a whole scope.
func NewSearch(scope Scope) *Search { return &Search{Scope: scope, Left: []Item{{}}, Seen: NewSeen()} }

// Next takes up to n ways that are still to be gone; none if all were. What is taken and not learned of is lost.
func (s *Search) Next(n int) []Item {
	at := max(0, len(s.Left)-n)
	items := slices.Clone(s.Left[at:])
	s.Left = s.Left[:at]
	return items
}

// Learn enters what became of an item.
func (s *Search) Learn(item Item, v Visit) {
	s.Runs++
	path := item.Path
	for _, b := range v.Branches {
		if !s.enter(b.mark()) { // another run was here
			v.Cut, v.Met, v.End = true, true, 0
			break
		}
		s.Branches++
		s.Taken, s.Skipped = s.Taken+len(b.Options), s.Skipped+b.Skipped
		for j := len(b.Options) - 1; j > 0; j-- {
			before := slices.Concat(b.Asleep, b.Options[:j])
			s.Left = append(s.Left, Item{
				Path:  append(slices.Clone(path), b.Options[j].ID()),
				Sleep: s.Scope.asleep(before, b.Options[j]),
			})
		}
		path = append(slices.Clone(path), b.Options[0].ID())
	}
	if v.End != 0 && !s.enter(Mark{State: v.End}) {
		v.Cut, v.Met = true, true
	}
	if v.Cut {
		s.Cut++
	}
	if v.Met {
		s.Met++
	}
}
