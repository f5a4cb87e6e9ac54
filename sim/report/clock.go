package report

import (
	"fmt"
	"strings"
	"time"
)

// Clock writes a time of a run as people say it: 0s, 45s, 2m01s, 1h00m05s. What is smaller than a second is kept, because a
// boundary case may live on one nanosecond.
func Clock(d time.Duration) string {
	if d < 0 {
		return "-" + Clock(-d)
	}
	h, m, s := d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second
	fraction := ""
	if rest := d % time.Second; rest > 0 {
		fraction = "." + strings.TrimRight(fmt.Sprintf("%09d", int64(rest)), "0")
	}
	switch {
	case h > 0:
		return fmt.Sprintf("%dh%02dm%02d%ss", h, m, s, fraction)
	case m > 0:
		return fmt.Sprintf("%dm%02d%ss", m, s, fraction)
	}
	return fmt.Sprintf("%d%ss", s, fraction)
}

// short is Clock to the millisecond, unless the time is within a microsecond of a whole one: then somebody means it exactly.
func short(d time.Duration) string {
	if rest := d % time.Millisecond; rest <= time.Microsecond || rest >= time.Millisecond-time.Microsecond {
		return Clock(d)
	}
	return Clock(d.Truncate(time.Millisecond))
}

// long writes a long time in its two largest units.
func long(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%sd%02dh", Number(float64(d/(24*time.Hour))), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return Clock(d.Truncate(time.Millisecond))
}
