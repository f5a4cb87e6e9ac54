package campaign

import (
	"encoding/binary"
	"fmt"
	"os"
)

// A tape is a file: eight bytes that say how much is written, and that much of a trace. The worker writes through shared
// memory where there is some, because it writes several times a step and a system call each time costs a tenth of all speed.
const tapeHead = 8

// newTape creates the file.
func newTape() (*os.File, error) {
	f, err := os.CreateTemp("", "holdfast-*.tape")
	if err != nil {
		return nil, fmt.Errorf("create a tape: %w", err)
	}
	if _, err := f.Write(make([]byte, tapeHead)); err != nil {
		f.Close()
		return nil, fmt.Errorf("write to a new tape: %w", err)
	}
	return f, nil
}

// tapeLength is how much has been written, or 0 if that cannot be read.
func tapeLength(f *os.File) int64 {
	var head [tapeHead]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(head[:]))
}

// readTape returns what has been written, as far as it can be read.
func readTape(f *os.File) []byte {
	b := make([]byte, tapeLength(f))
	n, _ := f.ReadAt(b, tapeHead)
	return b[:n]
}
