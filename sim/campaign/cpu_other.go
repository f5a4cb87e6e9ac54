//go:build !unix

package campaign

import "time"

// processorTime is not known here, and the report then prints no speed.
func processorTime() time.Duration { return 0 }
