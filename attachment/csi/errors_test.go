package csi

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// Leadership and the caller's patience may end in one moment. What the call answers does not depend on which of the two its
// context has heard of first.
func TestUnsure_LeadershipComesFirst(t *testing.T) {
	for _, c := range []struct {
		name        string
		cause, said error // of the end of the context, and what was told because of it
		leads       bool
		code, text  string
	}{
		{"nothing ended", nil, errNotLeading, true, Unavailable, "grant: this controller does not lead"},
		{"the caller gave up", context.Canceled, context.Canceled, true, Canceled, "grant: context canceled"},
		{"the caller ran out of time", context.DeadlineExceeded, context.DeadlineExceeded, true, DeadlineExceeded, "grant: context deadline exceeded"},
		{"leadership ended, heard from the caller", context.Canceled, context.Canceled, false, Unavailable, "grant: this controller does not lead"},
		{"leadership ended, heard from a deadline", context.DeadlineExceeded, context.DeadlineExceeded, false, Unavailable, "grant: this controller does not lead"},
		{"leadership ended, heard from itself", errNotLeading, errNotLeading, false, Unavailable, "grant: this controller does not lead"},
		{"leadership ended, not heard yet", nil, context.Canceled, false, Unavailable, "grant: this controller does not lead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lead, depose := context.WithCancel(context.Background())
			defer depose()
			ctx, end := context.WithCancelCause(context.Background())
			defer end(nil)
			if !c.leads {
				depose()
			}
			if c.cause != nil {
				end(c.cause)
			}
			h := &handler{ctx: ctx, lead: lead}
			err := h.unsure(c.said, "grant")
			require.Equal(t, c.code, err.Code())
			require.EqualError(t, err, c.text)
		})
	}
}
