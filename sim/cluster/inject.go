package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-sim/holdfast/sim/fault"
	"github.com/holdfast-sim/holdfast/sim/sched"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// ErrInjected is in the chain of every error that the fault plan made, so that it can be told from one that the system
// under test earned.
var ErrInjected = errors.New("injected by the fault plan")

// injected is an error in the server's words that can be recognised as ours.
type injected struct{ error }

// Unwrap implements the errors package's idea of a chain.
func (e injected) Unwrap() []error { return []error{e.error, ErrInjected} }

// injectedAPI is how an effect looks to a client of the API server.
//
// Timeout and LateEffect look alike, and so do Unreachable for a write and ReplyLost for a careless caller: whoever acts on
// the difference between "not done" and "done, I was not told" acts on something that the network does not say.
func (t *table) injectedAPI(effect fault.Effect, verb, name string) error {
	var err error
	switch effect {
	case fault.Unreachable:
		err = transport(verb, &net.OpError{Op: "dial", Net: "tcp", Addr: serverAddr(), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
	case fault.ReplyLost:
		err = transport(verb, io.ErrUnexpectedEOF)
	case fault.Throttled:
		err = apierrors.NewTooManyRequests("the server has received too many requests and has asked us to try again later", 1)
	case fault.Conflict:
		err = apierrors.NewConflict(t.groupResource(), name, errModified)
	case fault.Timeout, fault.LateEffect:
		err = apierrors.NewTimeoutError("the server was unable to return a response in the time allotted, but may still be processing the request", 0)
	default:
		err = apierrors.NewInternalError(fmt.Errorf("%s %s %s: etcdserver: request timed out", verb, t.resource, name))
	}
	return injected{err}
}

// transport is an error of the connection, in the shape that client-go's REST client hands on.
func transport(verb string, cause error) error {
	op := map[string]string{"create": "Post", "update": "Put", "patch": "Patch", "delete": "Delete"}[verb]
	if op == "" {
		op = "Get"
	}
	return &url.Error{Op: op, URL: "https://" + serverAddr().String(), Err: cause}
}

func serverAddr() *net.TCPAddr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 443} }

// apiCode is the word of an error in the trace: the API's reason, or what happened to the connection.
func apiCode(err error) string {
	if err == nil {
		return "OK"
	}
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return string(reason)
	}
	var status apierrors.APIStatus
	switch {
	case errors.Is(err, context.Canceled):
		return "Canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "DeadlineExceeded"
	case errors.Is(err, sched.ErrLimited):
		return trace.RateLimited
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Unreachable"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "ConnectionLost"
	case errors.As(err, &status):
		return http.StatusText(int(status.Status().Code))
	}
	return "Unknown"
}
