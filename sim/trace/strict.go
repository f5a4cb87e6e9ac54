package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ReadStrict reads a trace that a hand or another tool may have written: the oracle believes what it reads, so that a
// misspelt field, an unknown kind or a step out of order is refused, with its place. Empty lines may stand anywhere. A last
// line that was cut off by a crash, which has no line break, is dropped, as Read does.
func ReadStrict(name string, r io.Reader) (Header, []Event, error) {
	s := &strict{name: name, lines: bufio.NewReaderSize(r, 1<<16)}
	var h Header
	line, err := s.next()
	if err != nil {
		return h, nil, err
	}
	if line == nil {
		return h, nil, s.wrong(0, "there is no header, for there is nothing")
	}
	if err := s.header(line, &h); err != nil {
		return h, nil, err
	}
	var events []Event
	for {
		line, err := s.next()
		if line == nil || err != nil {
			return h, events, err
		}
		var e Event
		if err := s.decode(line, &e); err != nil {
			if s.cut {
				return h, events, nil
			}
			return h, nil, err
		}
		if err := s.follows(events, e); err != nil {
			return h, nil, err
		}
		events = append(events, e)
	}
}

// strict reads lines and knows where it is.
type strict struct {
	name  string
	lines *bufio.Reader
	line  int
	cut   bool // the line has no break at its end
}

// next returns the next line that is not empty; nil is the end.
func (s *strict) next() ([]byte, error) {
	for {
		var line []byte
		var err error
		for more := true; more; {
			var part []byte
			part, err = s.lines.ReadSlice('\n')
			line = append(line, part...)
			more = errors.Is(err, bufio.ErrBufferFull)
			if len(line) > lineMax {
				s.line++
				return nil, s.wrong(0, "the line is longer than %d MiB", lineMax>>20)
			}
		}
		s.line++
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		s.cut = err != nil
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
		if s.cut {
			return nil, nil
		}
	}
}

func (s *strict) wrong(column int, format string, args ...any) error {
	place := fmt.Sprintf("%s:%d", s.name, s.line)
	if column > 0 {
		place += fmt.Sprintf(":%d", column)
	}
	return fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...))
}

func (s *strict) header(line []byte, h *Header) error {
	var keys map[string]json.RawMessage
	if json.Unmarshal(line, &keys) == nil {
		if _, ok := keys["format"]; !ok && keys["kind"] != nil {
			return s.wrong(1, "there is no header: the first line of a trace says its format and set-up, and this one is an event")
		}
	}
	// The version comes first: another one may have fields that this one does not know.
	if err := json.Unmarshal(keys["format"], &h.Format); err != nil {
		if err := s.decode(line, h); err != nil {
			return err
		}
	}
	if h.Format != FormatVersion {
		return s.wrong(1, "trace format %d, this holdfast reads %d", h.Format, FormatVersion)
	}
	return s.decode(line, h)
}

func (s *strict) decode(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	syntax, kind := new(json.SyntaxError), new(json.UnmarshalTypeError)
	switch {
	case errors.As(err, &syntax):
		return s.wrong(int(syntax.Offset), "not JSON: %s", syntax)
	case errors.As(err, &kind):
		return s.wrong(int(kind.Offset), "%s is %s, where a Go %s is wanted", kind.Field, kind.Value, kind.Type)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return s.wrong(len(line), "not JSON: the line ends too early")
	case err != nil:
		return s.unknown(line, err)
	case d.More():
		return s.wrong(int(d.InputOffset())+1, "there is more behind the end of the object")
	}
	return nil
}

// unknown says where an unknown field is; the decoder says only its name.
func (s *strict) unknown(line []byte, err error) error {
	quoted := strings.TrimPrefix(err.Error(), "json: unknown field ")
	return s.wrong(max(bytes.Index(line, []byte(quoted+":")), 0)+1, "there is no field %s", quoted)
}

// kinds are all kinds of events.
func kinds() []Kind {
	return []Kind{Op, Call, Reply, Deliver, Wake, Return, Process, Phase, Change, World, Belief, Counter, Recorded, Trouble, Probe}
}

// follows refuses an event that cannot come after those before it.
func (s *strict) follows(before []Event, e Event) error {
	if !slices.Contains(kinds(), e.Kind) {
		return s.wrong(0, "there is no kind of event %q; kinds are %s", e.Kind, join(kinds()))
	}
	if len(before) == 0 {
		return nil
	}
	last := before[len(before)-1]
	switch {
	case e.Step < last.Step:
		return s.wrong(0, "step %d comes after step %d", e.Step, last.Step)
	case e.At < last.At:
		return s.wrong(0, "the time goes back from %s to %s", last.At, e.At)
	}
	return nil
}

func join(all []Kind) string {
	var words []string
	for _, k := range all {
		words = append(words, string(k))
	}
	return strings.Join(words, ", ")
}
