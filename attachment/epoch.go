package attachment

// Epoch returns an epoch that is not below any that the volume has ever given out, and below those that will be: a revoke that
// carries it ends all that was granted, and nothing that will be. Of a volume without a record nobody knows what was given
// out before the last restart, or before its PersistentVolume was made anew.
func (t *Turn) Epoch() uint64 {
	if t.cell.epoch > 0 {
		return t.cell.epoch
	}
	return t.m.freshEpoch(0)
}
