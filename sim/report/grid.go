package report

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/fault"
)

// faultGrid says which faults a campaign has tried where. Its rows are the call sites that there were, and what goes wrong without a call; its
// columns what can happen there. What cannot, such as a conflict of a read, is no part of it.
type faultGrid struct {
	Reached  int       `json:"reached"`
	Possible int       `json:"possible"`
	Sites    []gridRow `json:"sites"`
	// NotBuilt are faults that real clusters show, and that are not simulated at all.
	NotBuilt []string `json:"notBuilt"`
}

// gridRow is one site.
type gridRow struct {
	Site    string         `json:"site"`
	Calls   int            `json:"calls,omitempty"`
	Reached map[string]int `json:"reached"`
	Missing []string       `json:"missing"`
}

// troubles are what goes wrong without a call, and in which ways.
var troubles = []struct {
	site string
	ways []string
}{
	{"API server", []string{"outage"}},
	{"clock", []string{"back", "forward", "skew"}},
	{"node", []string{"createNode", "deleteNode", "killMachine", "notReady", "outOfService", "startMachine"}},
	{"process", []string{"cancel", "crash", "depose", "overlap", "pause", "start", "stop"}},
	{"watch of csinodes", []string{"disconnect", "lag", "replay"}},
	{"watch of nodes", []string{"coalesced", "disconnect", "lag", "replay"}},
	{"watch of persistentvolumes", []string{"disconnect", "lag", "replay"}},
	{"watch of volumeattachments", []string{"disconnect", "lag", "replay"}},
}

var notBuilt = []string{"the election itself: leases, and who renews them"}

// newGrid makes the grid of what was reached.
func newGrid(reach model.Reach) faultGrid {
	g := faultGrid{NotBuilt: notBuilt}
	for _, name := range slices.Sorted(maps.Keys(reach)) {
		words := strings.Fields(name)
		if strings.Contains(name, "/") || len(words) != 3 {
			continue
		}
		var ways []string
		for _, e := range fault.Effects() {
			if e.Meets(words[1], words[2]) {
				ways = append(ways, string(e))
			}
		}
		g.add(reach, name, ways)
	}
	for _, t := range troubles {
		g.add(reach, t.site, t.ways)
	}
	return g
}

func (g *faultGrid) add(reach model.Reach, site string, ways []string) {
	row := gridRow{Site: site, Calls: reach[site], Reached: make(map[string]int), Missing: []string{}}
	for _, way := range ways {
		if n := reach[site+"/"+way]; n > 0 {
			row.Reached[way] = n
		} else {
			row.Missing = append(row.Missing, way)
		}
	}
	g.Possible += len(ways)
	g.Reached += len(row.Reached)
	g.Sites = append(g.Sites, row)
}

// gridShown bounds the sites whose unreached faults the table names.
const gridShown = 12

// grid writes how much of the grid was reached, and what was not: all of it, or the sites that lack least.
func grid(b *bytes.Buffer, s *Summary, all bool) {
	if len(s.Reach) == 0 {
		return
	}
	g := newGrid(s.Reach)
	fmt.Fprintf(b, "FAULT GRID: %d of %d (call site x fault) reached, over %d sites\n", g.Reached, g.Possible, len(g.Sites))
	rows := slices.DeleteFunc(slices.Clone(g.Sites), func(r gridRow) bool { return len(r.Missing) == 0 && !all })
	slices.SortStableFunc(rows, func(x, y gridRow) int { return len(x.Missing) - len(y.Missing) })
	more := 0
	if !all && len(rows) > gridShown {
		more, rows = len(rows)-gridShown, rows[:gridShown]
	}
	t := columns(b)
	for _, r := range rows {
		missing := "nothing"
		if len(r.Missing) > 0 {
			missing = strings.Join(r.Missing, " ")
		}
		fmt.Fprintf(t, "%s\t%d of %d\tnever: %s\n", r.Site, len(r.Reached), len(r.Reached)+len(r.Missing), missing)
	}
	t.Flush()
	if more > 0 {
		fmt.Fprintf(b, "and %d more sites; --coverage shows them all\n", more)
	}
	if all {
		fmt.Fprintf(b, "not simulated: %s\n", strings.Join(notBuilt, "; "))
	}
	fmt.Fprintln(b)
}
