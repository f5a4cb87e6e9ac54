package sim

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestADeadlineEndsOnlyWhenItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(time.Second)
		d := withDeadline(context.Background(), until)
		got, ok := d.Deadline()
		require.True(t, ok)
		require.Equal(t, until, got)
		child, cancel := context.WithCancel(d)
		defer cancel()
		time.Sleep(time.Minute)
		require.NoError(t, d.Err())
		require.NoError(t, child.Err())
		d.end(context.DeadlineExceeded)
		d.end(context.Canceled)
		synctest.Wait()
		require.Equal(t, context.DeadlineExceeded, d.Err())
		require.Equal(t, context.DeadlineExceeded, child.Err())
		<-d.Done()
	})
}

func TestADeadlineCallsWhatWaitsForItsEndUnlessStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := withDeadline(context.Background(), time.Time{})
		_, ok := d.Deadline()
		require.False(t, ok)
		var called []string
		add := func(name string) func() { return func() { called = append(called, name) } }
		stop := d.AfterFunc(add("stopped"))
		require.True(t, stop())
		require.False(t, stop())
		late := d.AfterFunc(add("called"))
		d.end(context.Canceled)
		synctest.Wait()
		require.Equal(t, []string{"called"}, called)
		require.False(t, late())
		d.AfterFunc(add("at once"))
		synctest.Wait()
		require.Equal(t, []string{"called", "at once"}, called)
	})
}
