package model_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

func TestReach(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.pass(func() {
		s.call("run", trace.Event{Verb: "get", Resource: "nodes", Name: "n1", Node: "n1", Code: "InternalError", Fault: "error"})
	})
	s.point(trace.Event{Kind: trace.Call, ID: 9001, Proc: 1, Actor: "op-1", Verb: "patch", Resource: "persistentvolumes", Code: "Conflict", Fault: "lateEffect", Late: true})
	s.see(trace.Event{Kind: trace.Trouble, Verb: "lagBegin", Resource: "nodes", Limit: time.Second})
	s.see(trace.Event{Kind: trace.Trouble, Verb: "lagEnd", Resource: "nodes"})
	s.see(trace.Event{Kind: trace.Trouble, Verb: "clockStep", Limit: -time.Second})
	s.see(trace.Event{Kind: trace.Trouble, Proc: 1, Verb: "pauseBegin", Limit: time.Second})
	s.see(trace.Event{Kind: trace.Trouble, Proc: 1, Verb: "pauseEnd"})
	s.point(trace.Event{Kind: trace.Op, Actor: "operator", Verb: "setReady", Node: "n1", State: "notReady"})
	s.deleteNode("n1")
	s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "crash"})
	c := model.New(s.header)
	for _, e := range s.events {
		c.Step(e)
	}
	got := c.Reach()
	require.Equal(t, 1, got["publish get nodes"])
	require.Equal(t, 1, got["publish grant backend"])
	require.Equal(t, 1, got["run get nodes"])
	require.Equal(t, 1, got["run get nodes/error"])
	require.NotContains(t, got, "publish patch persistentvolumes/lateEffect", "it was counted when it was sent")
	require.Equal(t, 1, got["watch of nodes/lag"], "begun once")
	require.Equal(t, 1, got["clock/back"])
	require.Equal(t, 1, got["process/pause"])
	require.Equal(t, 1, got["node/notReady"])
	require.Equal(t, 1, got["process/crash"])
}
