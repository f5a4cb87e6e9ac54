//go:build !unix

package campaign

import "time"

// ProcessorTime is the time that processors have spent on this process. It is not known here: 0, and the report then prints no speed.
func ProcessorTime() time.Duration { return 0 }
