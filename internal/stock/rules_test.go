package stock_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/internal/stock"
	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// Every example of the documentation compiles, is judged, and holds of our own system through a migration, a dead node and a crash.
func TestDocumentedRulesHold(t *testing.T) {
	text, err := os.ReadFile("../../docs/your-own-invariants.md")
	require.NoError(t, err)
	var whole, rules strings.Builder
	for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(block[1], "apiVersion:") {
			whole.WriteString(block[1])
			continue
		}
		for line := range strings.Lines(block[1]) {
			rules.WriteString("  " + line)
		}
	}
	s, err := scenarios.Parse("docs.yaml", strings.NewReader(whole.String()))
	require.NoError(t, err)
	held(t, sim.Run(t, stock.Builder, s, sim.Seed(1)))
	require.Len(t, s.Spec.Invariants, 3)

	stage, err := scenarios.Lookup("your-own-invariants")
	require.NoError(t, err)
	own := string(scenarios.Format(stage))
	own = own[:strings.Index(own, "  invariants:\n")] + "  invariants:\n" + rules.String()
	s, err = scenarios.Parse("docs.yaml", strings.NewReader(own))
	require.NoError(t, err)
	require.Len(t, s.Spec.Invariants, 6)
	for seed := range uint64(5) {
		r := sim.Run(t, stock.Builder, s, sim.Seed(seed))
		held(t, r)
		for _, i := range s.Spec.Invariants {
			got, ok := r.Verdict.Lookup(i.Name)
			require.True(t, ok)
			require.Equal(t, model.Held, got.Outcome, "%s: %s", i.Name, got.Reason)
		}
	}
}
