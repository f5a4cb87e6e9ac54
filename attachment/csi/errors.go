package csi

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/holdfast-sim/holdfast/attachment"
)

// The codes of an Error: the names of gRPC status codes. After Unavailable, Aborted, DeadlineExceeded and Canceled the call
// may have been done, or may yet be; the caller asks again, and owes an unpublish before it forgets a publish.
const (
	InvalidArgument    = "InvalidArgument"
	NotFound           = "NotFound"
	AlreadyExists      = "AlreadyExists"
	FailedPrecondition = "FailedPrecondition"
	Unavailable        = "Unavailable"
	Aborted            = "Aborted"
	DeadlineExceeded   = "DeadlineExceeded"
	Canceled           = "Canceled"
	Internal           = "Internal"
)

// Error is what a call returns that did not succeed.
type Error struct {
	code string
	err  error
}

// Code is the name of a gRPC status code.
func (e *Error) Code() string { return e.code }

// Error is the text, which begins with what was tried, on what.
func (e *Error) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

func coded(code, format string, args ...any) *Error {
	return &Error{code: code, err: fmt.Errorf(format, args...)}
}

// errNotLeading is the cause with which a handler's context ends when leadership does.
var errNotLeading = errors.New("this controller does not lead")

// unsure is an error after which nothing is certain: its code tells the caller to ask again, its text what was tried. Leadership may
// end together with the caller's patience. That it has ended is then the reason, whichever came to the handler first.
func (h *handler) unsure(err error, tried string, args ...any) *Error {
	if h.lead.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		err = errNotLeading
	}
	err = fmt.Errorf(tried+": %w", append(args, err)...)
	code := h.ended()
	switch said := codeOf(err); {
	case errors.Is(err, attachment.ErrAmbiguous), errors.Is(err, attachment.ErrRecord):
		code = Internal // asking again does not help before somebody has repaired the object
	case code == Unavailable && (apierrors.IsConflict(err) || said == Aborted):
		code = Aborted
	case code == Unavailable && said == DeadlineExceeded:
		code = DeadlineExceeded
	}
	return &Error{code: code, err: err}
}

// ended is the code of what ended the handler's context, Unavailable if nothing did.
func (h *handler) ended() string {
	switch {
	case h.ctx.Err() == nil, h.lead.Err() != nil:
		return Unavailable
	case errors.Is(context.Cause(h.ctx), context.DeadlineExceeded):
		return DeadlineExceeded
	}
	return Canceled
}

// during says what was tried, on what; the code stays.
func during(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return coded(codeOf(err), "%s: %w", fmt.Sprintf(format, args...), err)
}

// codeOf returns the code that an error tells, "" if it tells none.
func codeOf(err error) string {
	if c := interface{ Code() string }(nil); errors.As(err, &c) {
		return c.Code()
	}
	return ""
}

// refused reports whether a backend's error says for certain that the call took no effect and never will.
func refused(err error) bool {
	return slices.Contains([]string{
		InvalidArgument, NotFound, AlreadyExists, "PermissionDenied", FailedPrecondition, "OutOfRange", "Unimplemented", "Unauthenticated",
	}, codeOf(err))
}
