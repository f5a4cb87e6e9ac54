package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	"github.com/holdfast-sim/holdfast/sim/explore"
	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/shrink"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// exploration is what the verb was told, and how far it has come.
type exploration struct {
	*settings
	volumes, nodes int
	scope          explore.Scope
	effects        []string
	runs           int
	checkpoint     string

	scenario *scenarios.Scenario
	text     string // the scenario's
	search   *explore.Search
	batch    int         // batches of jobs so far
	first    *report.Run // the first finding
	begun    time.Time
	wall     time.Duration
}

// checkpointed is what a checkpoint file holds.
type checkpointed struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	System     string          `json:"system"`
	Scenario   string          `json:"scenario"`
	Effects    []string        `json:"effects"`
	Search     *explore.Search `json:"search"`
}

// newExplore makes the verb that visits every way.
func newExplore(known catalog) *cobra.Command {
	x := &exploration{settings: &settings{known: known}}
	c := &cobra.Command{
		Use:   "explore [SCENARIO|FILE]",
		Short: "Visit every order of steps and every placement of faults of a small scenario",
		Long: `Explore runs a small scenario once for each way in which its last instant can go: every order of the steps of operations, sidecars
and the reconciler, and every placement of up to --faults faults among their calls. Orders that differ only in steps about different
volumes are visited once, and what shows the same state is gone on from once: the objects, what the backend has granted, what the system
believes, what each operation has asked and been told. Watches are never late here, retries come in order, and what precedes the last instant does too: for these
there are the other strategies of run.

Without a scenario, each of --volumes disks is wanted by a node of its own in one instant, and the first one by the rest of --nodes too.
It ends with the first finding, or says that it is complete, or how far it came.

` + exitCodes,
		Example: "  holdfast explore\n  holdfast explore --volumes 3 --nodes 4 --faults 2 --checkpoint explore.json\n  holdfast explore --preemptions 2 two-leaders-one-instant",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := x.resolve(c); err != nil {
				return err
			}
			if err := x.load(args, c); err != nil {
				return err
			}
			return x.run(c)
		},
	}
	x.flags(c.Flags(), defaultSystem)
	c.Flags().IntVar(&x.volumes, "volumes", 2, "disks of the small scenario")
	c.Flags().IntVar(&x.nodes, "nodes", 3, "nodes of the small scenario")
	c.Flags().IntVar(&x.scope.Faults, "faults", 2, "most faults in one run")
	c.Flags().IntVar(&x.scope.Preemptions, "preemptions", -1, "most steps at which an actor that could go on is interrupted; negative is without bound")
	c.Flags().StringSliceVar(&x.effects, "effects", []string{string(fault.ReplyLost), string(fault.CrashAfter)}, "what may become of a call")
	c.Flags().IntVar(&x.runs, "budget", 0, "most runs to make; 0 is without bound")
	c.Flags().StringVar(&x.checkpoint, "checkpoint", "", "file that keeps how far it came, from which it goes on")
	c.Flags().IntVar(&x.workers, "workers", runtime.NumCPU(), "worker processes")
	return c
}

// load makes the scenario, and takes up what a checkpoint has kept.
func (x *exploration) load(args []string, c *cobra.Command) error {
	switch {
	case x.volumes < 1 || x.nodes < 2:
		return usage("", "%s %d and %s %d: at least one volume and two nodes", x.called("volumes"), x.volumes, x.called("nodes"), x.nodes)
	case x.scope.Faults < 0 || x.runs < 0:
		return usage("", "%s and %s are not negative", x.called("faults"), x.called("budget"))
	}
	for _, e := range x.effects {
		if !slices.Contains(fault.Effects(), fault.Effect(e)) {
			return usage("", "%s: there is no effect %q", x.called("effects"), e)
		}
	}
	var err error
	if len(args) == 1 {
		x.scenario, err = theScenario(args[0], c.InOrStdin())
	} else {
		name, text := contest(x.volumes, x.nodes)
		x.scenario, err = scenarios.Parse(name, strings.NewReader(text))
	}
	if err != nil {
		return err
	}
	x.text = string(scenarios.Format(x.scenario))
	x.search = explore.NewSearch(x.scope)
	return x.takeUp()
}

