package scenarios

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
)

const chaosSeeds = 1000

func TestChaos_IsValidAndRoundTrips(t *testing.T) {
	for seed := range uint64(300) {
		s := Chaos(choice.Seeded(seed))
		require.NoError(t, s.Validate(), "seed %d", seed)
		back, err := Parse("chaos.yaml", bytes.NewReader(Format(s)))
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, s, back, "seed %d", seed)
	}
}

func TestChaos_SameSourceSameScenario(t *testing.T) {
	seen := make(map[string]uint64)
	for seed := range uint64(200) {
		d := string(Format(Chaos(choice.Seeded(seed))))
		require.Equal(t, d, string(Format(Chaos(choice.Seeded(seed)))), "seed %d", seed)
		require.NotContains(t, seen, d, "seeds %d and %d", seed, seen[d])
		seen[d] = seed
	}
}

func TestChaos_DrawsWhatIsFavoured(t *testing.T) {
	steps := func(p Profile) (overlaps, deaf int) {
		for seed := range uint64(200) {
			s := Chaos(choice.Seeded(seed), p)
			for _, step := range s.Spec.Timeline {
				if step.Overlap != nil {
					overlaps++
				}
			}
			for _, f := range s.Spec.Faults {
				if f.Effect == fault.Deaf {
					deaf++
				}
			}
		}
		return overlaps, deaf
	}
	overlaps, deaf := steps(Profile{})
	more, deafer := steps(Profile{Favour: []string{"overlap", "deaf"}})
	require.Greater(t, more, 3*overlaps)
	require.Greater(t, deafer, deaf)
	require.Panics(t, func() { Chaos(choice.Seeded(1), Profile{Favour: []string{"overlay"}}) })
}

// TestChaos_TellsStoriesThatMakeSense plays each timeline on a world in which nothing fails.
func TestChaos_TellsStoriesThatMakeSense(t *testing.T) {
	for seed := range uint64(chaosSeeds) {
		s := Chaos(choice.Seeded(seed))
		exists, wished := make(map[string]bool), make(map[Attachment]bool)
		for _, n := range s.Spec.Nodes {
			exists[n.Name] = !n.Later
		}
		stopped := false
		for i, step := range s.Spec.Timeline {
			switch {
			case step.DeleteNode != nil:
				require.True(t, exists[step.DeleteNode.Node], "seed %d step %d", seed, i)
				exists[step.DeleteNode.Node] = false
			case step.CreateNode != nil:
				require.False(t, exists[step.CreateNode.Node], "seed %d step %d", seed, i)
				exists[step.CreateNode.Node] = true
			case step.SetReady != nil:
				require.True(t, exists[step.SetReady.Node], "seed %d step %d", seed, i)
			case step.Publish != nil:
				require.False(t, wished[*step.Publish], "seed %d step %d", seed, i)
				require.NotEqual(t, "direct", step.Publish.Volume)
				wished[*step.Publish] = true
			case step.Unpublish != nil:
				a := *step.Unpublish
				a.Force = false
				require.True(t, wished[a], "seed %d step %d", seed, i)
				delete(wished, a)
			case len(step.Lifecycle) > 0:
				stopped = step.Lifecycle[len(step.Lifecycle)-1] != "start"
			case step.Crash != nil, step.Depose != nil, step.Overlap != nil:
				stopped = false
			case step.Call != nil && step.Call.Volume != "direct":
				require.Contains(t, []string{"", "GetAttachment", "IsWithinGracePeriod", "GetDetachTimestamp", "ListAttachments", "Rebuild"}, step.Call.Method)
			}
		}
		require.False(t, stopped, "seed %d leaves the reconciler stopped", seed)
		if a := s.Spec.Assume.NodeDead; a != nil && !*a {
			require.True(t, s.Spec.Backend.Fence, "seed %d: nothing protects", seed)
		}
	}
}

// TestChaos_Variety counts in how many scenarios of a thousand something appears.
func TestChaos_Variety(t *testing.T) {
	have := make(map[string]int)
	for seed := range uint64(chaosSeeds) {
		for _, what := range featuresOf(Chaos(choice.Seeded(seed))) {
			have[what]++
		}
	}
	floors := map[string]int{"fence": 400, "not dead": 150, "later node": 50, "no faults": 50, "at a boundary": 400, "dual attach": 300, "same name": 150,
		"node deleted with volumes": 350, "rwo wished twice": 250, "crash in a pass": 150, "longer than 10m": 140, "shorter than 5m": 150}
	for _, action := range []string{"publish", "unpublish", "deleteNode"} {
		floors[action] = 500
	}
	for _, action := range []string{"createNode", "setReady", "killMachine", "startMachine", "crash", "depose", "overlap", "lifecycle", "trigger", "call", "clockStep", "outage", "lag", "disconnect"} {
		floors[action] = 150
	}
	for _, action := range []string{"pause", "replay", "outOfService"} {
		floors[action] = 20
	}
	for _, e := range fault.Effects() {
		floors[string(e)] = 100
	}
	for _, mode := range accessModes {
		floors[mode] = 150
	}
	for what, floor := range floors {
		if have[what] < floor {
			t.Errorf("%s appears in %d of %d scenarios, fewer than %d", what, have[what], chaosSeeds, floor)
		}
	}
	if testing.Verbose() {
		var names []string
		for what := range have {
			names = append(names, what)
		}
		slices.Sort(names)
		for _, what := range names {
			t.Logf("%4d %s", have[what], what)
		}
	}
}

