package lint_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// TestInvariantsAreDocumented holds docs/invariants.md to the oracle's own list: the same invariants, in the same order,
// under the same titles, with what each needs to be judged.
func TestInvariantsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/invariants.md")
	require.NoError(t, err)
	var documented, judged []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([SL]\d+ \| [^|]+) \|.*\| ([^|]+) \|$`).FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1]+" | "+row[2])
	}
	everything := trace.Header{}
	for _, i := range model.Invariants() {
		everything.Setup.Offers = append(everything.Setup.Offers, i.Needs...)
	}
	verdict := model.Check(everything, nil)
	for _, i := range model.Invariants() {
		needs := strings.Join(i.Needs, ", ")
		switch r, _ := verdict.Lookup(i.Name); {
		case r.Outcome == model.NotJudged && strings.HasPrefix(r.Reason, "this build"):
			needs = "not judged by this build"
		case needs == "":
			needs = "-"
		}
		judged = append(judged, i.Name+" | "+i.Title+" | "+needs)
	}
	require.Equal(t, judged, documented)
}