// contest is the text of the small scenario: in one instant each volume is wanted by a node of its own, and the first one by all the
// nodes that are left, too.
func contest(volumes, nodes int) (name, text string) {
	name = fmt.Sprintf("contest-of-%d-nodes-for-%d-volumes", nodes, volumes)
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: holdfast.dev/v1alpha1\nkind: Scenario\nmetadata: {name: %s}\nspec:\n", name)
	fmt.Fprintf(&b, "  nodes: %d\n  latency: {min: 0s, max: 0s}\n  deliver: {min: 0s, max: 0s}\n  volumes:\n", nodes)
	for v := range volumes {
		fmt.Fprintf(&b, "  - {name: disk-%d, accessMode: ReadWriteOnce}\n", v+1)
	}
	fmt.Fprintf(&b, "  timeline:\n")
	for n := range nodes {
		v := n
		if n >= volumes {
			v = 0
		}
		fmt.Fprintf(&b, "  - {at: 10s, publish: {volume: disk-%d, node: node-%d}}\n", v+1, n+1)
	}
	for v := nodes; v < volumes; v++ {
		fmt.Fprintf(&b, "  - {at: 10s, publish: {volume: disk-%d, node: node-%d}}\n", v+1, v%nodes+1)
	}
	return name, b.String()
}

// takeUp goes on from the checkpoint, if there is one.
func (x *exploration) takeUp() error {
	if x.checkpoint == "" {
		return nil
	}
	text, err := os.ReadFile(x.checkpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usage("", "%w", err)
	}
	var c checkpointed
	if err := json.Unmarshal(text, &c); err != nil || c.Kind != "Exploration" {
		return usage("", "%s is no checkpoint of an exploration", x.checkpoint)
	}
	mine := x.kept()
	if c.System != mine.System || c.Scenario != mine.Scenario || !slices.Equal(c.Effects, mine.Effects) || c.Search.Scope != mine.Search.Scope {
		return usage("name another file, or remove it", "%s is of another exploration: another scenario, system, scope or effects", x.checkpoint)
	}
	x.search = c.Search
	return nil
}

func (x *exploration) kept() checkpointed {
	return checkpointed{"holdfast.dev/v1alpha1", "Exploration", x.system, x.text, x.effects, x.search}
}

