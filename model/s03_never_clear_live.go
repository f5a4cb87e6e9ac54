package model

// neverClearLive is S3 of SPEC.md section 5: the Reconciler clears an instance only if its node, the same uid, was absent
// from the API at some instant between its check and the clear. The check is the last answer about that node that the run
// loop saw before the clear. What is cleared under a node that works is given to the next one while the first still writes.
//
// A clear is an instance that leaves the system's memory without an unpublish; see removal for what else may take it out.
type neverClearLive struct {
	ruling
	calls map[int]*clearing // of ClearStale, by operation
}

func newNeverClearLive(s *state) rule {
	r := &neverClearLive{calls: make(map[int]*clearing)}
	r.judge(s, "memory", "believer")
	r.judge(s, "instance", "believer", "direct")
	r.judge(s, "fenced", "believer", "backend", "fence")
	return r
}

func (r *neverClearLive) settle(s *state) {
	for _, x := range s.removals {
		r.compare(s, x)
		if (x.cause == becauseCleared || x.cause == becauseEvicted) && !x.fenced && r.judged("fenced") {
			r.violate(s, "fenced", []int{x.inst.seen.step, x.decided.step}, "%s on %s (epoch %d) was %s although no fence had ended its access, and there is a backend that fences",
				x.volume.handle, x.inst.node, x.inst.epoch, x.cause)
		}
		if x.cause == becauseCleared && x.live {
			acted := "without a look at it"
			if x.checked {
				acted = "after its check at step " + itoa(x.check.asked.step)
			}
			r.violate(s, "memory", []int{x.check.asked.step, x.decided.step}, "the Reconciler cleared %s on %s (uid %s, epoch %d) while that node exists, %s",
				x.volume.handle, x.inst.node, or(x.inst.uid, "unknown"), x.inst.epoch, acted)
		}
	}
}
