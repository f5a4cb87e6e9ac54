//go:build !unix

package campaign

import (
	"encoding/binary"
	"fmt"
	"os"
)

// tape is the worker's end where memory cannot be shared: the file.
type tape struct {
	file *os.File
	used int64
}

func openTape(path string) (*tape, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the tape: %w", err)
	}
	return &tape{file: f}, nil
}

// Write implements io.Writer. The length is written last, so that a reader never sees half a write.
func (t *tape) Write(b []byte) (int, error) {
	if n, err := t.file.WriteAt(b, tapeHead+t.used); err != nil {
		return n, err
	}
	return len(b), t.setLength(t.used + int64(len(b)))
}

func (t *tape) rewind() { t.setLength(0) }

func (t *tape) setLength(n int64) error {
	t.used = n
	_, err := t.file.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(n)), 0)
	return err
}

func (t *tape) close() { t.file.Close() }
