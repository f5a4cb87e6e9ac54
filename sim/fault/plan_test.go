package fault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/fault"
)

var patch = fault.Site{Label: "p1/op-1/patch/persistentvolumes/pv-a#1", Proc: 1, Actor: "op-1", Verb: "patch", Resource: "persistentvolumes", Name: "pv-a", At: time.Minute}

func TestPredicateSelects(t *testing.T) {
	for name, c := range map[string]struct {
		on   fault.Predicate
		want bool
	}{
		"empty selects all":  {fault.Predicate{}, true},
		"all fields":         {fault.Predicate{Verb: "patch", Resource: "persistentvolumes", Name: "pv-a", Actor: "op-1", API: true}, true},
		"other verb":         {fault.Predicate{Verb: "get"}, false},
		"other resource":     {fault.Predicate{Resource: "nodes"}, false},
		"other name":         {fault.Predicate{Name: "pv-b"}, false},
		"other actor":        {fault.Predicate{Actor: "run"}, false},
		"from is inclusive":  {fault.Predicate{From: time.Minute}, true},
		"before from":        {fault.Predicate{From: time.Minute + 1}, false},
		"until is exclusive": {fault.Predicate{Until: time.Minute}, false},
		"just before until":  {fault.Predicate{Until: time.Minute + 1}, true},
		"second of one":      {fault.Predicate{Nth: 2}, false},
		"first of one":       {fault.Predicate{Nth: 1}, true},
	} {
		got := fault.NewPlan(choice.Seeded(1), fault.Rule{On: c.on, Effect: fault.Error}).Decide(patch)
		require.Equal(t, c.want, got.Effect == fault.Error, name)
	}
}

func TestAPISparesTheBackendAndTheSystem(t *testing.T) {
	plan := fault.NewPlan(choice.Seeded(1), fault.Rule{On: fault.Predicate{API: true}, Effect: fault.Unreachable})
	require.Equal(t, fault.None, plan.Decide(fault.Site{Verb: "grant", Resource: fault.Backend}).Effect)
	require.Equal(t, fault.None, plan.Decide(fault.Site{Verb: "publish", Resource: fault.CSI}).Effect)
	require.Equal(t, fault.Unreachable, plan.Decide(patch).Effect)
}

func TestNthCountsOnlyWhatItSelects(t *testing.T) {
	plan := fault.NewPlan(choice.Seeded(1), fault.Rule{On: fault.Predicate{Verb: "patch", Nth: 2}, Effect: fault.ReplyLost})
	var got []fault.Effect
	for _, verb := range []string{"patch", "get", "patch", "patch"} {
		site := patch
		site.Verb = verb
		got = append(got, plan.Decide(site).Effect)
	}
	require.Equal(t, []fault.Effect{"", "", fault.ReplyLost, ""}, got)
}

func TestTheFirstRuleThatFiresDecides(t *testing.T) {
	plan := fault.NewPlan(choice.Seeded(1),
		fault.Rule{On: fault.Predicate{Verb: "get"}, Effect: fault.Hang},
		fault.Rule{Effect: fault.Latency, For: time.Second},
		fault.Rule{Effect: fault.Error})
	require.Equal(t, fault.Decision{Effect: fault.Latency, For: time.Second}, plan.Decide(patch))
}

func TestChanceIsAShareOfSites(t *testing.T) {
	plan := fault.NewPlan(choice.Seeded(1), fault.Rule{Effect: fault.Error, Chance: 0.1})
	fired := 0
	for range 10_000 {
		if plan.Decide(patch).Effect == fault.Error {
			fired++
		}
	}
	require.InDelta(t, 1000, fired, 120)
}

func TestAnEndedPlanLeavesEverythingAlone(t *testing.T) {
	plan := fault.NewPlan(choice.Seeded(1), fault.Rule{Effect: fault.Error})
	plan.Add(fault.Rule{Effect: fault.Hang})
	require.Equal(t, fault.Error, plan.Decide(patch).Effect)
	plan.End()
	require.Equal(t, fault.None, plan.Decide(patch).Effect)
}
