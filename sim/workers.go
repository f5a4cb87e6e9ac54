package sim

// workers are those of the sidecar's queue: so many calls are in flight at most, and entries that are due wait for their turns.
type workers struct {
	max   int // 0 is no limit
	busy  int
	queue []*entry
}

// take gives an entry a worker, and reports whether it has one.
func (w *workers) take(x *entry) bool {
	if w.max == 0 || x.served {
		return true
	}
	if w.busy == w.max {
		return false
	}
	w.busy++
	x.served = true
	return true
}

// wait lets an entry be planned again when there is a worker for it.
func (w *workers) wait(x *entry) {
	x.waits = true
	w.queue = append(w.queue, x)
}

// free takes the worker back, and plans those that wait for one.
func (w *workers) free(x *entry) {
	if !x.served {
		return
	}
	x.served = false
	w.busy--
	for w.busy < w.max && len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		if next.waits { // else it was planned meanwhile
			next.plan()
		}
	}
}

// full reports whether nobody can be given a worker now.
func (w *workers) full() bool { return w.max > 0 && w.busy == w.max }
