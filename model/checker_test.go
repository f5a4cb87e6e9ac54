package model_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// A checker that is fed event by event says what Check says of the whole.
func TestStreamingAgreesWithCheck(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.finish()
	c := model.New(s.header)
	for _, e := range s.events {
		c.Step(e)
	}
	require.False(t, c.Violated())
	require.Equal(t, model.Check(s.header, s.events), c.Verdict())
	require.Equal(t, c.Verdict(), c.Verdict())
	require.Equal(t, model.Held, c.Verdict().Outcome())
}

// Nothing is held of a run that was not seen to its end, at whatever event the trace stops, and what is violated stays so.
func TestPrefixIsNeverHeld(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.refuse("vm", "n2")
	wrong := s.marks["returned"]
	s.finish()
	s.events[wrong].Code = "OK"
	end := s.marks["sizes"] - 1
	for n := 0; n < end; n++ {
		want := model.Inconclusive
		if n > wrong {
			want = model.Violated
		}
		require.Equal(t, want, model.Check(s.header, s.events[:n]).Outcome(), "after %d events", n)
	}
}

// A part whose probe a system does not offer is not judged, is listed with the reason, and has no influence.
func TestWhatIsNotOfferedIsNotJudged(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.finish()
	s.header.Setup.Offers = nil
	v := model.Check(s.header, s.events)
	require.Equal(t, model.Held, v.Outcome())
	for _, name := range []string{"S3", "S4", "S5", "S7", "S12", "S15", "S17", "L1", "L2", "L3", "L4", "L9"} {
		r, ok := v.Lookup(name)
		require.True(t, ok)
		require.Equal(t, model.NotJudged, r.Outcome, name)
		require.Contains(t, r.Reason, "does not offer")
	}
	r, _ := v.Lookup("S1")
	require.Equal(t, model.Held, r.Outcome)
	require.Contains(t, r.Parts, model.Part{Name: "world", Outcome: model.NotJudged, Reason: "the system does not offer: backend"})
}

// What is safe only under an assumption is listed, and is no violation.
func TestClearWithoutFenceLeansOnDeadNodes(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.deleteNode("n1")
	s.wait(graceful)
	s.clear("vm", "n1")
	s.finish()
	r, _ := model.Check(s.header, s.events).Lookup("S1")
	require.Equal(t, model.Held, r.Outcome)
	require.Len(t, r.LeanedOn, 1)
	require.Contains(t, r.LeanedOn[0], "vm on n1")
}

// A duplicate of unpublish that is late cannot be told from a new call: it is named, and nobody is blamed.
func TestLateDuplicateIsInherent(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	late := s.begins("unpublish", "vm", "n1") // its handler waits
	lateOp := s.op
	s.unpublish("vm", "n1")
	s.publish("vm", "n1")
	s.revoke(late, "vm", "n1")
	s.remove(late, "vm", "n1", func(held, bool) {
		s.note("VolumeDetached", "volume vm detached from n1")
		s.count(`detach_total{kind="full"}`, 1)
	})
	s.point(trace.Event{Kind: trace.Return, Op: lateOp, Proc: 1, Actor: late, Verb: "unpublish", Volume: "vm", Node: "n1", Code: "OK", Late: true})
	s.publish("vm", "n2")
	s.finish()
	v := model.Check(s.header, s.events)
	require.Empty(t, v.Violations())
	r, _ := v.Lookup("S10")
	require.Len(t, r.Inherent, 1)
}

func TestInvariantsAreListedInOrder(t *testing.T) {
	var want []string
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20"} {
		want = append(want, "S"+n)
	}
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"} {
		want = append(want, "L"+n)
	}
	var got []string
	for _, inv := range model.Invariants() {
		got = append(got, inv.Name)
		require.NotEmpty(t, inv.Title, inv.Name)
		require.NotEmpty(t, inv.Text, inv.Name)
		require.NotEmpty(t, inv.Why, inv.Name)
		require.NotEmpty(t, inv.Source, inv.Name)
	}
	require.Equal(t, want, got)
	for i, r := range model.Check(trace.Header{}, nil).Results {
		require.Equal(t, want[i], r.Invariant)
	}
}

