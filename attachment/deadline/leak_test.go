package deadline_test

import (
	"testing"

	"go.uber.org/goleak"
)

// A bubble tells of goroutines that outlive it. Not every test is in one.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
