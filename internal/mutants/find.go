package mutants

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"text/tabwriter"
	"time"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/campaign"
)

// Hunt says how long strategies look for each mutant.
type Hunt struct {
	Campaign
	// Strategies are those that are compared.
	Strategies []string
	// Worker makes the command that starts a program as a worker of package campaign, and Job one run of chaos.
	Worker func(program string) *exec.Cmd
	Job    func(strategy string, seed uint64) campaign.Job
	// Samples is how many times each looks for each mutant, each time from another seed on.
	Samples int
}

// Found is what a strategy needs to find a mutant.
type Found struct {
	// CPU is the median of the processor time from the start of a worker to its first finding, in seconds; +Inf if in half of the
	// samples there was none.
	CPU float64
	// Runs is the median of the runs.
	Runs float64
	// Missed is in how many samples nothing was found. Once that is more than half of them the median is known, and no more are taken.
	Missed int
}

// Hunted is what came of one mutant.
type Hunted struct {
	Patch
	By  map[string]Found
	Err error
}

// Best is the strategy that finds it soonest, and how soon.
func (h Hunted) Best(strategies []string) (name string, cpu float64) {
	cpu = math.Inf(1)
	for _, s := range strategies {
		if f, ok := h.By[s]; ok && f.CPU < cpu {
			name, cpu = s, f.CPU
		}
	}
	return name, cpu
}

// Run looks for all mutants. Raced ones are left out: under the detector time means something else.
func (h Hunt) Run(ctx context.Context, product []Patch) []Hunted {
	var all []Hunted
	for _, p := range product {
		if !p.Race {
			all = append(all, Hunted{Patch: p, By: make(map[string]Found)})
		}
	}
	rows := make([]Row, len(all))
	jobs := make([]job, len(all))
	for i := range all {
		rows[i].Patch = all[i].Patch
		jobs[i] = job{&rows[i], func(ctx context.Context, dir string, row *Row) { row.Err = h.hunt(ctx, dir, &all[i]) }}
	}
	h.do(ctx, jobs)
	for i := range all {
		all[i].Err = rows[i].Err
	}
	return all
}

func (h Hunt) hunt(ctx context.Context, dir string, x *Hunted) error {
	program, err := h.build(ctx, dir, &x.Patch, false)
	if err != nil {
		return err
	}
	for _, strategy := range h.Strategies {
		var f Found
		var cpu, runs []float64
		for i := range h.Samples {
			found, after, spent, err := h.sample(ctx, program, strategy, uint64(1+i*h.Seeds))
			if err != nil {
				return err
			}
			took := spent.Seconds()
			if !found {
				f.Missed++
				took = math.Inf(1)
			}
			cpu, runs = append(cpu, took), append(runs, float64(after))
			if 2*f.Missed > h.Samples {
				break
			}
		}
		f.CPU, f.Runs = median(cpu), median(runs)
		x.By[strategy] = f
	}
	return nil
}

// sample looks once, with the seeds from the given one on, in a worker that is new.
func (h Hunt) sample(ctx context.Context, program, strategy string, from uint64) (found bool, runs int, spent time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it has not ended within %v", limit))
	defer cancel()
	var fault error // of the harness
	err = campaign.Run(ctx, campaign.Config{
		Workers: 1, FailFast: true, Judge: model.Check,
		Command: func() *exec.Cmd {
			cmd := h.Worker(program)
			cmd.Env = without(cmd.Environ(), "HOLDFAST_")
			return cmd
		},
		Each: func(f campaign.Finding) {
			runs++
			found = found || f.Run.Outcome.Finding()
			if f.Run.Fault {
				fault = fmt.Errorf("seed %#x: %s", f.Run.Seed, firstLine(f.Run.Message))
			}
		},
		Ended: func(p *os.ProcessState) { spent += p.UserTime() + p.SystemTime() },
	}, h.Seeds, func(i int) campaign.Job { return h.Job(strategy, from+uint64(i)) })
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return found, runs, spent, errors.Join(err, fault)
}

// WriteHunt writes a row for each mutant and a column for each strategy, and the medians.
func (h Hunt) WriteHunt(w io.Writer, all []Hunted) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprint(t, "MUTANT")
	for _, s := range h.Strategies {
		fmt.Fprintf(t, "\t%s", s)
	}
	fmt.Fprintln(t, "\tSOONEST\tWHAT IT DOES WRONG")
	times := make(map[string][]float64)
	var best []float64
	for _, x := range all {
		if x.Err != nil {
			fmt.Fprintf(t, "%s\tno answer: %s\n", x.ID, firstLine(x.Err.Error()))
			continue
		}
		fmt.Fprint(t, x.ID)
		for _, s := range h.Strategies {
			f := x.By[s]
			times[s] = append(times[s], f.CPU)
			fmt.Fprintf(t, "\t%s (%g runs)", seconds(f.CPU), f.Runs)
		}
		name, cpu := x.Best(h.Strategies)
		best = append(best, cpu)
		fmt.Fprintf(t, "\t%s\t%s\n", name, x.Title)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nCPU time to find a mutant, from the start of a worker process: median of %d samples of up to %d runs each, and the median of those over %d mutants\n",
		h.Samples, h.Seeds, len(best))
	for _, s := range h.Strategies {
		never := 0
		for _, x := range times[s] {
			if math.IsInf(x, 0) {
				never++
			}
		}
		fmt.Fprintf(t, "%s\t%s\tnot in half of the samples: %d\n", s, seconds(median(times[s])), never)
	}
	fmt.Fprintf(t, "the soonest of each\t%s\n", seconds(median(best)))
	return t.Flush()
}

func seconds(s float64) string {
	if math.IsInf(s, 0) {
		return "-"
	}
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

// WriteHuntJSON writes the same as one document. A time that is not there is null.
func (h Hunt) WriteHuntJSON(w io.Writer, all []Hunted) error {
	type found struct {
		CPUSeconds *float64 `json:"cpuSeconds"`
		Runs       float64  `json:"runs"`
		Missed     int      `json:"missed"`
	}
	type row struct {
		ID    string           `json:"id"`
		Title string           `json:"title"`
		By    map[string]found `json:"by,omitempty"`
		Best  string           `json:"soonest,omitempty"`
		Error string           `json:"error,omitempty"`
	}
	rows := make([]row, len(all))
	for i, x := range all {
		rows[i] = row{ID: x.ID, Title: x.Title, By: make(map[string]found)}
		rows[i].Best, _ = x.Best(h.Strategies)
		for s, f := range x.By {
			y := found{Runs: f.Runs, Missed: f.Missed}
			if !math.IsInf(f.CPU, 0) {
				y.CPUSeconds = new(f.CPU)
			}
			rows[i].By[s] = y
		}
		if x.Err != nil {
			rows[i].Error = x.Err.Error()
		}
	}
	return writeJSON(w, map[string]any{"strategies": h.Strategies, "samples": h.Samples, "seeds": h.Seeds, "results": rows})
}
