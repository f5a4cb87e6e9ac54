package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// Account says what an import made of a log, and what the recorded cluster did. Times are relative to Start.
type Account struct {
	File  string    `json:"file"`
	Start time.Time `json:"start"` // of the first used line, which is virtual time 0
	End   time.Time `json:"end"`
	Lines Lines     `json:"lines"`
	// Attachments are all VolumeAttachments of the log, in order of their wishes.
	Attachments []*Attachment `json:"attachments"`
	Outages     []Away        `json:"outages,omitempty"`  // of the API server
	Restarts    []Away        `json:"restarts,omitempty"` // of the attacher
	// Warning says that the run of this recording judges next to nothing; empty if it does not.
	Warning string `json:"warning,omitempty"`
	// Observed is what the recorded cluster itself did wrong. It is no verdict on the system under test.
	Observed []string `json:"observed,omitempty"`
	// Notes are assumptions that the import had to make.
	Notes []string `json:"notes,omitempty"`

	ahead   map[string][]*Attachment // by name, what our run has not begun yet; nil before the first event
	present map[string]*Attachment   // by name, the life that our run is in
}

// Away is a time in which something was not there.
type Away struct {
	At  scenarios.Duration `json:"at"`
	For scenarios.Duration `json:"for"`
}

// Lines accounts for every line of the file: Total is Used and the sums of NotNeeded and Skipped.
type Lines struct {
	Total int `json:"total"`
	Used  int `json:"used"`
	// NotNeeded lines were understood, and say nothing that the scenario needs.
	NotNeeded []Reason `json:"notNeeded,omitempty"`
	// Skipped lines could not be used.
	Skipped []Reason `json:"skipped,omitempty"`
}

// Attachment is one VolumeAttachment of the log: a name and a uid.
type Attachment struct {
	Name             string `json:"name"`
	UID              string `json:"uid,omitempty"`
	Driver           string `json:"driver,omitempty"`
	PersistentVolume string `json:"persistentVolume,omitempty"`
	Volume           string `json:"volume,omitempty"` // the volume handle
	Mode             string `json:"mode,omitempty"`
	Node             string `json:"node,omitempty"`
	// From and Until bound the wish; without Until it lasted to the end of the log.
	From  scenarios.Duration  `json:"from"`
	Until *scenarios.Duration `json:"until,omitempty"`
	// Attached and Detached are what the recorded attacher said.
	Attached *scenarios.Duration `json:"attached,omitempty"`
	Detached *scenarios.Duration `json:"detached,omitempty"`
	// FailedCalls counts the errors that the recorded attacher wrote down.
	FailedCalls int `json:"failedCalls,omitempty"`
	// Replayed says how it was mapped, or NotReplayed why not.
	Replayed    string `json:"replayed,omitempty"`
	NotReplayed string `json:"notReplayed,omitempty"`
	// Simulated is what our run made of the same wish, as far as Observe was told.
	Simulated *Simulated `json:"simulated,omitempty"`
}

// Simulated is the life of a VolumeAttachment in our run.
type Simulated struct {
	Wished   scenarios.Duration  `json:"wished"`
	Attached *scenarios.Duration `json:"attached,omitempty"`
	Deleting *scenarios.Duration `json:"deleting,omitempty"`
	Gone     *scenarios.Duration `json:"gone,omitempty"`
}

func (b *builder) account() *Account {
	f, t := b.facts, b.facts.tally
	a := &Account{File: t.file, Start: f.start, End: f.end, Attachments: b.told, Notes: t.notes,
		Lines: Lines{Total: t.total, Used: t.used, NotNeeded: t.notNeededReasons(), Skipped: t.skippedReasons()}}
	for _, o := range b.outages {
		a.Outages = append(a.Outages, b.away(o))
	}
	for _, r := range b.restarts {
		a.Restarts = append(a.Restarts, b.away(r))
	}
	a.Observed, a.Warning = b.observed(), b.warning()
	return a
}

func (b *builder) away(s span) Away {
	return Away{At: b.at(s.from), For: scenarios.Duration(s.until.Sub(s.from))}
}

// Observe follows our run: it takes every event of its trace, in order, and keeps what Change events say of VolumeAttachments.
// The wishes of one name are matched in order of their creation. Run time 0 is taken for the beginning of the recording.
func (a *Account) Observe(e trace.Event) {
	if e.Kind != trace.Change || e.Resource != "volumeattachments" {
		return
	}
	if a.ahead == nil {
		a.ahead, a.present = make(map[string][]*Attachment), make(map[string]*Attachment)
		for _, told := range a.Attachments {
			if told.Replayed != "" {
				a.ahead[told.Name] = append(a.ahead[told.Name], told)
			}
		}
	}
	at := scenarios.Duration(e.At)
	if e.Verb == "created" {
		a.begin(e.Name, at)
	}
	told := a.present[e.Name]
	if told == nil {
		return
	}
	s := told.Simulated
	switch {
	case e.Verb == "deleted":
		keepFirst(&s.Gone, at)
	case e.State == "attached":
		keepFirst(&s.Attached, at)
	case e.State == "deleting":
		keepFirst(&s.Deleting, at)
	}
}

// begin moves on to the next life of a name; our run may have more of them than the log.
func (a *Account) begin(name string, at scenarios.Duration) {
	lives := a.ahead[name]
	if len(lives) == 0 {
		delete(a.present, name)
		return
	}
	a.ahead[name], a.present[name] = lives[1:], lives[0]
	lives[0].Simulated = &Simulated{Wished: at}
}

func keepFirst(field **scenarios.Duration, at scenarios.Duration) {
	if *field == nil {
		*field = &at
	}
}

// observed finds what no cluster should do: a single-writer volume on two nodes at once, and a volume that stays attached to
// a node that is no more.
func (b *builder) observed() (found []string) {
	before := make(map[string][]*Attachment) // by volume
	for _, y := range b.told {
		if y.Attached == nil || y.NotReplayed != "" || y.Mode == "ReadWriteMany" || y.Mode == "ReadOnlyMany" {
			continue
		}
		for _, x := range before[y.Volume] {
			if from, until := max(*x.Attached, *y.Attached), min(b.upTo(x.Detached), b.upTo(y.Detached)); x.Node != y.Node && from < until {
				found = append(found, fmt.Sprintf("%s (%s) was attached to %s and to %s at once, from %s to %s", x.Volume, x.Mode, x.Node, y.Node, round(from), round(until)))
			}
		}
		before[y.Volume] = append(before[y.Volume], y)
	}
	return append(found, b.leftBehind()...)
}

func (b *builder) leftBehind() (found []string) {
	for _, x := range b.told {
		if x.Attached == nil || x.NotReplayed != "" {
			continue
		}
		for _, life := range b.facts.nodes[x.Node] {
			if gone := b.at(life.until); !life.until.IsZero() && gone > *x.Attached && gone < b.upTo(x.Detached) {
				found = append(found, fmt.Sprintf("%s stayed attached to %s for %s after that node%s was deleted at %s", x.Volume, x.Node,
					round(b.upTo(x.Detached)-gone), life.known(), round(gone)))
			}
		}
	}
	slices.Sort(found)
	return found
}

// upTo is a time, or the end of the log if it is unknown.
func (b *builder) upTo(d *scenarios.Duration) scenarios.Duration {
	if d != nil {
		return *d
	}
	return b.at(b.facts.end)
}

func round(d scenarios.Duration) scenarios.Duration {
	return scenarios.Duration(time.Duration(d).Round(time.Millisecond))
}
