package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress tells how far a campaign is: on a terminal in one line that is rewritten, elsewhere in a line every ten seconds.
type progress struct {
	w     io.Writer
	tty   bool
	unit  string // what is counted; empty is runs, of which some find something
	total int
	begun time.Time
	stop  chan struct{}
	ended sync.WaitGroup

	mu                sync.Mutex
	done, found, wide int
}

func newProgress(w io.Writer, total int) *progress { return newProgressOf(w, total, "") }

func newProgressOf(w io.Writer, total int, unit string) *progress {
	p := &progress{w: w, unit: unit, total: total, begun: time.Now(), stop: make(chan struct{})}
	every := 10 * time.Second
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		p.tty, every = true, 200*time.Millisecond
	}
	p.ended.Go(func() { p.tell(every) })
	return p
}

func (p *progress) tell(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.mu.Lock()
			p.line()
			p.mu.Unlock()
		}
	}
}

// line writes the present state. On a terminal it overwrites the last one.
func (p *progress) line() {
	what := p.unit
	if what == "" {
		what = fmt.Sprintf("runs, %d found", p.found)
	}
	text := fmt.Sprintf("%d of %d %s, %s", p.done, p.total, what, time.Since(p.begun).Round(time.Second))
	if !p.tty {
		fmt.Fprintln(p.w, text)
		return
	}
	const width = 24
	full := width * p.done / max(1, p.total)
	text = "[" + strings.Repeat("=", full) + strings.Repeat(" ", width-full) + "] " + text
	fmt.Fprintf(p.w, "\r%s%s", text, strings.Repeat(" ", max(0, p.wide-len(text))))
	p.wide = len(text)
}

// add counts a run, and calls say, which may write where the line was.
func (p *progress) add(found bool, say func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if found {
		p.found++
	}
	if say != nil {
		p.clear()
		say()
	}
}

func (p *progress) expect(total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = total
}

func (p *progress) clear() {
	if p.tty && p.wide > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.wide))
		p.wide = 0
	}
}

// end takes the line away.
func (p *progress) end() {
	close(p.stop)
	p.ended.Wait()
	p.clear()
}
