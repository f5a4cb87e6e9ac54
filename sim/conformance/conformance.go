// Package conformance asks of any CSI driver's controller service what csi-sanity does not: a second node while a volume is published,
// nodes that nobody knows, calls that overlap, callers that leave, nodes that are deleted, and a restart of the driver's process.
//
//	func TestConformance(t *testing.T) { conformance.Test(t, build) }
//
//	func build(env sim.Env) (csi.ControllerServer, error) { return mydriver.New(env.Client, env.Backend), nil }
//
// Each case runs in a simulated cluster of three nodes, in virtual time, and calls the server as external-attacher does: transient errors
// (Unavailable, Aborted, DeadlineExceeded, Canceled) are tried again for five minutes. What is expected is what the CSI specification (v1.13,
// ControllerPublishVolume and ControllerUnpublishVolume) says, and that the storage backend lets those nodes write that were told so, and
// no others. A case that is not meant for a driver is left out with Skip, and says why.
package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim"
)

// Option changes what Test asks.
type Option func(*suite)

// Skip leaves a case out. The reason is in the test's output.
func Skip(name, reason string) Option { return func(s *suite) { s.skip[name] = reason } }

type suite struct {
	build func(sim.Env) (csi.ControllerServer, error)
	skip  map[string]string
}

// Test asks all cases, a subtest each. Do not run tests in parallel with it.
func Test(t *testing.T, build func(sim.Env) (csi.ControllerServer, error), options ...Option) {
	t.Helper()
	s := &suite{build: build, skip: make(map[string]string)}
	for _, o := range options {
		o(s)
	}
	for name := range s.skip {
		if !slices.Contains(Names(), name) {
			t.Fatalf("conformance has no case %q; it has: %s", name, strings.Join(Names(), ", "))
		}
	}
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			if why, ok := s.skip[c.name]; ok {
				t.Skip(why)
			}
			for _, wrong := range s.ask(t, c) {
				t.Errorf("%s", wrong)
			}
		})
	}
}

// Broken asks all cases and returns the names of those that fail, for a test of the suite itself.
func Broken(t *testing.T, build func(sim.Env) (csi.ControllerServer, error)) (names []string) {
	t.Helper()
	s := &suite{build: build}
	for _, c := range cases() {
		if len(s.ask(t, c)) > 0 {
			names = append(names, c.name)
		}
	}
	return names
}

// Names are those of all cases.
func Names() (names []string) {
	for _, c := range cases() {
		names = append(names, c.name)
	}
	return names
}

// check is one case.
type check struct {
	name     string
	timeline string       // what happens in the cluster meanwhile
	do       func(*stage) // asks
}

const world = `
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: conformance}
spec:
  nodes: [{name: node-1, id: id-1}, {name: node-2, id: id-2}, {name: node-3, id: id-3}]
  volumes:
  - {name: disk, accessMode: ReadWriteOnce}
  - {name: shared, accessMode: ReadWriteMany}
  - {name: image, accessMode: ReadOnlyMany}
  latency: {min: 10ms, max: 10ms}
  timeline:
  - {at: 1h, trigger: {}}
`

// ask runs one case and returns what was not as it should be.
func (s *suite) ask(t *testing.T, c check) []string {
	t.Helper()
	scenario, err := scenarios.Parse(c.name, strings.NewReader(world+c.timeline))
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{build: s.build}
	r := sim.Run(t, func(env sim.Env) (sim.System, error) { return &actor{st, env, c}, nil }, scenario, sim.Seed(1))
	if r.Outcome == sim.Crashed || r.Outcome == sim.Stalled {
		st.wrong = append(st.wrong, fmt.Sprintf("the driver has %s: %s", r.Outcome, r.Message))
	}
	if !st.done {
		st.wrong = append(st.wrong, "the case did not come to its end within an hour")
	}
	return st.wrong
}

// actor is the process: it builds the driver and, once it leads, does what the case asks. The cluster's own sidecar has nothing to do.
type actor struct {
	*stage
	env sim.Env
	c   check
}

func (a *actor) Publish(context.Context, sim.PublishRequest) error { return nil }
func (a *actor) Unpublish(context.Context, string, string) error   { return nil }

// Run does what the case asks.
func (a *actor) Run(ctx context.Context) error {
	var drivers sync.WaitGroup
	defer drivers.Wait()
	st := a.stage
	st.ctx, st.env, st.drivers = ctx, a.env, &drivers
	st.array = &array{Backend: a.env.Backend, granted: make(map[string]map[string]bool)}
	st.env.Backend = st.array
	if st.start() {
		a.c.do(st)
		st.stop()
	}
	st.done = ctx.Err() == nil
	<-ctx.Done()
	return nil
}
