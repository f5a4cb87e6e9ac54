package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/scenarios/incident"
	"github.com/holdfast-sim/holdfast/sim/campaign"
	"github.com/holdfast-sim/holdfast/sim/report"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// newRun makes the verb that searches.
func newRun(known catalog) *cobra.Command {
	s := &settings{known: known}
	c := &cobra.Command{
		Use:   "run [SCENARIO|FILE|DIR|RECORDING|-]...",
		Short: "Run scenarios, recordings and chaos, and judge every run",
		Long: `Run runs scenarios under seeds, each in a simulated cluster with virtual time, and judges what it saw.

Without arguments it runs every scenario of the library once, and 200 seeds of chaos; with --seed or --seeds alone, the chaos
of those seeds. An argument is a name or a pattern of the library (see holdfast list), a scenario file, a recording (the audit
log of an API server, plain or .gz), a directory of such files, or - for stdin. What a file holds is seen from its content.

The report goes to stdout, progress to stderr. Each finding leaves a trace and a text in --out. Each flag can be set in the
environment: HOLDFAST_SEEDS=1-500 is --seeds 1-500; a flag goes before a variable.

go run turns every exit code but 0 into 1; for the codes below build the program, or install it.

` + exitCodes,
		Example: "  holdfast run --seeds 1-2000 -o json\n  holdfast run node-deleted cluster.audit.log --seed 0x2a",
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.resolve(c); err != nil {
				return err
			}
			if err := s.writable(); err != nil {
				return err
			}
			chosen, err := choose(args, s, c.InOrStdin())
			if err != nil {
				return err
			}
			buried := &graveyard{dir: s.graveyard}
			first, err := buried.sources(s.system)
			if err != nil {
				return err
			}
			if chosen = chosen.exhume(first); chosen.known(s) != nil {
				return chosen.known(s)
			}
			return search(c, chosen, s, buried)
		},
	}
	s.flags(c.Flags(), defaultSystem)
	s.campaignFlags(c.Flags())
	return c
}

// search runs a campaign and reports.
func search(c *cobra.Command, chosen selection, s *settings, buried *graveyard) error {
	command, err := workerCommand()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	total := chosen.count()
	m, err := newMinimizer(s, shrinkBudget)
	if err != nil {
		return err
	}
	defer m.pool.Close()
	k := &collector{
		ctx: ctx, minimizer: m, graveyard: buried,

		settings: s, chosen: chosen, out: c.OutOrStdout(), errs: c.ErrOrStderr(), total: total,
		findings: findings{dir: s.out}, progress: newProgress(c.ErrOrStderr(), total), text: s.output == "text",
	}
	for _, warning := range chosen.warnings() {
		fmt.Fprintln(k.errs, "warning:", warning)
	}
	begun := time.Now()
	err = k.rounds(func(r round) error {
		return campaign.Run(ctx, campaign.Config{
			Workers: s.workers, Command: command, Stall: s.stall, FailFast: s.failFast, Judge: model.Check,
			Each: func(f campaign.Finding) { f.Index += r.from; k.each(f) },
		}, r.to-r.from, func(i int) campaign.Job { return chosen.job(r.from+i, r.aim, s) })
	})
	k.summary.Wall = time.Since(begun)
	k.progress.end()
	if err != nil && !errors.Is(err, context.Canceled) {
		return &failure{code: exitHarness, err: err}
	}
	return k.end(err != nil)
}

// blocksMax bounds the findings that are told in full on the terminal; the others are in --out and in the counts.
const blocksMax = 10

// collector takes the runs of a campaign in order and makes the report.
type collector struct {
	ctx       context.Context
	minimizer *minimizer
	graveyard *graveyard
	shrunk    int
	settings  *settings
	chosen    selection
	out, errs io.Writer
	text      bool
	total     int
	findings  findings
	progress  *progress
	summary   report.Summary
	listed    []report.Run
	blocks    int
	warned    bool
}

// each takes one run.
func (k *collector) each(f campaign.Finding) {
	r := f.Run
	src, _ := k.chosen.at(f.Index)
	r.Again = again(src, r.Seed, f.Job.Aim, k.settings)
	if r.Outcome.Finding() {
		if err := k.findings.save(&r, f.Tape); err != nil && !k.warned {
			k.warned = true
			fmt.Fprintln(k.errs, "warning:", err)
		}
		if src.resolved == nil {
			k.shrink(&r, f.Tape)
		}
	}
	if src.buried {
		k.graveyard.add(src, r)
	}
	if f.Job.KeepTape {
		observe(src.account, f.Tape)
	}
	k.summary.Add(r)
	listing := report.Listing(k.settings.results)
	if !k.text && listing.Lists(r) {
		r.Story, r.Last = nil, nil // they are in the files
		k.listed = append(k.listed, r)
	}
	var say func()
	if k.text && listing.Lists(r) {
		say = func() { k.block(r) }
	}
	k.progress.add(r.Outcome.Finding(), say)
}