// keep writes the checkpoint, as a whole or not at all.
func (x *exploration) keep() error {
	if x.checkpoint == "" {
		return nil
	}
	text, err := json.Marshal(x.kept())
	if err != nil {
		return err
	}
	if err := os.WriteFile(x.checkpoint+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(x.checkpoint+".new", x.checkpoint)
}

func (x *exploration) run(c *cobra.Command) error {
	m, err := newMinimizer(x.settings, shrinkBudget)
	if err != nil {
		return err
	}
	defer m.pool.Close()
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	x.begun = time.Now()
	err = x.visit(ctx, m, newProgress(c.ErrOrStderr(), 0))
	x.wall = time.Since(x.begun)
	if err != nil && ctx.Err() == nil {
		return &failure{code: exitHarness, err: err}
	}
	if err := errors.Join(x.keep(), x.tell(c)); err != nil {
		return &failure{code: exitUsage, err: err}
	}
	switch {
	case x.first != nil:
		return exitWith(exitFound)
	case ctx.Err() != nil:
		return exitWith(exitInterrupted)
	case len(x.search.Left) > 0:
		return exitWith(exitIncomplete)
	}
	return nil
}

// batch is how many runs are made before their branches are learned of. It does not hang on the number of workers, so that the numbers
// of the report do not either.
const batch = 32

// visit goes every way, until there is none left, one breaks something, or the budget is used up.
func (x *exploration) visit(ctx context.Context, m *minimizer, p *progress) error {
	defer p.end()
	saved := time.Now()
	for x.first == nil && (x.runs == 0 || x.search.Runs < x.runs) {
		items := x.search.Next(batch)
		if len(items) == 0 {
			return nil
		}
		jobs, fresh := make([]campaign.Job, len(items)), x.search.Fresh()
		x.batch++
		for i, item := range items {
			jobs[i] = x.job(item, fresh)
		}
		found, err := m.pool.Do(ctx, jobs)
		if err != nil {
			x.search.Left = append(x.search.Left, items...)
			return err
		}
		for i := range found {
			if err := x.learn(ctx, m, items[i], &found[i]); err != nil {
				return err
			}
			p.add(x.first == &found[i].Run, nil)
		}
		p.expect(x.search.Runs + len(x.search.Left))
		if time.Since(saved) > 10*time.Second {
			saved = time.Now()
			if err := x.keep(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *exploration) job(item explore.Item, fresh []explore.Mark) campaign.Job {
	e := &campaign.Exploration{Scope: x.scope, Item: item, Batch: x.batch, Fresh: fresh}
	for _, effect := range x.effects {
		e.Effects = append(e.Effects, fault.Effect(effect))
	}
	return campaign.Job{
		System: x.system, Scenario: x.scenario.Metadata.Name, Source: x.text, Seed: defaultSeed,
		Strategy: "explore", Turns: true, Explore: e,
	}
}

// learn takes over what came of one way.
func (x *exploration) learn(ctx context.Context, m *minimizer, item explore.Item, f *campaign.Finding) error {
	switch v := f.Run.Visit; {
	case f.Run.Fault:
		return errors.New(f.Run.Message)
	case v == nil: // the worker did not survive it: what lies behind is not known
		x.search.Learn(item, explore.Visit{})
	case v.Lost != "":
		return fmt.Errorf("the scenario does not depend on its choices alone: %q never came, on the path %q", v.Lost, item.Path)
	default:
		x.search.Learn(item, *v) // what it broke before it was cut is a finding like others
	}
	if x.first != nil || !f.Run.Outcome.Finding() {
		return nil
	}
	x.first = &f.Run
	return x.save(ctx, m, f)
}

// save keeps a finding, and what it is made small to.
func (x *exploration) save(ctx context.Context, m *minimizer, f *campaign.Finding) error {
	kept := findings{dir: x.out}
	if err := kept.save(x.first, f.Tape); err != nil {
		return err
	}
	breaks := target(*x.first)
	if breaks == "" {
		return nil
	}
	_, events, err := trace.Read(x.first.Trace, bytes.NewReader(f.Tape))
	if err != nil {
		return err
	}
	s := *x.scenario
	s.Spec.Resolved = &scenarios.Resolved{Seed: defaultSeed, Strategy: "in-order", System: x.system, Breaks: breaks}
	s.Spec.Turns = x.first.Turns
	s.Spec.Faults = append(slices.Clone(s.Spec.Faults), shrink.Hits(events)...)
	least, err := m.minimize(ctx, &s)
	if err != nil {
		return err
	}
	x.first.Minimal, err = least.save(strings.TrimSuffix(x.first.Trace, ".trace"))
	return err
}

// tell writes the report.
func (x *exploration) tell(c *cobra.Command) error {
	out, s := c.OutOrStdout(), x.search
	if x.output == "json" {
		d := map[string]any{
			"apiVersion": "holdfast.dev/v1alpha1", "kind": "Exploration", "scenario": x.scenario.Metadata.Name, "scope": s.Scope, "effects": x.effects,
			"runs": s.Runs, "cut": s.Cut, "met": s.Met, "states": s.Branches, "taken": s.Taken, "skipped": s.Skipped, "left": len(s.Left),
			"complete": x.first == nil && len(s.Left) == 0, "seconds": x.wall.Seconds(),
		}
		if x.first != nil {
			var sum report.Summary
			sum.Add(*x.first)
			d["results"] = report.NewDocument(&sum, []report.Run{*x.first}).Results
		}
		return writeJSON(out, d)
	}
	if x.first != nil {
		if err := report.Failure(out, *x.first); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		fmt.Fprintln(out)
	}
	spec := x.scenario.Defaults().Spec
	fmt.Fprintf(out, "scenario   %s: %d volumes, %d nodes\n", x.scenario.Metadata.Name, len(spec.Volumes), len(spec.Nodes))
	fmt.Fprintf(out, "scope      up to %d faults (%s), %s\n", s.Scope.Faults, strings.Join(x.effects, ", "), bound(s.Scope.Preemptions))
	fmt.Fprintf(out, "runs       %d, of which %d came to a state that was visited before, and %d to steps that another order stands for\n", s.Runs, s.Met, s.Cut-s.Met)
	fmt.Fprintf(out, "states     %d with a choice; %d options taken, %d left out as equivalent\n", s.Branches, s.Taken, s.Skipped)
	fmt.Fprintf(out, "time       %.1fs\n", x.wall.Seconds())
	switch {
	case x.first != nil:
		fmt.Fprintf(out, "\nfound something; at least %d ways are left\n", len(s.Left))
	case len(s.Left) > 0:
		fmt.Fprintf(out, "\nincomplete: at least %d ways are left\n", len(s.Left))
	default:
		fmt.Fprintln(out, "\ncomplete: every way within the scope was visited, and every invariant held")
	}
	return nil
}

func bound(preemptions int) string {
	if preemptions < 0 {
		return "any number of preemptions"
	}
	return fmt.Sprintf("up to %d preemptions", preemptions)
}
