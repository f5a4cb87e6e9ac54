package model_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// The cases of this file are those that mutants of the oracle asked for: each part of an invariant stays silent for a trace
// that holds, and speaks for the same trace with one thing wrong.
func TestPartsThatSpeak(t *testing.T) {
	for _, c := range []struct {
		invariant, part string
		write           func(s *script, wrong bool)
	}{
		{"S12", "copies", func(s *script, wrong bool) {
			s.publish("vm", "n1")
			if wrong {
				s.see(trace.Event{Kind: trace.Belief, Proc: s.proc, Volume: "vm", Node: "spoilt", State: "held", Epoch: 1})
			}
		}},
		{"S17", "gauges", func(s *script, wrong bool) {
			s.publish("vm", "n1")
			if wrong {
				s.count("tracked_attachments", 1)
			}
			s.pass(func() {})
		}},
		{"L2", "ticks", func(s *script, wrong bool) {
			lifecycle(s, "stop", "OK")
			lifecycle(s, "start", "OK")
			s.pass(func() {})
			for range 5 {
				s.wait(interval)
				if !wrong {
					s.pass(func() {})
				}
			}
			s.wait(time.Second)
		}},
	} {
		t.Run(c.invariant+" "+c.part, func(t *testing.T) {
			part := func(wrong bool) model.Result {
				s := begin()
				c.write(s, wrong)
				s.finish()
				r, ok := model.Check(s.header, s.events).Lookup(c.invariant)
				require.True(t, ok)
				return r
			}
			require.Equal(t, model.Held, part(false).Outcome, part(false).String())
			r := part(true)
			require.Equal(t, model.Violated, r.Outcome, r.String())
			for _, p := range r.Parts {
				if p.Name == c.part {
					require.Equal(t, model.Violated, p.Outcome)
				}
			}
		})
	}
}