// shrink makes one of the first findings small.
func (k *collector) shrink(r *report.Run, tape []byte) {
	if r.Trace == "" || k.shrunk >= k.settings.shrink || target(*r) == "" {
		return
	}
	k.shrunk++
	least, err := k.minimizer.beside(k.ctx, r, tape)
	if err == nil {
		err = k.graveyard.bury(least)
	}
	if err != nil && k.ctx.Err() == nil {
		fmt.Fprintf(k.errs, "warning: %s stays as large as it is: %v\n", r.Trace, err)
	}
}

// observe shows a recording's account what our run made of the same wishes. Of several seeds it sees the first.
func observe(a *incident.Account, tape []byte) {
	_, events, err := trace.Read("tape", bytes.NewReader(tape))
	if err != nil {
		return // cut short by a crash; the account then lacks our side
	}
	for _, e := range events {
		a.Observe(e)
	}
}

// block tells one run in text.
func (k *collector) block(r report.Run) {
	if r.Outcome == report.Held {
		fmt.Fprintf(k.out, "held %s seed=%#x steps=%d hash=%.12s\n", r.Scenario, r.Seed, r.Steps, r.TraceHash)
		return
	}
	k.blocks++
	if k.blocks <= blocksMax {
		_ = report.Failure(k.out, r)
		fmt.Fprintln(k.out)
	}
}

// end writes the report and returns the exit code as an error.
func (k *collector) end(interrupted bool) error {
	code := k.code(interrupted)
	if !k.text {
		d := report.NewDocument(&k.summary, k.listed)
		d.Planned, d.Interrupted, d.Graveyard = k.total, interrupted, k.graveyard.document()
		k.account(&d)
		if code != exitHeld {
			d.Settings = k.settings.effective
		}
		if err := d.Write(k.out); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return exitWith(code)
	}
	if k.blocks > blocksMax {
		fmt.Fprintf(k.out, "and %d more; %s has the first %d\n\n", k.blocks-blocksMax, k.settings.out, k.findings.saved)
	}
	for _, src := range k.chosen.recordings() {
		if err := src.account.WriteText(k.out); err != nil {
			return fmt.Errorf("write the account: %w", err)
		}
		fmt.Fprintln(k.out)
	}
	k.graveyard.tell(k.out)
	if err := k.table(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if never := k.summary.States.Unreached(); k.settings.selfCheck && len(never) > 0 {
		fmt.Fprintf(k.out, "SELF-CHECK  no run reached %s\n", strings.Join(never, ", "))
	}
	if interrupted {
		fmt.Fprintf(k.out, "interrupted after %d of %d runs\n", k.summary.Runs, k.total)
	}
	if code != exitHeld {
		fmt.Fprintln(k.out, k.settings)
	}
	return exitWith(code)
}

// table writes what the campaign comes to.
func (k *collector) table() error {
	if k.settings.coverage {
		if err := report.Marks(k.out, &k.summary); err != nil {
			return err
		}
	}
	return report.Table(k.out, &k.summary, k.settings.coverage)
}

// account puts what was made of recordings into the document: one account, or several by the recordings' names.
func (k *collector) account(d *report.Document) {
	recordings := k.chosen.recordings()
	if len(recordings) == 1 {
		d.Account = recordings[0].account
		return
	}
	for _, src := range recordings {
		if d.Accounts == nil {
			d.Accounts = make(map[string]any)
		}
		d.Accounts[src.arg] = src.account
	}
}

func (k *collector) code(interrupted bool) int {
	switch {
	case interrupted:
		return exitInterrupted
	case k.summary.Faults > 0:
		return exitHarness
	case k.summary.Findings() > 0:
		return exitFound
	case k.summary.Outcomes[report.Inconclusive] > 0, len(k.chosen.warnings()) > 0, k.settings.selfCheck && len(k.summary.States.Unreached()) > 0:
		return exitIncomplete
	case k.summary.Runs == 0:
		return exitNothing
	}
	return exitHeld
}
