package stock_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-sim/holdfast/attachment"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/proptest"
)

// Up to five callers work at once on two volumes, one with a PersistentVolume and one without. Rapid draws what they do,
// which write fails how, and at every call and reply who goes on. Whatever it is:
//
//   - the answers that callers got are those of some order of their calls, one after the other (see the model);
//   - a volume never has more holders than its mode allows, and every reader gets its answer at once;
//   - nobody waits for anybody but for one who wants the same volume, and everybody comes to an end;
//   - in the end the record names exactly those whom memory names.
func TestManagerConcurrentCallersAreAsIfOneAfterTheOther(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range storyRounds {
		rapid.Check(t, func(rt *rapid.T) {
			// The run is played inside a generator: so a failure shows one draw, the story, and not each bit of it.
			s := rapid.Custom(func(rt *rapid.T) *story { return play(t, proptest.Source(rt)) }).Draw(rt, "story")
			if s.wrong != "" {
				rt.Fatalf("%s", s.wrong)
			}
		})
	}
}

// storyRounds times -rapid.checks is how many stories are told. One takes half a millisecond, and the rarest of those that
// show a Manager without its turns is one of a thousand.
const storyRounds = 50

// story is what happened, and what is wrong with it.
type story struct {
	lines []string
	actor string // of the last line
	wrong string
}

// GoString is how rapid prints it.
func (s *story) GoString() string {
	var b strings.Builder
	for i, line := range s.lines {
		fmt.Fprintf(&b, "\n%3d. %s", i+1, line)
	}
	if s.wrong != "" {
		fmt.Fprintf(&b, "\n     WRONG: %s", s.wrong)
	}
	return b.String()
}

// tell appends to the line of the actor, if it is still his turn.
func (s *story) tell(actor, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if n := len(s.lines); n > 0 && actor == s.actor {
		s.lines[n-1] += ", " + text
		return
	}
	s.lines, s.actor = append(s.lines, actor+": "+text), actor
}

// accuse keeps the first thing that is wrong.
func (s *story) accuse(format string, args ...any) {
	if s.wrong == "" {
		s.wrong = fmt.Sprintf(format, args...)
	}
}

// op is what one caller does.
type op struct {
	actor, kind, volume, node string
	mode                      attachment.Mode
	hasty                     bool // its context may end at any moment
	rebuilt                   bool // somebody rebuilds in this story
	fault                     fault.Effect
	faulty                    int // the request that meets the fault, from 1; 0 is none
}

func (o op) String() string {
	words := []string{o.kind}
	switch o.kind {
	case "repair", "rebuild":
	case "track":
		words = append(words, o.volume, "on", o.node, "as", string(o.mode))
	case "secondary":
		words = append(words, o.volume, "on", o.node)
	case "remove":
		words = append(words, o.volume, "from", o.node)
	default:
		words = append(words, o.volume)
	}
	return strings.Join(words, " ")
}

// about reports whether the operation may have the turn of a volume.
func (o op) about(volume string) bool {
	return o.volume == volume || o.kind == "repair" || o.kind == "rebuild"
}

// cast is who is there at the beginning, and what will be done.
type cast struct {
	modes map[string]attachment.Mode
	first map[string][]string // by volume: the nodes that have it
	ops   []op
}

const (
	disk = "disk" // has a PersistentVolume
	bare = "bare" // has none
)

var (
	stageVolumes = []string{disk, bare}
	stageModes   = []attachment.Mode{attachment.ReadWriteOnce, attachment.ReadWriteOnce, attachment.ReadWriteMany, attachment.ReadOnlyMany}
	opKinds      = []string{
		"track", "track", "track", "track", "track", "remove", "remove", "untrack", "clear", "clear", "get", "secondary", "secondary",
		"repair", "rebuild", "leave",
	}
)

// draw draws the cast. It asks the same number of questions whatever the answers, so that one may shrink without shifting the others.
func draw(src choice.Source) cast {
	c := cast{modes: map[string]attachment.Mode{}, first: map[string][]string{}}
	for _, v := range stageVolumes {
		c.modes[v] = stageModes[src.Choose("mode", len(stageModes))]
		some := src.Choose("first", 4)
		if some > 0 {
			c.first[v] = []string{"n1"}
		}
		if some == 3 && c.modes[v].ManyNode() {
			c.first[v] = []string{"n1", "n2"}
		}
	}
	focus := src.Choose("focus", 2)
	for i := range 5 {
		there := src.Choose("there", 2) == 1
		o := op{
			actor: string(rune('A' + i)), volume: stageVolumes[(focus+src.Choose("volume", 4)/3)%2], kind: opKinds[src.Choose("kind", len(opKinds))],
			node: fmt.Sprint("n", 1+src.Choose("node", 4)%3),
		}
		o.mode = c.modes[o.volume]
		if src.Choose("other mode", 8) == 7 {
			o.mode = attachment.ReadWriteMany
		}
		o.hasty = src.Choose("hasty", 4) == 3
		o.faulty = max(0, src.Choose("faulty", 8)-4) // most meet none
		o.fault = fates[src.Choose("fate", len(fates))]
		if there {
			c.ops = append(c.ops, o)
		}
	}
	rebuilt := slices.ContainsFunc(c.ops, func(o op) bool { return o.kind == "rebuild" })
	for i := range c.ops {
		c.ops[i].rebuilt = rebuilt
	}
	return c
}
