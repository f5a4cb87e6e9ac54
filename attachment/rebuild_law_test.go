package attachment

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// wishKinds are what the VolumeAttachments say of a node; nil is that there is none.
var wishKinds = [][]string{nil, {""}, {"attached"}, {"deleting"}, {"attached", "deleting"}}

// written is a record, and when it was written.
type written struct {
	text string
	at   time.Duration
}

// drawHistory lets a Manager live through a drawn story in which writes fail, and returns every record that it wrote.
func drawHistory(t *rapid.T) (history []written) {
	w := newWorld(t, "v")
	for range rapid.IntRange(1, 8).Draw(t, "operations") {
		node := rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "node")
		w.effects = []effect{rapid.SampledFrom([]effect{{}, {}, {}, {err: errReset, lost: true}, {err: errReset}, {err: errReset, late: true}}).Draw(t, "effect")}
		switch rapid.SampledFrom([]string{"track", "track", "reserve", "remove", "clear", "untrack"}).Draw(t, "operation") {
		case "track":
			_ = w.m.TrackAttachmentWithMode(ctx, "v", node, ReadWriteMany, WithUID("u"), WithMigrationTimeout(time.Minute))
		case "reserve": // and the process dies, or the backend refuses, before anybody confirms it
			if turn, err := w.m.Begin(ctx, "v"); err == nil {
				_, _ = turn.Reserve(ctx, Claim{Node: node, UID: "u", NodeID: "id", Mode: ReadWriteMany})
				turn.End()
			}
		case "remove":
			_ = w.m.RemoveNodeAttachment(ctx, "v", node)
		case "clear":
			if a, ok := w.m.GetAttachment("v"); ok {
				_, _ = w.m.ClearStale(ctx, a.Entries[0].Instance)
			}
		case "untrack":
			_ = w.m.UntrackAttachment(ctx, "v")
		}
		w.arrive()
		for _, text := range w.records[len(history):] {
			history = append(history, written{text, w.clock.Elapsed()})
		}
		w.clock.Step(rapid.SampledFrom([]time.Duration{0, time.Second, 40 * time.Second}).Draw(t, "pause"))
	}
	return history
}

// said is the document as anybody may read it: the test shares no code with what it tests.
type said struct {
	Mode      string
	Epoch     uint64
	Instances []struct {
		Node, UID, NodeID string
		Epoch             uint64
		AttachedAt        time.Time
	}
	Migration *struct {
		StartedAt      time.Time
		Timeout        string
		Source, Target string
	}
	DetachedAt time.Time
}

// The process may die after any of its writes, and the wishes may say anything by then. Memory is then what the table of
// SPEC.md (section 5, S13) makes of the record and the wishes: every row, in one law.
func TestRebuildFromEveryPrefixOfAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := append([]written{{}}, drawHistory(t)...)
		last := uint64(0)
		for i, wrote := range history {
			w := newWorld(t)
			w.clock.Step(wrote.at + rapid.SampledFrom([]time.Duration{0, time.Second, 59 * time.Second, time.Minute}).Draw(t, "down"))
			w.createPV("pv-v", "v", wrote.text)
			wishes := map[string][]string{}
			for _, n := range []string{"n1", "n2", "n3"} {
				if wishes[n] = rapid.SampledFrom(wishKinds).Draw(t, n+" wished"); wishes[n] != nil {
					w.wish("pv-v", n, wishes[n]...)
				}
			}
			w.must(w.m.Rebuild(ctx))
			var s said
			if wrote.text != "" {
				require.NoError(t, json.Unmarshal([]byte(wrote.text), &s))
				require.Greater(t, s.Epoch+1, last, "epochs do not decrease")
				last = s.Epoch
			}
			why := fmt.Sprintf("write %d of %d: %s, wished %q", i, len(history)-1, wrote.text, wishes)
			require.Equal(t, table(wrote.text != "", s, wishes), w.holders("v"), why)
			checkRestored(t, w, s, why)
		}
	})
}

// table is S13's, as the specification has it.
func table(record bool, s said, wishes map[string][]string) (holders []string) {
	attached := func(n string) bool { return len(wishes[n]) == 1 && wishes[n][0] == "attached" }
	deleting := func(n string) bool { return len(wishes[n]) > 0 && wishes[n][len(wishes[n])-1] == "deleting" }
	for _, i := range s.Instances {
		state := "uncertain"
		if attached(i.Node) {
			state = "held"
		}
		holders = append(holders, i.Node+"/"+i.UID+"="+state)
	}
	for _, n := range []string{"n1", "n2", "n3"} {
		switch {
		case record:
		case attached(n):
			holders = append(holders, n+"=held")
		case deleting(n):
			holders = append(holders, n+"=uncertain")
		}
	}
	return holders
}

// checkRestored compares all that a record carries beside the names.
func checkRestored(t *rapid.T, w *world, s said, why string) {
	a, _ := w.m.GetAttachment("v")
	held := false
	for i, e := range a.Entries {
		held = held || e.State == Held
		if len(s.Instances) > 0 {
			was := s.Instances[i]
			require.Equal(t, Instance{Volume: "v", Node: was.Node, UID: was.UID, Epoch: was.Epoch}, e.Instance, why)
			require.Equal(t, was.NodeID, e.NodeID)
			require.True(t, was.AttachedAt.Equal(e.AttachedAt), why)
		}
	}
	if len(s.Instances) > 0 {
		require.Equal(t, s.Mode, string(a.Mode), why)
	}
	if g := s.Migration; g == nil {
		require.Nil(t, a.Migration, why)
	} else {
		require.NotNil(t, a.Migration, why)
		require.Equal(t, []string{g.Timeout, g.Source, g.Target}, []string{a.Migration.Timeout.String(), a.Migration.Source, a.Migration.Target}, why)
		require.True(t, g.StartedAt.Equal(a.Migration.StartedAt), why)
	}
	want := s.DetachedAt
	if held || w.clock.Now().Sub(want) >= time.Minute {
		want = time.Time{}
	}
	require.True(t, want.Equal(w.m.GetDetachTimestamp("v")), "%s: stamp %v, not %v", why, w.m.GetDetachTimestamp("v"), want)
}
