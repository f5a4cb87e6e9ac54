package perturb_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/perturb"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

func base(t *testing.T) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Lookup("node-deleted")
	require.NoError(t, err)
	s.Spec.Timeline, s.Spec.Resolved = s.Spec.Timeline[:1], &scenarios.Resolved{Seed: 1}
	return s
}

// reference is a run in which the system reads a node, writes a record and what changes nothing, and sees a node go.
var reference = []trace.Event{
	{Step: 1, At: time.Second, Kind: trace.Call, Proc: 1, Actor: "op-1", Label: "read", Verb: "get", Resource: "nodes", Code: "OK"},
	{Step: 2, At: 2 * time.Second, Kind: trace.Call, Proc: 1, Actor: "op-1", Label: "write", Verb: "patch", Resource: "persistentvolumes", Code: "OK"},
	{Step: 2, At: 2 * time.Second, Kind: trace.Change, Verb: "updated", Resource: "persistentvolumes", Name: "pv"},
	{Step: 3, At: 3 * time.Second, Kind: trace.Call, Proc: 1, Actor: "run", Label: "failed", Verb: "get", Resource: "nodes", Code: "InternalError"},
	{Step: 4, At: 4 * time.Second, Kind: trace.Call, Proc: 1, Actor: "run", Label: "in vain", Verb: "revoke", Resource: "backend", Code: "OK"},
	{Step: 5, At: 5 * time.Second, Kind: trace.Op, Actor: "operator", Verb: "deleteNode"},
	{Step: 5, At: 5 * time.Second, Kind: trace.Change, Verb: "deleted", Resource: "nodes", Name: "n1"},
	{Step: 5, At: 5 * time.Second, Kind: trace.Change, Verb: "deleted", Resource: "leases", Name: "l"},
	{Step: 6, At: 6 * time.Second, Kind: trace.Call, Proc: 1, Actor: "informer", Label: "list", Verb: "list", Resource: "nodes", Code: "OK"},
	{Step: 7, At: 7 * time.Second, Kind: trace.Phase, Name: "heal"},
	{Step: 8, At: 8 * time.Second, Kind: trace.Call, Proc: 1, Actor: "run", Label: "healed", Verb: "get", Resource: "nodes", Code: "OK"},
}

func TestChanges(t *testing.T) {
	s := base(t)
	var words []string
	for _, c := range perturb.Changes(s, reference) {
		words = append(words, c.What)
		require.NoError(t, perturb.Apply(s, c).Validate(), c.What)
	}
	require.Equal(t, []string{
		"error at read",
		"error at write", "replyLost at write", "crashBefore at write", "crashAfter at write",
		"error at in vain",
		"the watch of nodes breaks at 5s and lists anew",
		"publish of 10s comes 1s later",
		"the watch of nodes stands still for 5s from 5s on",
		"the process crashes at 10s", "leadership is lost at 10s", "the API server is away at 10s", "the next process leads already at 10s",
		"lateEffect at write, 30s later",
		"the watch of nodes stands still for 1m0s from 5s on",
		"publish of 10s comes 1m0s later",
	}, words, "what can have an influence, the nearest first")
}

func TestApply(t *testing.T) {
	s := base(t)
	was := string(scenarios.Format(s))
	changes := perturb.Changes(s, reference)
	find := func(what string) perturb.Change {
		for _, c := range changes {
			if c.What == what {
				return c
			}
		}
		t.Fatal(what)
		return perturb.Change{}
	}
	got := perturb.Apply(s, find("replyLost at write"), find("the watch of nodes stands still for 5s from 5s on"), find("publish of 10s comes 1s later"))
	require.Equal(t, was, string(scenarios.Format(s)), "the scenario itself is left alone")
	require.Equal(t, []scenarios.Fault{{On: scenarios.On{Label: "write"}, Effect: "replyLost"}}, got.Spec.Faults)
	require.Len(t, got.Spec.Timeline, 2)
	require.Equal(t, "lag", got.Spec.Timeline[0].Action())
	require.Equal(t, scenarios.Duration(11*time.Second), got.Spec.Timeline[1].At)
}
