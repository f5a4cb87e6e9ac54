package incident

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	lineMax  = 32 << 20 // of one line; audit events of large lists have a few megabytes
	totalMax = 16 << 30 // of a file, uncompressed
)

// log is an audit log as it is read.
type log struct {
	name    string
	tally   *tally
	records []*record   // what may say something, in order of time after sort
	active  []span      // when each request was under way, by any component
	watches []watchLine // of all components
	// mentions are the lines that name a VolumeAttachment and say nothing more.
	mentions []mention
	shape    shape           // what the text is instead of an event a line
	seen     map[string]bool // audit ids of changes, and of watches with their stages, for logs that were written twice
}

// read takes in the whole file.
func (l *log) read(r io.Reader) error {
	l.seen = make(map[string]bool)
	in := bufio.NewReaderSize(r, 1<<16)
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", l.name, err)
	}
	if bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzip, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("read %s: gzip: %w", l.name, cutShort(err))
		}
		in = bufio.NewReaderSize(unzip, 1<<16)
	}
	total := 0
	for {
		line, size, err := readLine(in)
		total += size
		if size > 0 {
			l.line(line, size)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && l.tally.total == 0:
			return fmt.Errorf("read %s: %w", l.name, cutShort(err))
		case err != nil: // a file that was cut off, or damaged further on, still says what it says
			l.tally.note(fmt.Sprintf("%s could be read up to line %d only: %v", l.name, l.tally.total, cutShort(err)))
			return nil
		case total > totalMax:
			return fmt.Errorf("read %s: it is longer than %d GiB", l.name, totalMax>>30)
		}
	}
}

// cutShort says what an end amidst a gzip means.
func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the gzip is cut short")
	}
	return err
}

// readLine returns a line without its end, and its whole size, which is more than lineMax if the rest was thrown away.
func readLine(in *bufio.Reader) (line []byte, size int, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if size+len(part) <= lineMax {
			line = append(line, part...)
		}
		size += len(part)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSpace(line), size, err
		}
	}
}

// line takes in one line, and counts it unless what it says depends on others.
func (l *log) line(text []byte, size int) {
	n := l.tally.next()
	if n == 1 {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
	}
	l.shape.look(text)
	switch {
	case size > lineMax:
		l.tally.count(n, skipped(fmt.Sprintf("longer than %d MiB", lineMax>>20)))
		return
	case len(text) == 0:
		l.tally.count(n, skipped("empty line"))
		return
	}
	e, verdict := decode(text)
	if verdict.kind == isSkipped {
		l.tally.count(n, verdict)
		return
	}
	l.live(e)
	rec, verdict := l.judge(e)
	if rec == nil {
		l.tally.count(n, verdict)
		return
	}
	rec.line = n
	l.records = append(l.records, rec)
}

// sort puts everything in order of time; what happened at one instant stays in the order of the file.
func (l *log) sort() {
	slices.SortStableFunc(l.records, func(a, b *record) int { return a.at.Compare(b.at) })
	slices.SortFunc(l.active, func(a, b span) int { return cmp.Or(a.from.Compare(b.from), a.until.Compare(b.until)) })
	slices.SortStableFunc(l.watches, func(a, b watchLine) int { return a.at.Compare(b.at) })
	slices.SortStableFunc(l.mentions, func(a, b mention) int { return a.at.Compare(b.at) })
}

// live notes that somebody did something, whatever it was.
func (l *log) live(e *event) {
	from, at := e.RequestReceivedTimestamp.Time, e.StageTimestamp.Time
	if from.IsZero() || from.After(at) || at.Sub(from) > strayMin {
		from = at
	}
	if id := string(e.AuditID) + string(e.Stage); e.Verb == "watch" && !l.seen[id] {
		l.seen[id] = e.AuditID != ""
		l.watches = append(l.watches, newWatchLine(e))
		if e.Stage != stageStarted { // the beginning of a watch is long ago when it ends
			from = at
		}
	}
	l.active = append(l.active, span{from, at})
}
