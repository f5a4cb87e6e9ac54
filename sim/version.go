package sim

import "runtime/debug"

// Version is the version of Holdfast that this program was built from, or "devel".
func Version() string {
	const module = "github.com/holdfast-sim/holdfast"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	return "devel"
}
