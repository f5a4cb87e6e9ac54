package cause_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim/cause"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// story is two publishes of two volumes, one of which asks for a node that is deleted before its answer.
var story = []trace.Event{
	{Step: 1, Kind: trace.Process, Proc: 1, Verb: "lead"},
	{Step: 2, Kind: trace.Op, Actor: "operator", Verb: "wish", Volume: "a", Node: "n1"},
	{Step: 2, Kind: trace.Change, Resource: "volumeattachments", Name: "va-a", Volume: "a", Node: "n1"},
	{Step: 3, Kind: trace.Op, Proc: 1, Actor: "sidecar", Op: 1, Verb: "publish", Volume: "a", Node: "n1"},
	{Step: 4, Kind: trace.Op, Actor: "operator", Verb: "wish", Volume: "b", Node: "n1"},
	{Step: 4, Kind: trace.Change, Resource: "volumeattachments", Name: "va-b", Volume: "b", Node: "n1"},
	{Step: 5, Kind: trace.Op, Proc: 1, Actor: "sidecar", Op: 2, Verb: "publish", Volume: "b", Node: "n1"},
	{Step: 6, Kind: trace.Op, Actor: "operator", Verb: "deleteNode", Node: "n1"},
	{Step: 6, Kind: trace.Change, Resource: "nodes", Name: "n1", Verb: "deleted"},
	{Step: 7, Kind: trace.Call, ID: 1, Proc: 1, Actor: "op-1", Verb: "get", Resource: "nodes", Name: "n1", Code: "NotFound"},
	{Step: 8, Kind: trace.Reply, ID: 1, Proc: 1, Actor: "op-1", Verb: "get", Resource: "nodes", Name: "n1", Code: "NotFound"},
	{Step: 9, Kind: trace.Return, Op: 1, Proc: 1, Actor: "op-1", Verb: "publish", Volume: "a", Node: "n1", Code: "NotFound"},
}

const (
	wishA, wishB, deleteNode, returnA = 1, 4, 7, 11
)

func TestChain(t *testing.T) {
	o := cause.Of(story)
	require.Equal(t, []int{1, 2, 3, 9, 10, 11}, o.Chain([]int{wishA}, []int{returnA}))
	require.Equal(t, []int{7, 8, 9, 10, 11}, o.Chain([]int{deleteNode}, []int{returnA}), "through the object that the call has read")
	require.Equal(t, []int{1, 2, 3, 7, 8, 9, 10, 11}, o.Chain([]int{wishA, deleteNode}, []int{returnA}))
}

func TestChain_OfWhatHasNoInfluence(t *testing.T) {
	require.Equal(t, []int{wishB, returnA}, cause.Of(story).Chain([]int{wishB}, []int{returnA}), "another volume's publish")
}

func TestChain_OfCaches(t *testing.T) {
	events := []trace.Event{
		{Step: 1, Kind: trace.Op, Actor: "operator", Verb: "deleteNode", Node: "n1"},
		{Step: 1, Kind: trace.Change, Resource: "nodes", Name: "n1", Verb: "deleted"},
		{Step: 2, Kind: trace.Deliver, Proc: 2, Actor: "informer", Verb: "DELETED", Resource: "nodes", Name: "n1"},
		{Step: 3, Kind: trace.Wake, Proc: 1, Actor: "clock"},
		{Step: 4, Kind: trace.Wake, Proc: 2, Actor: "clock"},
		{Step: 5, Kind: trace.Call, ID: 1, Proc: 2, Actor: "run", Verb: "patch", Resource: "persistentvolumes", Name: "pv"},
	}
	o := cause.Of(events)
	require.Equal(t, []int{0, 1, 2, 5}, o.Chain([]int{0}, []int{5}))
	require.Equal(t, []int{0, 3}, o.Chain([]int{0}, []int{3}), "the cache of another process")
}
