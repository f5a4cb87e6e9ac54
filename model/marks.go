package model

// Mark is a state that is worth reaching: one in which drivers go wrong. A campaign that never reaches a mark has not tested
// what happens there.
type Mark struct {
	// Name says what is so, in words that hold of one volume.
	Name string
	// Leads are the classes of operations and the effects of faults, in the words of package scenarios, that lead there.
	Leads []string

	all, none Scene // all of these are true, and none of those
}

// In reports whether a scene is one of the mark's.
func (m Mark) In(s Scene) bool { return s&m.all == m.all && s&m.none == 0 }

// Marks lists every mark, in a fixed order.
func Marks() []Mark {
	return []Mark{
		// A node goes, and its grace runs.
		{Name: "grace-stop-pending", Leads: []string{"stopInPass", "deleteNode", "lifecycle", "deaf"}, all: graceRuns | stopping},
		{Name: "grace-loop-stopped", Leads: []string{"deleteNode", "lifecycle"}, all: graceRuns | loopStopped},
		{Name: "grace-without-leader", Leads: []string{"deleteNode", "depose", "crash"}, all: graceRuns | leaderless},
		{Name: "grace-two-leaders", Leads: []string{"deleteNode", "overlap"}, all: graceRuns | twoLeaders},
		{Name: "grace-api-troubled", Leads: []string{"deleteNode", "outage", "lag", "unseenReturn"}, all: graceRuns | troubled},
		{Name: "grace-clock-jumps", Leads: []string{"deleteNode", "clockStep"}, all: graceRuns | jumped},
		{Name: "grace-crash", Leads: []string{"deleteNode", "crash", "crashBefore", "crashAfter"}, all: graceRuns | crashing},
		{Name: "grace-reborn", Leads: []string{"replaceNode", "unseenReturn"}, all: graceRuns | reborn},

		// A node is gone, and something else goes on.
		{Name: "gone-in-pass", Leads: []string{"deleteNode", "toTheDot", "trigger"}, all: nodeGone | passing | remembered, none: graceRuns},
		{Name: "gone-crash-in-pass", Leads: []string{"deleteNode", "toTheDot", "crashBefore", "crashAfter"}, all: nodeGone | passing | crashing},
		{Name: "gone-uncertain", Leads: []string{"doubt", "halfDetached", "replyLost", "timeout"}, all: nodeGone | uncertain},
		{Name: "gone-unpublishing", Leads: []string{"deleteNode", "halfDetached"}, all: nodeGone | unpublishing},
		{Name: "gone-wanted-elsewhere", Leads: []string{"deleteNode", "rush"}, all: nodeGone | publishing | wishedTwice},
		{Name: "gone-rebuilding", Leads: []string{"deleteNode", "blind", "crash"}, all: nodeGone | rebuildPending},
		{Name: "gone-writes-on", Leads: []string{"deleteNode"}, all: nodeGone | strayWriter},
		{Name: "reborn-publishing", Leads: []string{"replaceNode", "doubt"}, all: reborn | publishing},
		{Name: "publish-target-gone", Leads: []string{"deleteNode", "replaceNode", "doubt"}, all: publishing | targetGone},
		{Name: "machine-off-wanted-elsewhere", Leads: []string{"killMachine", "rush", "move"}, all: machineDown | wishedTwice},

		// A process goes while something is half done.
		{Name: "crash-granted-unanswered", Leads: []string{"start", "crash", "crashAfter"}, all: granted | publishing | crashing},
		{Name: "crash-revoked-unanswered", Leads: []string{"stop", "move", "crashAfter"}, all: unpublishing | remembered | crashing, none: granted},
		{Name: "crash-uncertain", Leads: []string{"doubt", "crash", "crashBefore"}, all: uncertain | crashing},
		{Name: "crash-rebuilding", Leads: []string{"blind", "crash", "crashBefore"}, all: rebuildPending | recorded | crashing},
		{Name: "rebuilding-api-troubled", Leads: []string{"blind", "crash", "outage", "lag"}, all: rebuildPending | recorded | troubled},
		{Name: "stop-in-slow-pass", Leads: []string{"stopInPass", "lifecycle", "hang", "deaf"}, all: stopping | passing | slowed},

		// A volume that two want.
		{Name: "publish-and-unpublish", Leads: []string{"move", "halfDetached", "hang", "deaf"}, all: publishing | unpublishing},
		{Name: "publish-two-leaders", Leads: []string{"overlap", "start", "move"}, all: publishing | twoLeaders},
		{Name: "migration-node-gone", Leads: []string{"migrate", "deleteNode"}, all: migrating | nodeGone},
		{Name: "migration-overdue", Leads: []string{"migrate"}, all: migrating | overdue},
		{Name: "migration-crash", Leads: []string{"migrate", "crash", "crashAfter"}, all: migrating | crashing},
		{Name: "migration-two-processes", Leads: []string{"migrate", "overlap"}, all: migrating | twoAlive},
		{Name: "migration-clock-jumps", Leads: []string{"migrate", "clockStep"}, all: migrating | jumped},
	}
}
