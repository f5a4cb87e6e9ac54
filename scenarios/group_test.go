package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGroupsOfVolumes(t *testing.T) {
	s, err := Parse("x.yaml", strings.NewReader(`
apiVersion: holdfast.dev/v1alpha1
kind: Scenario
metadata: {name: x}
spec:
  nodes: 2
  volumes:
  - {name: one, accessMode: ReadWriteOnce}
  - {name: disk, count: 3, accessMode: ReadWriteMany, migrationTimeout: 1m}
  timeline:
  - {at: 1s, publish: {volume: disk, node: "*", over: 3s}}
  - {at: 2s, unpublish: {volume: disk-2, node: node-2}}
  - {at: 5s, unpublish: {volume: disk, node: node-1, force: true}}
`))
	require.NoError(t, err)
	var volumes, steps []string
	for _, v := range s.Spec.Volumes {
		volumes = append(volumes, v.Name)
		require.Equal(t, v.Name != "one", v.MigrationTimeout == Duration(time.Minute))
	}
	require.Equal(t, []string{"one", "disk-1", "disk-2", "disk-3"}, volumes)
	for _, step := range s.Spec.Timeline {
		volume, node := step.Names()
		steps = append(steps, strings.Join([]string{time.Duration(step.At).String(), step.Action(), volume, node}, " "))
	}
	require.Equal(t, []string{
		"1s publish disk-1 node-1", "2s publish disk-2 node-2", "2s unpublish disk-2 node-2", "3s publish disk-3 node-1",
		"5s unpublish disk-1 node-1", "5s unpublish disk-2 node-1", "5s unpublish disk-3 node-1",
	}, steps)
	require.True(t, s.Spec.Timeline[6].Unpublish.Force)
	require.Equal(t, s.Defaults(), s.Defaults().Defaults())
}

func TestGroupsOfVolumes_Errors(t *testing.T) {
	for name, c := range map[string]struct{ volume, step, want string }{
		"none":        {"{name: disk, count: -1, accessMode: ReadWriteOnce}", "", "x.yaml:7:25: count is -1, outside of 1 to 10000"},
		"own pv":      {"{name: disk, count: 2, pv: a, accessMode: ReadWriteOnce}", "", "x.yaml:7:32: a group of volumes has no PersistentVolume of its own\nhint: leave pv out"},
		"same name":   {"{name: disk, count: 2, accessMode: ReadWriteOnce}\n  - {name: disk-2, accessMode: ReadWriteOnce}", "", `x.yaml:8:12: there are two with the volume "disk-2"`},
		"one name":    {"{name: disk, count: 2, accessMode: ReadWriteOnce}", "publish: {volume: disk, node: node-1, name: a}", "x.yaml:9:58: a step about a group makes many VolumeAttachments\nhint: leave name out"},
		"other steps": {"{name: disk, count: 2, accessMode: ReadWriteOnce}", "deletePV: {volume: disk}", `x.yaml:9:33: there is no volume "disk" (did you mean "disk-1"?)`},
		"spread":      {"{name: disk, accessMode: ReadWriteOnce}", "publish: {volume: disk, node: node-1, over: 1s}", "x.yaml:9:58: only steps of a group of volumes are spread\nhint: give the volume a count"},
		"every node":  {"{name: disk, accessMode: ReadWriteOnce}", `publish: {volume: disk, node: "*"}`, "x.yaml:9:44: there is no node \"*\"\nhint: each node is listed in spec.nodes: node-1"},
	} {
		t.Run(name, func(t *testing.T) {
			step := c.step
			if step == "" {
				step = "trigger: {}"
			}
			text := "apiVersion: holdfast.dev/v1alpha1\nkind: Scenario\nmetadata: {name: x}\nspec:\n  nodes: 1\n  volumes:\n  - " + c.volume + "\n  timeline:\n  - {at: 1s, " + step + "}\n"
			_, err := Parse("x.yaml", strings.NewReader(text))
			require.EqualError(t, err, c.want)
		})
	}
}
