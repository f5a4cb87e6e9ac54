package sim

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// CodeOf returns the gRPC code name of an error of the system under test: OK for nil, what its Code() string method or its gRPC
// status says, DeadlineExceeded and Canceled for a context's errors, else Internal.
func CodeOf(err error) string {
	var coded interface{ Code() string }
	switch {
	case err == nil:
		return "OK"
	case errors.As(err, &coded):
		return coded.Code()
	case statusCode(err) != "":
		return statusCode(err)
	case errors.Is(err, context.DeadlineExceeded):
		return "DeadlineExceeded"
	case errors.Is(err, context.Canceled):
		return "Canceled"
	}
	return "Internal"
}

// statusCode is the code of an error with a gRPC status, or empty. It asks by reflection: gRPC is nothing that a harness should
// bring along, and its types cannot be named without it.
func statusCode(err error) string {
	var with error
	for with = err; with != nil; with = errors.Unwrap(with) {
		if _, ok := reflect.TypeOf(with).MethodByName("GRPCStatus"); ok {
			break
		}
	}
	if with == nil {
		return ""
	}
	status := reflect.ValueOf(with).MethodByName("GRPCStatus")
	if status.Type().NumIn() != 0 || status.Type().NumOut() != 1 {
		return ""
	}
	coded := status.Call(nil)[0].MethodByName("Code")
	if !coded.IsValid() || coded.Type().NumIn() != 0 || coded.Type().NumOut() != 1 {
		return ""
	}
	return fmt.Sprint(coded.Call(nil)[0].Interface())
}

// panicked is what an operation of the system under test returns when it panicked.
type panicked struct {
	value any
	stack []byte
}

// report is the panic with its stack.
func (p *panicked) report() string { return p.Error() + "\n" + string(p.stack) }

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }
func (p *panicked) Code() string  { return "Panic" }
