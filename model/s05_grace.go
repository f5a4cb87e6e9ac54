package model

// grace is S5 of SPEC.md section 5: the Reconciler never clears inside grace. A node that is missing for less than G is
// protected, exactly G is not. G counts from the node's end, and in each incarnation not from before that incarnation was
// told of it in any way: what a predecessor saw is forgotten with it. A detach stamp protects nothing and shields nobody.
type grace struct{ ruling }

func newGrace(s *state) rule {
	r := &grace{}
	r.judge(s, "memory", "believer")
	return r
}

func (r *grace) settle(s *state) {
	for _, x := range s.removals {
		since, early := s.insideGrace(x)
		if early {
			r.violate(s, "memory", []int{since.step, x.decided.step}, "the Reconciler cleared %s on %s (epoch %d) %v after it could know that the node is missing; grace is %v",
				x.volume.handle, x.inst.node, x.inst.epoch, x.decided.at-since.at, s.setup.Grace)
		}
	}
}

// insideGrace reports whether a clear came before the node's grace was over, and since when that counts.
func (s *state) insideGrace(x removal) (since moment, early bool) {
	if x.cause != becauseCleared || x.live {
		return moment{}, false // a clear under a node that exists is S3's business
	}
	since, known := s.missing(x.inst.node, x.inst.uid)
	if !known {
		return moment{}, false
	}
	if told, ok := x.proc.toldMissing(s, x.inst.node, x.inst.uid); ok && told.at > since.at {
		since = told
	}
	return since, x.decided.at-since.at < s.setup.Grace
}
