package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/choice"
	"github.com/holdfast-sim/holdfast/sim/report"
)

// Chaos refuses a lead that is neither a class nor an effect.
func TestEveryMarkLeadsSomewhere(t *testing.T) {
	plain := scenarios.Format(scenarios.Chaos(choice.Seeded(1)))
	for _, m := range model.Marks() {
		aimed := scenarios.Chaos(choice.Seeded(1), scenarios.Profile{Favour: leads([]string{m.Name})})
		require.NotEqual(t, plain, scenarios.Format(aimed), m.Name)
	}
}

func TestRounds(t *testing.T) {
	k := &collector{total: 2*roundLength + 5, settings: &settings{aim: aimUnreached}}
	var got []round
	require.NoError(t, k.rounds(func(r round) error {
		got = append(got, r)
		k.summary.Add(report.Run{Seed: uint64(len(got)), Scenes: []model.Scene{0}})
		return nil
	}))
	everything := k.summary.States.Unreached()
	require.Len(t, everything, len(model.Marks()))
	require.Equal(t, []round{{0, roundLength, nil}, {roundLength, 2 * roundLength, everything}, {2 * roundLength, 2*roundLength + 5, everything}}, got)

	k = &collector{total: 5000, settings: &settings{aim: "grace-crash,migration-crash"}}
	got = nil
	require.NoError(t, k.rounds(func(r round) error { got = append(got, r); return nil }))
	require.Equal(t, []round{{0, 5000, []string{"grace-crash", "migration-crash"}}}, got)
}

func TestRoundsEndEarly(t *testing.T) {
	broken := errors.New("no worker")
	k := &collector{total: 5000, settings: &settings{aim: aimUnreached}}
	require.ErrorIs(t, k.rounds(func(round) error { return broken }), broken)

	n := 0
	k.settings.failFast = true
	require.NoError(t, k.rounds(func(round) error {
		n++
		k.summary.Add(report.Run{Outcome: report.Violated})
		return nil
	}))
	require.Equal(t, 1, n)
}

func TestAnAimedRunIsRepeatedByItsCommand(t *testing.T) {
	const aim = "grace-stop-pending"
	all, code := document(t, "run", "--seeds", "5-9", "--aim", aim, "--results", "all", "--workers", "2")
	require.Equal(t, exitHeld, code)
	one, _ := document(t, "run", "--seed", "7", "--aim", aim, "--results", "all")
	require.Equal(t, all.Results[2], one.Results[0])
	plain, _ := document(t, "run", "--seed", "7", "--results", "all")
	require.NotEqual(t, plain.Results[0].TraceHash, one.Results[0].TraceHash)
}
