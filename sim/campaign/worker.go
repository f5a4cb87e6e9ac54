package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/holdfast-sim/holdfast/sim/report"
)

// worker is the parent's view of one worker process. A process is started for the first job, and again after each one that
// it did not survive. Its methods belong to one goroutine.
type worker struct {
	cfg  Config
	cmd  *exec.Cmd // nil if there is no process
	in   io.WriteCloser
	jobs *json.Encoder
	runs chan report.Run // closed when the process says nothing more
	tape *os.File
	talk *tail // its stderr
}

// do has one job done. Its error means that there is no worker to be had; whatever happens to a worker at work is a run.
func (w *worker) do(ctx context.Context, job Job) (report.Run, []byte, error) {
	if w.cmd == nil {
		if err := w.start(ctx); err != nil {
			return report.Run{}, nil, err
		}
	}
	w.talk.reset()
	_ = w.jobs.Encode(job) // a worker that is gone shows below
	look := time.NewTicker(max(w.cfg.Stall/10, time.Millisecond))
	defer look.Stop()
	length, moved := int64(-1), time.Now()
	for {
		select {
		case <-ctx.Done():
			w.end(0)
			return report.Run{}, nil, ctx.Err()
		case run, ok := <-w.runs:
			if !ok {
				return w.died(job, report.Crashed)
			}
			return w.answered(job, run)
		case <-look.C:
			if n := tapeLength(w.tape); n != length {
				length, moved = n, time.Now()
			}
			if time.Since(moved) > w.cfg.Stall {
				return w.died(job, report.Stalled)
			}
		}
	}
}

// answered takes a run that came to an answer. A system that panicked or hangs has left things behind in its process, which
// would disturb the next run; so that process ends.
func (w *worker) answered(job Job, run report.Run) (report.Run, []byte, error) {
	var tape []byte
	if run.Outcome != report.Held || job.KeepTape {
		tape = readTape(w.tape)
	}
	if run.Outcome != report.Held {
		tell(&run, tape)
	}
	if run.Message != "" {
		w.end(0)
	}
	return run, tape, nil
}

// died makes a run of what a process left behind: its tape and its last words. One that has stalled is asked for the stacks
// of its goroutines first.
func (w *worker) died(job Job, outcome report.Outcome) (report.Run, []byte, error) {
	wait := time.Second
	if outcome == report.Stalled {
		wait = 5 * time.Second
		_ = w.cmd.Process.Signal(syscall.SIGQUIT)
	}
	tape := readTape(w.tape)
	talk := w.talk
	code := w.end(wait)
	run := autopsy(job, outcome, code, talk.String(), tape, w.cfg.Judge)
	return run, tape, nil
}

// start starts a process and waits until it is ready.
func (w *worker) start(ctx context.Context) error {
	tape, err := newTape()
	if err != nil {
		return err
	}
	w.tape, w.talk = tape, new(tail)
	w.cmd = w.cfg.Command()
	w.cmd.Stderr = w.talk
	// A race is a finding of the run in which it happened, so that run is to end at once.
	w.cmd.Env = append(w.cmd.Environ(), "GORACE="+os.Getenv("GORACE")+" halt_on_error=1")
	stdin, err1 := w.cmd.StdinPipe()
	stdout, err2 := w.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, w.cmd.Start()); err != nil {
		w.cmd = nil
		w.closeTape()
		return fmt.Errorf("start a worker: %w", err)
	}
	w.in, w.jobs = stdin, json.NewEncoder(stdin)
	answers := json.NewDecoder(stdout)
	ready := make(chan bool, 1)
	w.runs = make(chan report.Run)
	go listen(answers, ready, w.runs)
	if err := w.jobs.Encode(hello{Tape: tape.Name()}); err == nil {
		select {
		case ok := <-ready:
			if ok {
				// Both have it open. Without a name it is gone when they are, however they end; where open files
				// cannot be removed, closeTape does it.
				os.Remove(tape.Name())
				return nil
			}
		case <-ctx.Done():
			w.end(0)
			return ctx.Err()
		case <-time.After(w.cfg.Stall):
		}
	}
	talk := w.talk
	code := w.end(time.Second)
	return fmt.Errorf("start a worker: it ended with code %d before it was ready: %s", code, lastWords(talk.String()))
}

// listen hands on what a worker says, until it says nothing more.
func listen(answers *json.Decoder, ready chan<- bool, runs chan<- report.Run) {
	defer close(runs)
	var w welcome
	err := answers.Decode(&w)
	ready <- err == nil && w.Ready
	for err == nil {
		var run report.Run
		if err = answers.Decode(&run); err == nil {
			runs <- run
		}
	}
}

// stop ends a process that has nothing to do.
func (w *worker) stop() {
	if w.cmd != nil {
		w.end(time.Second)
	}
}

// end waits a while for the process to end by itself, ends it, and returns its exit code, -1 if a signal ended it.
func (w *worker) end(wait time.Duration) int {
	w.in.Close()
	gone := make(chan struct{})
	go func() {
		for range w.runs { // a last answer that nobody waits for
		}
		_ = w.cmd.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(wait):
		_ = w.cmd.Process.Kill()
		<-gone
	}
	code := w.cmd.ProcessState.ExitCode()
	if w.cfg.Ended != nil {
		w.cfg.Ended(w.cmd.ProcessState)
	}
	w.cmd = nil
	w.closeTape()
	return code
}

func (w *worker) closeTape() {
	w.tape.Close()
	os.Remove(w.tape.Name())
}
