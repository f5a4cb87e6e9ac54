package attachment

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The index says of every node what a walk over all volumes says, whatever came and went, and in which order.
func TestResidentsAreWhatTheHoldersSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := residents{byName: map[string]*resident{}}
		held, shown := map[string][]holder{}, map[identity]bool{}
		one := rapid.Custom(func(t *rapid.T) holder {
			return holder{node: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "node"), uid: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "uid"),
				epoch: uint64(rapid.IntRange(1, 2).Draw(t, "epoch"))}
		})
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			volume := rapid.SampledFrom([]string{"v", "w", "x"}).Draw(t, "volume")
			to := rapid.SliceOfN(one, 0, 3).Draw(t, "to")
			r.move(volume, held[volume], to)
			held[volume] = to
			check(t, r, held)
			maps.DeleteFunc(shown, func(k identity, _ bool) bool { return r.find(k.name, k.uid) == nil })
			for range rapid.IntRange(0, 2).Draw(t, "looks") {
				if k, ok := r.show(); ok {
					require.NotContains(t, shown, k, "each is shown once")
					shown[k] = true
				}
			}
			require.Len(t, shown, r.shown)
			for _, n := range r.all[:r.shown] {
				require.Contains(t, shown, n.identity)
			}
		}
		for volume, from := range held {
			r.move(volume, from, nil)
		}
		require.Empty(t, r.byName)
		require.Empty(t, r.all)
		require.Zero(t, r.held)
	})
}

func check(t *rapid.T, r residents, held map[string][]holder) {
	want, names, all := map[identity][]string{}, map[string][]string{}, 0
	for volume, holders := range held {
		all += len(holders)
		for _, h := range holders {
			k := identity{h.node, h.uid}
			want[k] = append(want[k], volume)
			names[h.node] = append(names[h.node], volume)
		}
	}
	require.Equal(t, all, r.held)
	require.Len(t, r.all, len(want))
	for i, n := range r.all {
		require.Equal(t, i, n.at)
		require.Same(t, n, r.find(n.name, n.uid))
		for _, v := range want[n.identity] {
			require.Contains(t, n.volumes, v)
		}
		require.Len(t, n.volumes, len(distinct(want[n.identity])))
	}
	for _, name := range []string{"a", "b", "c"} {
		require.Equal(t, distinct(names[name]), r.volumesOn(name))
	}
}

func distinct(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// Every node that stays is visited, however many come and go while the visit is on.
func TestNodesVisitsWhatStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := NewManager(nil)
		require.NoError(t, err)
		move := func(i int, there bool) {
			h := []holder{{node: fmt.Sprint("node-", i), uid: "u"}}
			m.mu.Lock()
			defer m.mu.Unlock()
			if there {
				m.residents.move(fmt.Sprint("v-", i), nil, h)
			} else {
				m.residents.move(fmt.Sprint("v-", i), h, nil)
			}
		}
		n := rapid.IntRange(1, 4*chunk).Draw(t, "nodes")
		there := map[int]bool{}
		for i := range n {
			move(i, true)
			there[i] = true
		}
		stays := map[string]bool{}
		for i := range n {
			stays[fmt.Sprint("node-", i)] = true
		}
		visited, fresh := map[string]bool{}, n
		m.Nodes(func(name, uid string) bool {
			require.Equal(t, "u", uid)
			visited[name] = true
			if rapid.IntRange(0, 3).Draw(t, "what else") > 0 {
				return true
			}
			if i := rapid.IntRange(0, fresh-1).Draw(t, "which"); there[i] {
				move(i, false)
				delete(there, i)
				delete(stays, fmt.Sprint("node-", i))
			} else {
				move(fresh, true)
				there[fresh] = true
				fresh++
			}
			return true
		})
		for name := range stays {
			require.True(t, visited[name], name)
		}
	})
}

func TestNodesStopsWhenItIsTold(t *testing.T) {
	m, err := NewManager(nil)
	require.NoError(t, err)
	for i := range 3 {
		require.NoError(t, m.TrackAttachment(t.Context(), fmt.Sprint("v-", i), fmt.Sprint("n-", i)))
	}
	visits := 0
	m.Nodes(func(string, string) bool { visits++; return visits < 2 })
	require.Equal(t, 2, visits)
	require.Equal(t, 3, m.Held())
	require.Len(t, m.On("n-1"), 1)
	require.Empty(t, m.On("n-9"))
}