// featuresOf lists what a scenario has, each once.
func featuresOf(s *Scenario) []string {
	has := make(map[string]bool)
	modes, wished := make(map[string]string), make(map[string][]string)
	for _, v := range s.Spec.Volumes {
		has[v.AccessMode] = true
		modes[v.Name] = v.AccessMode
	}
	var times []time.Duration
	lastDelete := make(map[string]time.Duration)
	for _, step := range s.Spec.Timeline {
		has[step.Action()] = true
		at := time.Duration(step.At)
		for _, earlier := range times {
			for _, d := range []Duration{s.Spec.Reconciler.Interval, s.Spec.Reconciler.GracePeriod} {
				if gap := at - earlier - time.Duration(d); gap >= -1 && gap <= 1 {
					has["at a boundary"] = true
				}
			}
		}
		times = append(times, at)
		switch {
		case step.Publish != nil:
			v := step.Publish.Volume
			wished[v] = append(wished[v], step.Publish.Node)
			has["dual attach"] = has["dual attach"] || len(wished[v]) == 2 && modes[v] == "ReadWriteMany"
			has["rwo wished twice"] = has["rwo wished twice"] || len(wished[v]) == 2 && modes[v] == "ReadWriteOnce"
		case step.Unpublish != nil:
			wished[step.Unpublish.Volume] = slices.DeleteFunc(wished[step.Unpublish.Volume], func(n string) bool { return n == step.Unpublish.Node })
		case step.DeleteNode != nil:
			lastDelete[step.DeleteNode.Node] = at
			for _, nodes := range wished {
				has["node deleted with volumes"] = has["node deleted with volumes"] || slices.Contains(nodes, step.DeleteNode.Node)
			}
		case step.CreateNode != nil:
			since, deleted := lastDelete[step.CreateNode.Node]
			has["same name"] = has["same name"] || deleted && at-since <= 3*time.Second
		}
	}
	last := times[len(times)-1]
	has["longer than 10m"], has["shorter than 5m"] = last > 10*time.Minute, last < 5*time.Minute
	has["fence"] = s.Spec.Backend.Fence
	has["not dead"] = s.Spec.Assume.NodeDead != nil
	has["no faults"] = len(s.Spec.Faults) == 0
	for _, n := range s.Spec.Nodes {
		has["later node"] = has["later node"] || n.Later
	}
	for _, f := range s.Spec.Faults {
		has[string(f.Effect)] = true
		has["crash in a pass"] = has["crash in a pass"] || f.On.Actor == "run" && (f.Effect == fault.CrashBefore || f.Effect == fault.CrashAfter)
	}
	var list []string
	for what, is := range has {
		if is {
			list = append(list, what)
		}
	}
	return list
}

func TestChaos_ProfileNarrows(t *testing.T) {
	for seed := range uint64(100) {
		s := Chaos(choice.Seeded(seed), Profile{Name: "migrations", Only: []string{"migrate", "trigger", string(fault.Conflict)}, StepsMin: 3, StepsMax: 5})
		require.Equal(t, "migrations", s.Metadata.Name)
		for _, step := range s.Spec.Timeline {
			require.Contains(t, []string{"publish", "unpublish", "trigger", "deleteNode"}, step.Action(), "seed %d", seed)
		}
		for _, f := range s.Spec.Faults {
			require.Equal(t, fault.Conflict, f.Effect, "seed %d", seed)
		}
	}
}

func TestChaos_IsSmall(t *testing.T) {
	for seed := range uint64(chaosSeeds) {
		s := Chaos(choice.Seeded(seed))
		require.LessOrEqual(t, len(s.Spec.Timeline), 60, "seed %d", seed)
		require.LessOrEqual(t, time.Duration(s.Spec.Timeline[len(s.Spec.Timeline)-1].At), 50*time.Minute, "seed %d", seed)
	}
}

func TestChaos_SomeHandlesAreOdd(t *testing.T) {
	odd := 0
	for seed := range uint64(chaosSeeds) {
		if slices.Contains(oddHandles, Chaos(choice.Seeded(seed)).Spec.Volumes[0].Name) {
			odd++
		}
	}
	require.InDelta(t, chaosSeeds/8, odd, chaosSeeds/20)
}
