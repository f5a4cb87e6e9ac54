package scenarios

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLibrary_EachFileSaysWhatItIs(t *testing.T) {
	all := Library()
	require.Len(t, all, len(libraryNames()))
	for i, s := range all {
		require.Equal(t, libraryNames()[i], s.Metadata.Name, "a file is named after its scenario")
		require.Greater(t, len(s.Metadata.Description), 60, s.Metadata.Name)
		require.NotEmpty(t, s.Spec.Expect, s.Metadata.Name)
		require.NotEmpty(t, s.Spec.Timeline, s.Metadata.Name)
	}
}

func TestLibrary_HasTheNamedHazards(t *testing.T) {
	for _, name := range []string{"live-migration", "node-deleted", "node-deleted-within-grace", "node-kept", "api-errors", "context-cancelled", "stop-twice",
		"stop-start-churn", "stop-before-run", "node-same-name", "dual-attach-migration-source-death", "dual-attach-migration-target-death", "crash-mid-pass",
		"reply-lost"} {
		_, err := Lookup(name)
		require.NoError(t, err)
	}
}

func TestLookup_Misspelt(t *testing.T) {
	_, err := Lookup("node-same-nmae")
	require.EqualError(t, err, `there is no scenario "node-same-nmae" in the library (did you mean "node-same-name"?)`)
	_, err = Lookup("x")
	require.ErrorContains(t, err, "hint: it has again-with-an-unknown-uid, api-errors, api-outage-evicts-all,")
}

func TestLibrary_IsSortedByName(t *testing.T) {
	var names []string
	for _, s := range Library() {
		names = append(names, s.Metadata.Name)
	}
	require.IsIncreasing(t, names)
	require.Less(t, slices.Index(names, "node-deleted"), slices.Index(names, "node-deleted-within-grace"))
}
