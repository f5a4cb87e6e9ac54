package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// form is what a text turns out to be.
type form int

const (
	scenarioText form = iota
	recordingText
	traceText
)

// peekMax is how much of a text is looked at to see what it is.
const peekMax = 1 << 20

// recognise looks at the beginning of a text, unzipped if need be, and returns what it is and a reader of all of it.
func recognise(name string, r io.Reader) (form, io.Reader, error) {
	b := bufio.NewReaderSize(r, peekMax)
	if magic, _ := b.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return 0, nil, usage("", "%s:1:1: %w", name, gzipError(err))
		}
		b = bufio.NewReaderSize(unzipper{z}, peekMax)
	}
	start, err := b.Peek(peekMax)
	if err != nil && err != io.EOF && len(start) == 0 {
		return 0, nil, fmt.Errorf("%s: %w", name, plain(err))
	}
	switch text := trimJunk(start); {
	case bytes.HasPrefix(text, []byte(`{"format":`)):
		return traceText, b, nil
	case isRecording(text):
		return recordingText, b, nil
	}
	return scenarioText, b, nil
}

// isRecording reports whether a text is an audit log. Its first lines may be broken, as they are where a log was cut; and one
// that is no line for each event is an audit log all the same, so that its import can say what to do.
func isRecording(text []byte) bool {
	sign := []byte("audit.k8s.io/")
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') && bytes.Contains(text, sign) {
		return true
	}
	for line := range bytes.Lines(text) {
		if line = trimJunk(line); len(line) > 0 && line[0] == '{' && bytes.Contains(line, sign) {
			return true
		}
	}
	return false
}

// trimJunk drops what may stand before the first letter of a file that was cut or preallocated.
func trimJunk(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n\ufeff\x00") }

// unzipper gives the errors of a gzip names that people know.
type unzipper struct{ *gzip.Reader }

// Read reads what was zipped.
func (u unzipper) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = gzipError(err)
	}
	return n, err
}

func gzipError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the gzip is cut short")
	}
	return errors.New("broken gzip: " + strings.TrimPrefix(err.Error(), "gzip: "))
}
