package attachment

// Epoch returns the highest epoch that the volume has ever given out, as far as is known; 0 if that is none. A revoke that
// carries it ends all that was granted, and nothing that will be.
func (t *Turn) Epoch() uint64 { return t.cell.epoch }
