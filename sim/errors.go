package sim

import (
	"context"
	"errors"
	"fmt"
)

// CodeOf returns the gRPC code name of an error of the system under test: OK for nil, what its Code() string method says,
// DeadlineExceeded and Canceled for a context's errors, else Internal.
func CodeOf(err error) string {
	var coded interface{ Code() string }
	switch {
	case err == nil:
		return "OK"
	case errors.As(err, &coded):
		return coded.Code()
	case errors.Is(err, context.DeadlineExceeded):
		return "DeadlineExceeded"
	case errors.Is(err, context.Canceled):
		return "Canceled"
	}
	return "Internal"
}

// panicked is what an operation of the system under test returns when it panicked.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }
func (p *panicked) Code() string  { return "Panic" }
