package model

// refused judges a publish that was refused for certain, although it had been told by the API server itself that the node of
// everybody who had the volume was gone: then they go at any age (SPEC.md section 4), and the caller need not wait for grace.
func (r *publishSucceeds) refused(s *state, o *operation) {
	v := o.volume
	if o.verb != "publish" || o.code != "FailedPrecondition" || o.denied || v == nil || !v.single() || !oneNode(o.mode) || v.direct ||
		!v.pv.exists || v.pv.deleting || v.pv.lost || !r.judged("evicts") {
		return
	}
	var gone []int
	for _, i := range o.proc.memory(v.handle).instances {
		read, ok := findRead(o.reads, i.node)
		if !ok || i.node == o.node || read.code != "NotFound" || i.seen.step >= o.begun.step {
			return // another reason, or one that nothing was asked about
		}
		gone = append(gone, read.told.step)
	}
	if len(gone) > 0 {
		r.violate(s, "evicts", gone, "publish of %s on %s was refused although it was told that the node of every holder is gone", v.handle, o.node)
	}
}
