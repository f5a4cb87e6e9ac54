package scenarios

import "time"

// csiCallTimeout is how long a sidecar waits for an answer.
const csiCallTimeout = 15 * time.Second

// soon draws the time of the next operation: at once, a moment, some seconds or a minute later, or at a boundary.
func (c *chaos) soon() time.Duration {
	switch c.choose("gap", 12) {
	case 0:
		return c.now
	case 1, 2:
		return c.now + c.millis("gap/moment", 1, 999)
	case 3, 4, 5, 6, 7:
		return c.now + c.millis("gap/seconds", 1000, 12_000)
	case 8, 9:
		return c.now + time.Duration(c.pace)*c.millis("gap/minute", 5_000, 38_000)
	default:
		return c.boundary()
	}
}

// boundary is an earlier event's time plus a timeout, or a nanosecond beside it: most mistakes about time are off by one.
func (c *chaos) boundary() time.Duration {
	if len(c.marks) == 0 {
		return c.now + c.millis("gap/seconds", 1000, 12_000)
	}
	recent := c.marks[max(0, len(c.marks)-6):]
	at := recent[c.choose("boundary/mark", len(recent))] + c.timeout() + time.Duration(c.choose("boundary/beside", 3)-1)
	if at <= c.now {
		return c.now + time.Millisecond
	}
	return at
}

// timeout is one of the durations after which something changes.
func (c *chaos) timeout() time.Duration {
	spec := c.scn.Spec
	all := []time.Duration{time.Duration(spec.Reconciler.GracePeriod), time.Duration(spec.Reconciler.GracePeriod), time.Duration(spec.Reconciler.Interval),
		time.Duration(spec.Reconciler.GracePeriod + spec.Reconciler.Interval), csiCallTimeout}
	for _, v := range spec.Volumes {
		if v.MigrationTimeout > 0 && v.MigrationTimeout <= Duration(time.Hour/12) {
			all = append(all, time.Duration(v.MigrationTimeout))
		}
	}
	return pick(c, "boundary/timeout", all...)
}

// mark remembers the present as a time from which timeouts count.
func (c *chaos) mark() { c.marks = append(c.marks, c.now) }

func (c *chaos) millis(label string, low, high int) time.Duration {
	return time.Duration(c.between(label, low, high)) * time.Millisecond
}

func (c *chaos) seconds(label string, low, high int) time.Duration {
	return time.Duration(c.between(label, low, high)) * time.Second
}
