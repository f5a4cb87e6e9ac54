package attachment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	storagev1 "k8s.io/api/storage/v1"
	"pgregory.net/rapid"
)

// stampTwin is the reference for one volume's detach stamp.
type stampTwin struct {
	held     bool
	stamped  bool
	at       time.Duration // the monotonic reading by which the stamp ages
	wall     wallStamp     // the stamp's; none is before one that the volume had
	attached wallStamp     // the reservation's
}

// wallStamp is a stamp as memory tells it and as the record has it: after a restart, one in the future counts as now.
type wallStamp struct{ told, record time.Time }

func newStamp(t time.Time) wallStamp { return wallStamp{t, t} }

func (w *wallStamp) restart(now time.Time) {
	if w.told = w.record; w.told.After(now) {
		w.told = now
	}
}

// The law of detach stamps: a stamp of age a is within a grace of a + 1ns, and not within one of a. Nothing moves it within an
// incarnation, the wall clock least of all; a re-attach clears it; and after a restart its age is what the wall clock says,
// held to zero and more.
func TestGraceLaw(t *testing.T) {
	const longest = time.Minute // of newWorld
	waits := []time.Duration{0, 1, time.Second, longest/2 - 1, longest / 2, longest - 1, longest, longest + 1}
	jumps := []time.Duration{-2 * time.Hour, -longest, -1, 1, longest / 2, longest - 1, longest, 2 * time.Hour}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, "v")
		w.must(w.m.Rebuild(ctx))
		var s stampTwin
		later := func(a, b time.Time) time.Time {
			if a.After(b) {
				return a
			}
			return b
		}
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) { w.clock.Step(rapid.SampledFrom(waits).Draw(t, "for")) },
			"jump": func(t *rapid.T) { w.clock.jump(rapid.SampledFrom(jumps).Draw(t, "by")) },
			"attach": func(*rapid.T) {
				w.must(w.m.TrackAttachment(ctx, "v", "n1"))
				if s.held {
					return
				}
				at := w.clock.Now()
				if s.stamped && w.clock.Elapsed()-s.at < longest {
					at = later(at, s.wall.told)
				}
				s = stampTwin{held: true, attached: newStamp(at)}
			},
			"detach": func(*rapid.T) {
				w.must(w.m.UntrackAttachment(ctx, "v"))
				if s.held {
					s = stampTwin{stamped: true, at: w.clock.Elapsed(), wall: newStamp(later(w.clock.Now(), s.attached.told))}
				}
			},
			"restart": func(*rapid.T) {
				_ = w.client.Tracker().Delete(storagev1.SchemeGroupVersion.WithResource("volumeattachments"), "", "va-pv-v-n1")
				if s.held { // without a wish a rebuild cannot tell that the attach was confirmed, and keeps the stamp of before
					w.wish("pv-v", "n1", "attached")
				}
				w.restart()
				w.must(w.m.Rebuild(ctx))
				s.attached.restart(w.clock.Now())
				if !s.held && !s.wall.record.IsZero() {
					s.wall.restart(w.clock.Now())
					age := w.clock.Now().Sub(s.wall.told)
					s.stamped, s.at = age < longest, w.clock.Elapsed()-age
				}
			},
			"": func(t *rapid.T) {
				age := w.clock.Elapsed() - s.at
				switch {
				case !s.stamped:
					require.False(t, w.m.IsWithinGracePeriod("v", time.Hour))
					require.Zero(t, w.m.GetDetachTimestamp("v"))
				case age >= longest: // it may be forgotten
					require.False(t, w.m.IsWithinGracePeriod("v", longest))
				default:
					require.True(t, w.m.IsWithinGracePeriod("v", age+1), "one nanosecond is left of %v", age+1)
					require.False(t, w.m.IsWithinGracePeriod("v", age), "an age of exactly grace is outside")
					require.False(t, w.m.IsWithinGracePeriod("v", age-1))
					require.True(t, s.wall.told.Equal(w.m.GetDetachTimestamp("v")))
				}
			},
		})
	})
}
