package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	"github.com/holdfast-sim/holdfast/sim/envelope"
	"github.com/holdfast-sim/holdfast/sim/report"
)

// border is what was found along one axis.
type border struct {
	Axis    string  `json:"axis"`
	Meaning string  `json:"meaning"`
	Points  []point `json:"points"` // in ascending order of value
}

// point is one value of a setting, and the first finding there.
type point struct {
	Value   string   `json:"value"`
	Held    bool     `json:"held"`
	Witness *witness `json:"witness,omitempty"`

	value time.Duration
}

// witness is a witness: what broke, where, and its files.
type witness struct {
	Scenario  string `json:"scenario"`
	Seed      uint64 `json:"seed"`
	Invariant string `json:"invariant"`
	Trace     string `json:"trace"`

	finding campaign.Finding
}

// surveyor looks for the borders.
type surveyor struct {
	*settings
	seedsEach int
	axes      []string
	picture   string

	scenarios []*scenarios.Scenario
	pool      *campaign.Pool
	findings  findings
	runs      int
}

// envelopeScenarios are those that are looked at if none is named: what time has to do with.
var envelopeScenarios = []string{"node-deleted", "node-same-name", "hand-off-within-grace", "live-migration", "mass-failure", "killed-then-pods-deleted", "stale-taint-cache"}

// newEnvelope makes the verb that looks for the borders within which all invariants hold.
func newEnvelope(known catalog) *cobra.Command {
	v := &surveyor{settings: &settings{known: known}, seedsEach: 3}
	c := &cobra.Command{
		Use:   "envelope [SCENARIO|FILE]...",
		Short: "Within which settings do all invariants hold? Grace period, lag of watches, interval, latency",
		Long: `Envelope runs scenarios with one setting after the other moved from small to large, the others as the scenario has them: the grace
period, how far watches lag behind, the time between passes, the time that calls take. Between a value that holds and one that does not it
halves the gap, until that is a tenth of the value. It tells the border, and leaves a scenario just outside as a witness in --out.

Without arguments it takes a few scenarios of the library. What holds for these under a few seeds may break for others.

` + exitCodes,
		Example: "  holdfast envelope\n  holdfast envelope node-deleted --axis grace --axis lag --system example-buggy\n  holdfast envelope --picture envelope.svg",
		RunE: func(c *cobra.Command, args []string) error {
			if err := v.resolve(c); err != nil {
				return err
			}
			if err := v.load(args, c); err != nil {
				return err
			}
			return v.survey(c)
		},
	}
	v.flags(c.Flags(), defaultSystem)
	c.Flags().IntVar(&v.workers, "workers", runtime.NumCPU(), "worker processes")
	c.Flags().IntVar(&v.seedsEach, "each", v.seedsEach, "seeds of each scenario at each value")
	c.Flags().StringVar(&v.picture, "picture", "", "file for a picture of it (SVG)")
	c.Flags().StringSliceVar(&v.axes, "axis", axisNames(), "settings to move; may be repeated")
	return c
}

func axisNames() (names []string) {
	for _, a := range envelope.Axes() {
		names = append(names, a.Name)
	}
	return names
}

func (v *surveyor) load(args []string, c *cobra.Command) error {
	if v.seedsEach < 1 {
		return usage("", "%s %d is less than 1", v.called("each"), v.seedsEach)
	}
	for _, name := range v.axes {
		if _, ok := axisCalled(name); !ok {
			return usage("it takes "+strings.Join(axisNames(), ", "), "--axis %q is unknown%s", name, didYouMean(name, axisNames(), ""))
		}
	}
	if len(args) == 0 {
		args = envelopeScenarios
	}
	for _, arg := range args {
		found, err := find(arg, c.InOrStdin())
		if err != nil {
			return err
		}
		for _, src := range found {
			s, err := scenarios.Parse(src.name, strings.NewReader(src.text))
			if err != nil {
				return err
			}
			v.scenarios = append(v.scenarios, s)
		}
	}
	return nil
}

func axisCalled(name string) (envelope.Axis, bool) {
	for _, a := range envelope.Axes() {
		if a.Name == name {
			return a, true
		}
	}
	return envelope.Axis{}, false
}

func (v *surveyor) survey(c *cobra.Command) error {
	command, err := workerCommand()
	if err != nil {
		return err
	}
	v.pool = campaign.NewPool(campaign.Config{Workers: v.workers, Command: command, Stall: v.stall, Judge: model.Check})
	defer v.pool.Close()
	v.findings = findings{dir: v.out}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var borders []border
	for _, name := range v.axes {
		a, _ := axisCalled(name)
		fmt.Fprintf(c.ErrOrStderr(), "moving the %s\n", a.Meaning)
		b, err := v.along(ctx, a)
		if ctx.Err() != nil {
			return exitWith(exitInterrupted)
		}
		if err != nil {
			return &failure{code: exitHarness, err: err}
		}
		borders = append(borders, b)
	}
	if err := v.draw(borders); err != nil {
		return &failure{code: exitUsage, err: err}
	}
	return v.tell(c, borders)
}

