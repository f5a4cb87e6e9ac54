// Package choice answers the question "which of n?" for every decision of a run.
//
// Every decision has a label, and every label has a stream of its own, so that a new consumer of choices does not shift the
// answers of the others, and so that a run can be repeated after the code has changed a little.
//
//	src := choice.Seeded(42)
//	if src.Choose("fault/p1/run/get/nodes/node-1#3", 10) == 0 { ... one in ten, the same one each time ... }
package choice

import (
	"math/bits"
	"sync"
)

// Source decides. Implementations are safe for concurrent use, and an answer depends on nothing but the label, the number
// of earlier questions under that label, and the source's own seed or recording.
type Source interface {
	// Choose returns a number in [0, n). It panics if n < 1.
	Choose(label string, n int) int
}

// Stream is a Source whose answers follow from a seed.
type Stream struct {
	seed  uint64
	mu    sync.Mutex
	asked map[string]uint64
}

// Seeded returns the source of a seed.
func Seeded(seed uint64) *Stream {
	return &Stream{seed: seed, asked: make(map[string]uint64)}
}

// Choose implements Source.
func (s *Stream) Choose(label string, n int) int {
	if n < 1 {
		panic("choice: " + label + ": nothing to choose from")
	}
	s.mu.Lock()
	k := s.asked[label]
	s.asked[label] = k + 1
	s.mu.Unlock()
	if n == 1 {
		return 0
	}
	hi, _ := bits.Mul64(mix(mix(s.seed^hash(label))+k*golden), uint64(n))
	return int(hi)
}

// Per answers true about once in every n questions under the label.
func Per(s Source, label string, n int) bool { return s.Choose(label, n) == 0 }

const golden = 0x9e3779b97f4a7c15

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hash is FNV-1a. Package hash/maphash is faster and differs in every process, which is what a seed must not do.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
