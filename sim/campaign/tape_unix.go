//go:build unix

package campaign

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
)

// tapeSize is the first size of the shared memory; it doubles when that is full.
const tapeSize = 4 << 20

// tape is the worker's end: the file, mapped into memory.
type tape struct {
	file *os.File
	mem  []byte
	used int
}

func openTape(path string) (*tape, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the tape: %w", err)
	}
	t := &tape{file: f}
	if err := t.grow(tapeSize); err != nil {
		f.Close()
		return nil, err
	}
	return t, nil
}

func (t *tape) grow(size int) error {
	if err := t.file.Truncate(int64(size)); err != nil {
		return fmt.Errorf("grow the tape to %d bytes: %w", size, err)
	}
	mem, err := syscall.Mmap(int(t.file.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %d bytes of the tape: %w", size, err)
	}
	if t.mem != nil {
		syscall.Munmap(t.mem)
	}
	t.mem = mem
	return nil
}

// Write implements io.Writer. The length is written last, so that a reader never sees half a write.
func (t *tape) Write(b []byte) (int, error) {
	for len(t.mem)-tapeHead-t.used < len(b) {
		if err := t.grow(2 * len(t.mem)); err != nil {
			return 0, err
		}
	}
	copy(t.mem[tapeHead+t.used:], b)
	t.setLength(t.used + len(b))
	return len(b), nil
}

func (t *tape) rewind() { t.setLength(0) }

func (t *tape) setLength(n int) {
	t.used = n
	binary.LittleEndian.PutUint64(t.mem, uint64(n))
}

func (t *tape) close() {
	syscall.Munmap(t.mem)
	t.file.Close()
}