// draw writes the picture, if one was asked for.
func (v *surveyor) draw(borders []border) error {
	if v.picture == "" {
		return nil
	}
	var rows []envelope.Row
	for _, b := range borders {
		r := envelope.Row{Name: b.Axis, Meaning: b.Meaning}
		for _, p := range b.Points {
			x := envelope.Point{Value: p.value}
			if !p.Held {
				x.Breaks = p.Witness.Invariant
			}
			r.Points = append(r.Points, x)
		}
		rows = append(rows, r)
	}
	var picture bytes.Buffer
	if err := envelope.Draw(&picture, rows); err != nil {
		return fmt.Errorf("draw the envelope: %w", err)
	}
	if err := os.WriteFile(v.picture, picture.Bytes(), 0o666); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	return nil
}

// along looks at each value of an axis, and halves the gaps between those that hold and those that do not.
func (v *surveyor) along(ctx context.Context, a envelope.Axis) (border, error) {
	b := border{Axis: a.Name, Meaning: a.Meaning}
	for _, value := range a.Values {
		p, err := v.at(ctx, a, value)
		if err != nil {
			return b, err
		}
		b.Points = append(b.Points, p)
	}
	for i := 1; i < len(b.Points); i++ {
		middle, far := envelope.Halve(b.Points[i-1].value, b.Points[i].value)
		if b.Points[i-1].Held == b.Points[i].Held || !far {
			continue
		}
		p, err := v.at(ctx, a, middle)
		if err != nil {
			return b, err
		}
		b.Points = append(b.Points[:i], append([]point{p}, b.Points[i:]...)...)
		i-- // the gap before it is the next to be looked at
	}
	return b, v.keep(&b)
}

// at runs all scenarios at one value.
func (v *surveyor) at(ctx context.Context, a envelope.Axis, value time.Duration) (point, error) {
	p := point{Value: value.String(), Held: true, value: value}
	var jobs []campaign.Job
	for _, s := range v.scenarios {
		text := string(scenarios.Format(a.At(s, value)))
		for seed := range v.seedsEach {
			jobs = append(jobs, campaign.Job{System: v.system, Scenario: s.Metadata.Name, Source: text, Seed: uint64(seed + 1)})
		}
	}
	found, err := v.pool.Do(ctx, jobs)
	if err != nil {
		return p, err
	}
	v.runs += len(found)
	for _, f := range found {
		if f.Run.Outcome.Finding() {
			p.Held, p.Witness = false, &witness{Scenario: f.Run.Scenario, Seed: f.Run.Seed, Invariant: whatBroke(f.Run), finding: f}
			break
		}
	}
	return p, nil
}

// whatBroke is the first invariant that a run violated, or how else it ended.
func whatBroke(r report.Run) string {
	if first := r.First(); first.Invariant != "" {
		return first.Invariant
	}
	return string(r.Outcome)
}

// keep saves the witnesses next to a border.
func (v *surveyor) keep(b *border) error {
	for i, p := range b.Points {
		near := i > 0 && b.Points[i-1].Held || i+1 < len(b.Points) && b.Points[i+1].Held
		if p.Held || !near {
			continue
		}
		r := p.Witness.finding.Run
		if err := v.findings.save(&r, p.Witness.finding.Tape); err != nil {
			return err
		}
		p.Witness.Trace = r.Trace
	}
	return nil
}

func (v *surveyor) tell(c *cobra.Command, borders []border) error {
	found := false
	for _, b := range borders {
		for _, p := range b.Points {
			found = found || !p.Held
		}
	}
	if v.output == "json" {
		if err := writeJSON(c.OutOrStdout(), map[string]any{
			"apiVersion": "holdfast.dev/v1alpha1", "kind": "Envelope", "system": v.system, "runs": v.runs, "axes": borders,
		}); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	} else if err := v.text(c, borders); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if found {
		return exitWith(exitFound)
	}
	return nil
}

// text draws each axis as a row of marks, and names the witnesses below.
func (v *surveyor) text(c *cobra.Command, borders []border) error {
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
	var witnesses []string
	for _, b := range borders {
		values, marks := b.Axis, ""
		for _, p := range b.Points {
			mark := "."
			if !p.Held {
				mark = p.Witness.Invariant
				if p.Witness.Trace != "" {
					witnesses = append(witnesses, fmt.Sprintf("%s %s: %s in %s, seed %d: %s", b.Axis, p.Value, p.Witness.Invariant, p.Witness.Scenario, p.Witness.Seed, replayLine(p.Witness.Trace)))
				}
			}
			values, marks = values+"\t"+p.Value, marks+"\t"+mark
		}
		fmt.Fprintf(t, "%s\n%s\n", values, marks)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	out := c.OutOrStdout()
	fmt.Fprintf(out, "\n. all invariants hold, in %d scenarios under %d seeds each; else the first that breaks. %d runs.\n", len(v.scenarios), v.seedsEach, v.runs)
	if len(witnesses) == 0 {
		fmt.Fprintln(out, "no border found within these values")
		return nil
	}
	fmt.Fprintf(out, "just outside:\n  %s\n", strings.Join(witnesses, "\n  "))
	return nil
}