func TestLookupTakesEveryName(t *testing.T) {
	v := model.Check(trace.Header{}, nil)
	for _, name := range []string{"S1", "s1", "single writer", "singleWriter", "Single-Writer"} {
		r, ok := v.Lookup(name)
		require.True(t, ok, name)
		require.Equal(t, "S1", r.Invariant)
	}
	_, ok := v.Lookup("")
	require.False(t, ok)
	_, ok = v.Lookup("S99")
	require.False(t, ok)
}

func TestResultString(t *testing.T) {
	for _, c := range []struct {
		want string
		r    model.Result
	}{
		{"S3 never clear live: cleared vm (and 2 more)", model.Result{Invariant: "S3", Title: "never clear live", Outcome: model.Violated, Message: "cleared vm", More: 2}},
		{"S3 never clear live: held", model.Result{Invariant: "S3", Title: "never clear live", Outcome: model.Held}},
		{"S3 never clear live: not judged (no belief)", model.Result{Invariant: "S3", Title: "never clear live", Outcome: model.NotJudged, Reason: "no belief"}},
		{"S3 never clear live: inconclusive (out of steps)", model.Result{Invariant: "S3", Title: "never clear live", Outcome: model.Inconclusive, Reason: "out of steps"}},
	} {
		require.Equal(t, c.want, c.r.String())
	}
}

func TestViolationsComeEarliestFirst(t *testing.T) {
	v := model.Verdict{Results: []model.Result{
		{Invariant: "a", Outcome: model.Violated, Step: 7}, {Invariant: "b", Outcome: model.Held}, {Invariant: "c", Outcome: model.Violated, Step: 3},
		{Invariant: "d", Outcome: model.Violated, Step: 9},
	}}
	var got []string
	for _, r := range v.Violations() {
		got = append(got, r.Invariant)
	}
	require.Equal(t, []string{"c", "a", "d"}, got)
}

func TestVerdictIsText(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	v := model.Check(s.header, s.finish().events)
	text, err := json.Marshal(v)
	require.NoError(t, err)
	var back model.Verdict
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, v, back)
}

func TestTally(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.deleteNode("n1")
	s.wait(graceful)
	s.clear("vm", "n1")
	s.call("run", trace.Event{Verb: "get", Resource: "nodes", Name: "n2", Code: "Timeout", Fault: "timeout"})
	s.publish("vm", "n2")
	s.refuse("vm", "n3")
	s.point(trace.Event{Kind: trace.Wake, Proc: 1, Actor: "run"})
	s.count("reconcile_passes_begun_total", 1)
	restart(s)
	c := model.New(s.header)
	for _, e := range s.events {
		c.Step(e)
	}
	got := c.Tally()
	for name, want := range map[string]int{
		"publishes OK": 2, "publishes refused/FailedPrecondition": 1, "stale entries cleared": 1, "evictions": 0, "crashes": 1, "crashes in mid-pass": 1,
		"node deletions": 1, "node deletions with volumes attached": 1, "fault/timeout": 1,
	} {
		require.Equal(t, want, got[name], name)
	}
}

// BenchmarkStep feeds a run again and again: what a step costs is what the oracle takes from the speed of a campaign.
func BenchmarkStep(b *testing.B) {
	s := begin()
	for range 50 {
		s.publish("vm", "n1")
		s.unpublish("vm", "n1")
		s.publish("shared", "n1")
		s.publish("shared", "n2")
		s.unpublish("shared", "n1")
		s.unpublish("shared", "n2")
	}
	b.ReportAllocs()
	for i := 0; i < b.N; {
		c := model.New(s.header)
		for _, e := range s.events {
			c.Step(e)
			i++
		}
	}
}
