package sim

// wrapper is a System around something that has optional powers of its own, as package csidriver makes them.
type wrapper interface{ Wrapped() any }

// power returns an optional power of a system: the system's own, or that of what it wraps.
func power[T any](s System) (T, bool) {
	if p, ok := s.(T); ok {
		return p, true
	}
	if w, ok := s.(wrapper); ok {
		p, ok := w.Wrapped().(T)
		return p, ok
	}
	var none T
	return none, false
}
