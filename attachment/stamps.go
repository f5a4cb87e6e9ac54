package attachment

import (
	"cmp"
	"slices"
	"time"
)

// stamps are the detach stamps of volumes. A stamp is forgotten when it is older than any grace period in use: the table is
// bounded by the detaches within grace, without a goroutine and without a walk over all.
type stamps struct {
	grace    time.Duration
	byVolume map[string]stamp
	// queue is sorted by age, the oldest first. It may name stamps that are gone or were replaced.
	queue []aging
}

type stamp struct {
	wall time.Time     // what is told and persisted
	at   time.Duration // the monotonic reading by which it ages
}

type aging struct {
	volume string
	at     time.Duration
}

func newStamps(grace time.Duration) stamps { return stamps{grace: grace, byVolume: map[string]stamp{}} }

// set stamps a volume. Stamps come in the order of time, save those that a rebuild restores.
func (s *stamps) set(volume string, st stamp) {
	s.byVolume[volume] = st
	i, _ := slices.BinarySearchFunc(s.queue, st.at, func(a aging, at time.Duration) int {
		return cmp.Or(cmp.Compare(a.at, at), -1) // behind its equals
	})
	s.queue = slices.Insert(s.queue, i, aging{volume: volume, at: st.at})
}

func (s *stamps) drop(volume string) bool {
	_, ok := s.byVolume[volume]
	delete(s.byVolume, volume)
	return ok
}

// prune forgets what no grace period protects any more, and returns the volumes.
func (s *stamps) prune(now time.Duration) (forgotten []string) {
	n := 0
	for ; n < len(s.queue) && s.old(s.queue[n], now); n++ {
		a := s.queue[n]
		if st, ok := s.byVolume[a.volume]; ok && st.at == a.at {
			delete(s.byVolume, a.volume)
			forgotten = append(forgotten, a.volume)
		}
	}
	if s.queue = slices.Delete(s.queue, 0, n); len(s.queue) == 0 {
		s.queue = nil // gives the memory back after a drain
	}
	return forgotten
}

// stale reports whether prune has something to do.
func (s *stamps) stale(now time.Duration) bool {
	return len(s.queue) > 0 && s.old(s.queue[0], now)
}

// old reports whether no grace period protects a stamp of this age.
func (s *stamps) old(a aging, now time.Duration) bool { return now-a.at >= s.grace }

// within reports whether the volume's stamp is younger than g.
func (s *stamps) within(volume string, now, g time.Duration) bool {
	st, ok := s.byVolume[volume]
	return ok && now-st.at < g
}
