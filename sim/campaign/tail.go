package campaign

import (
	"strings"
	"sync"
)

// talkMax bounds what is kept of a worker's stderr: its end, for last words come last.
const talkMax = 512 << 10

// tail is a writer that keeps the last of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if len(t.buf) > 2*talkMax {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-talkMax:]...)
	}
	return len(b), nil
}

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = t.buf[:0]
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

// raceWords open a report of the race detector.
const raceWords = "WARNING: DATA RACE"

// lastWords cuts from what a process said the part that begins where it died: a panic, a fatal error of the runtime, a report
// of the race detector, or the stacks that it was asked for. What is too long loses its end, which is the least telling.
func lastWords(talk string) string {
	const max = 64 << 10
	at := len(talk)
	for _, mark := range []string{raceWords, "panic: ", "fatal error: ", "SIGQUIT: quit", "unexpected fault address"} {
		if i := lineStart(talk, mark); i >= 0 && i < at {
			at = i
		}
	}
	if at == len(talk) {
		at = 0
	}
	words := strings.TrimSpace(talk[at:])
	if len(words) > max {
		words = strings.ToValidUTF8(words[:max], "") + "\n... cut"
	}
	return words
}

// lineStart finds a mark at the start of a line, or returns -1.
func lineStart(text, mark string) int {
	if strings.HasPrefix(text, mark) {
		return 0
	}
	if i := strings.Index(text, "\n"+mark); i >= 0 {
		return i + 1
	}
	return -1
}
