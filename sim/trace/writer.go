package trace

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
)

// Writer appends events to a running hash, and to a stream if there is one, as they happen, so that a crash of the process
// leaves a prefix that can be replayed.
type Writer struct {
	out io.Writer
	sum hash.Hash
	buf []byte // one line, kept for its space
	err error
}

// NewWriter writes the header to out and returns a writer. A nil out keeps only the hash.
func NewWriter(out io.Writer, h Header) *Writer {
	w := &Writer{out: out, sum: sha256.New()}
	if out != nil {
		w.line(h)
	}
	return w
}

// Append adds an event. What a process probe saw (goroutines, panics, sizes) is written, and stays outside the hash.
func (w *Writer) Append(e Event) {
	line := append(e.AppendJSON(w.buf[:0]), '\n')
	w.buf = line
	if e.Kind != Probe {
		w.sum.Write(line)
	}
	if w.out != nil && w.err == nil {
		_, w.err = w.out.Write(line)
	}
}

// Hash is the SHA-256 of all events so far, in hexadecimal.
func (w *Writer) Hash() string { return hex.EncodeToString(w.sum.Sum(nil)) }

// Err is the first error of the stream.
func (w *Writer) Err() error { return w.err }

func (w *Writer) line(v any) {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = w.out.Write(append(b, '\n'))
	}
	w.err = err
}

// lineMax bounds one line of a trace, for the header holds the scenario.
const lineMax = 64 << 20

// Read reads a trace. A last line that was cut off by a crash is dropped; any other broken line is an error that names its number.
func Read(name string, r io.Reader) (Header, []Event, error) {
	var events []Event
	h, err := Each(name, r, func(e Event) { events = append(events, e) })
	return h, events, err
}

// Each reads as Read does, and keeps nothing: f gets one event after the other.
func Each(name string, r io.Reader, f func(Event)) (Header, error) {
	var h Header
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 1<<16), lineMax)
	if !s.Scan() {
		return h, fmt.Errorf("%s:1: no header: %w", name, cause(s.Err()))
	}
	if err := json.Unmarshal(s.Bytes(), &h); err != nil {
		return h, fmt.Errorf("%s:1: header: %w", name, err)
	}
	if h.Format != FormatVersion {
		return h, fmt.Errorf("%s:1: trace format %d, this holdfast reads %d", name, h.Format, FormatVersion)
	}
	var broken error
	for n := 2; s.Scan(); n++ {
		if broken != nil {
			return h, broken
		}
		var e Event
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			broken = fmt.Errorf("%s:%d: event: %w", name, n, err)
			continue
		}
		f(e)
	}
	if err := s.Err(); err != nil {
		return h, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}

func cause(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Hash returns the hash that a Writer of these events would have.
func Hash(events []Event) string {
	w := NewWriter(nil, Header{})
	for _, e := range events {
		w.Append(e)
	}
	return w.Hash()
}
