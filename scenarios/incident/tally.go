package incident

import (
	"cmp"
	"slices"
)

// Reason is why some lines were not used.
type Reason struct {
	Reason    string `json:"reason"`
	Count     int    `json:"count"`
	FirstLine int    `json:"firstLine"`
}

// tally counts what became of each line.
type tally struct {
	file                   string
	total, used            int
	notNeeded, skippedOver map[string]*Reason
	notes                  []string
}

func newTally(file string) *tally {
	return &tally{file: file, notNeeded: make(map[string]*Reason), skippedOver: make(map[string]*Reason)}
}

// next returns the number of the next line, from 1.
func (t *tally) next() int {
	t.total++
	return t.total
}

func (t *tally) count(line int, v verdict) {
	reasons := t.notNeeded
	switch v.kind {
	case isUsed:
		t.used++
		return
	case isSkipped:
		reasons = t.skippedOver
	}
	r := reasons[v.reason]
	if r == nil {
		r = &Reason{Reason: v.reason, FirstLine: line}
		reasons[v.reason] = r
	}
	r.Count++
	r.FirstLine = min(r.FirstLine, line)
}

func (t *tally) note(text string) { t.notes = append(t.notes, text) }

func (t *tally) notNeededReasons() []Reason { return sortedReasons(t.notNeeded) }
func (t *tally) skippedReasons() []Reason   { return sortedReasons(t.skippedOver) }

// sortedReasons lists the most frequent first.
func sortedReasons(m map[string]*Reason) []Reason {
	list := make([]Reason, 0, len(m))
	for _, r := range m {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Reason) int { return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Reason, b.Reason)) })
	return list
}

func sum(reasons []Reason) (n int) {
	for _, r := range reasons {
		n += r.Count
	}
	return n
}
