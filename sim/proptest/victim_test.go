package proptest_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/examples/buggy"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
	"github.com/holdfast-sim/holdfast/sim/proptest"
)

// victim is set in the processes that the tests start to see Check fail.
const victim = "PROPTEST_VICTIM"

func TestVictimBuggy(t *testing.T) {
	if os.Getenv(victim) == "" {
		t.Skip("meant to fail: other tests run it in a process of its own")
	}
	proptest.Check(t, buggy.New)
}

func TestVictimHasty(t *testing.T) {
	if os.Getenv(victim) == "" {
		t.Skip("meant to fail: other tests run it in a process of its own")
	}
	s, err := scenarios.Parse("busy.yaml", strings.NewReader(busy))
	require.NoError(t, err)
	proptest.Check(t, newHasty, proptest.Of(s), proptest.Only("S2"))
}

// fail runs a victim in a folder, which must fail, and returns what it printed.
func fail(t *testing.T, folder, name string, flags ...string) string {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary, append([]string{"-test.run=^" + name + "$"}, flags...)...)
	cmd.Dir = folder
	ours := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "RAPID_") })
	cmd.Env = append(ours, victim+"=1", "RAPID_SHRINKTIME=10m") // a shrink that is cut short ends anywhere
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "%s", out)
	require.Contains(t, string(out), "--- FAIL: "+name, "%s", out)
	return string(out)
}

// hasty goes wrong only if three things meet: two nodes want a volume, a read fails, and the other one's read is answered
// between that and the write that should have come first.
type hasty struct {
	env sim.Env
	mu  sync.Mutex
	has map[string]string
}

func newHasty(env sim.Env) (sim.System, error) {
	return &hasty{env: env, has: make(map[string]string)}, nil
}

type refusal string

func (r refusal) Error() string { return string(r) }
func (r refusal) Code() string  { return string(r) }

func (d *hasty) Publish(ctx context.Context, r sim.PublishRequest) error {
	if other := d.holder(r.Volume); other != "" && other != r.NodeID {
		return refusal("FailedPrecondition")
	}
	if d.look(ctx) == nil && !d.take(r.Volume, r.NodeID) { // nobody looks again after an error
		return refusal("FailedPrecondition")
	}
	d.take(r.Volume, r.NodeID)
	return d.env.Backend.Grant(ctx, r.Volume, r.NodeID, 0, false)
}

func (d *hasty) look(ctx context.Context) error {
	_, err := d.env.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	return err
}

func (d *hasty) holder(volume string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.has[volume]
}

func (d *hasty) take(volume, node string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.has[volume] == "" {
		d.has[volume] = node
	}
	return d.has[volume] == node
}

func (d *hasty) Unpublish(ctx context.Context, volume, node string) error {
	if err := d.env.Backend.Revoke(ctx, volume, node, 0); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if node == "" || d.has[volume] == node {
		delete(d.has, volume)
	}
	return nil
}

func (d *hasty) Run(ctx context.Context) error { <-ctx.Done(); return nil }

const busy = `
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: busy}
spec:
  nodes: 4
  volumes: [{name: a, accessMode: ReadWriteOnce}, {name: b, accessMode: ReadWriteOnce}]
  timeline:
  - {at: 1s, publish: {volume: b, node: node-1}}
  - {at: 5s, publish: {volume: a, node: node-1}}
  - {at: 5s, publish: {volume: a, node: node-2}}
  - {at: 6s, lag: {resource: nodes, for: 5s}}
  - {at: 7s, setReady: {node: node-3, ready: false}}
  - {at: 20s, trigger: {}}
  - {at: 30s, unpublish: {volume: b, node: node-1}}
  - {at: 35s, publish: {volume: b, node: node-4}}
  faults:
  - {on: {verb: get, resource: nodes}, effect: error, chance: 0.1}
  - {on: {verb: list, resource: nodes}, effect: throttled, chance: 0.1}
  - {on: {verb: revoke}, effect: timeout, chance: 0.1}
`
