package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-sim/holdfast/model"
)

// States counts the abstract states and the marks that runs reached. The zero value is ready.
type States struct {
	seen  map[model.Scene]bool // states, each of one volume
	after []int                // how many there were after each run
	marks []Mark
}

// Mark is a mark with the runs that reached it.
type Mark struct {
	Name string `json:"name"`
	Runs int    `json:"runs"`
	// Seed is that of the first run that reached it; nil if none did.
	Seed *uint64 `json:"seed,omitempty"`
}

func (s *States) add(r Run) {
	if s.seen == nil {
		s.seen = make(map[model.Scene]bool)
		for _, m := range model.Marks() {
			s.marks = append(s.marks, Mark{Name: m.Name})
		}
	}
	for _, scene := range r.Scenes {
		s.seen[scene.State()] = true
	}
	s.after = append(s.after, len(s.seen))
	for i, m := range model.Marks() {
		if !reaches(r, m) {
			continue
		}
		if s.marks[i].Runs++; s.marks[i].Runs == 1 {
			s.marks[i].Seed = &r.Seed
		}
	}
}

func reaches(r Run, m model.Mark) bool {
	for _, scene := range r.Scenes {
		if m.In(scene) {
			return true
		}
	}
	return false
}

// Marks are all that are declared, in their order; none before the first run.
func (s *States) Marks() []Mark { return s.marks }

// Unreached names the marks that no run reached.
func (s *States) Unreached() (names []string) {
	for _, m := range s.marks {
		if m.Runs == 0 {
			names = append(names, m.Name)
		}
	}
	return names
}

// growth says what the last tenth of the runs brought.
type growth struct {
	// Seen is the number of distinct states, New that of those which only the last tenth of the runs met, LastRuns how many runs
	// that were.
	Seen     int `json:"seen"`
	New      int `json:"new"`
	LastRuns int `json:"lastRuns"`
	// HardlyPays says that more runs of the same kind will bring next to nothing.
	HardlyPays bool `json:"hardlyPays"`
}

// Runs hardly pay once ten of them bring less than one new state. Of fewer than a hundred nothing is said: their last tenth
// is too short.
const (
	hardlyNew     = 0.1 // new states a run
	growthRunsMin = 100
)

// Growth is about the runs so far, in the order in which they were added.
func (s *States) Growth() growth {
	g := growth{Seen: len(s.seen), LastRuns: len(s.after) / 10}
	if g.LastRuns > 0 {
		g.New = g.Seen - s.after[len(s.after)-1-g.LastRuns]
	}
	g.HardlyPays = len(s.after) >= growthRunsMin && g.rate() < hardlyNew
	return g
}

// rate is the number of new states a run.
func (g growth) rate() float64 { return float64(g.New) / float64(max(1, g.LastRuns)) }

// states writes how many marks and states were reached, and whether more runs pay.
func states(b *bytes.Buffer, s *Summary) {
	marks, never, g := s.States.Marks(), s.States.Unreached(), s.States.Growth()
	if g.Seen == 0 {
		return
	}
	t := columns(b)
	fmt.Fprintln(t, "STATES\tREACHED\t")
	fmt.Fprintf(t, "marks\t%s\t%s\n", share(len(marks)-len(never), len(marks)), neverReached(never))
	fmt.Fprintf(t, "distinct\t%s\t%s\n", Number(float64(g.Seen)), pays(g, s.Runs))
	t.Flush()
	fmt.Fprintln(b)
}

func share(n, of int) string { return Number(float64(n)) + " of " + Number(float64(of)) }

func neverReached(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "never: " + strings.Join(names, " ")
}

func pays(g growth, all int) string {
	if all < growthRunsMin {
		return ""
	}
	verdict := "more seeds pay"
	if g.HardlyPays {
		verdict = "more seeds hardly pay"
	}
	return fmt.Sprintf("the last %s brought %.2g new ones each: %s (the line is at %g)", runs(g.LastRuns), g.rate(), verdict, hardlyNew)
}

// Marks writes every mark, and how many runs reached it.
func Marks(w io.Writer, s *Summary) error {
	var b bytes.Buffer
	t := columns(&b)
	fmt.Fprintln(t, "MARK\tRUNS\tFIRST SEED")
	for _, m := range s.States.Marks() {
		if m.Seed == nil {
			fmt.Fprintf(t, "%s\t.\tnever reached\n", m.Name)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%#x\n", m.Name, count(m.Runs), *m.Seed)
	}
	t.Flush()
	fmt.Fprintln(&b)
	_, err := b.WriteTo(w)
	return err
}
