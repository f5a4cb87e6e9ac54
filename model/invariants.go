package model

import "github.com/holdfast-sim/holdfast/sim/trace"

// Invariant is something that no run may break.
type Invariant struct {
	Name  string // S1 to S20 for safety, L1 to L10 for liveness
	Title string
	// Text says what must hold, as the specification does.
	Text string
	// Why says what it costs when it does not.
	Why string
	// Source is where the specification says so.
	Source string
	// Needs lists the powers of a system without which a part, or the whole, is not judged.
	Needs []string

	kinds   []trace.Kind        // what the rule's step wants to see
	build   func(s *state) rule // nil if this build does not judge it
	missing string              // and why
}

// section5 is where all of them come from.
const section5 = "SPEC.md section 5"

// Invariants returns all of them, in the order of the specification.
func Invariants() []Invariant {
	return append(append(holderInvariants(), systemInvariants()...), livenessInvariants()...)
}

// holderInvariants are those about who has a volume.
func holderInvariants() []Invariant {
	return []Invariant{
		{
			Name: "S1", Title: "single writer", Source: section5, Needs: []string{"believer", "backend"},
			Text:  "A read-write-once volume never has two holders, overlapping publish calls included; never do two nodes write at once.",
			Why:   "Two nodes that write to one file system destroy it.",
			kinds: []trace.Kind{trace.Return, trace.World}, build: newSingleWriter,
		},
		{
			Name: "S2", Title: "holder limit", Source: section5, Needs: []string{"believer"},
			Text:  "Holders never exceed what volume and requests allow; two only if the volume and both requests are many-node.",
			Why:   "A second holder that nobody counts is a second writer, or a migration that cannot be ended.",
			kinds: []trace.Kind{trace.Return}, build: newHolderLimit,
		},
		{
			Name: "S3", Title: "never clear live", Source: section5, Needs: []string{"believer"},
			Text:  "The Reconciler clears an instance only if its node, the same uid, was absent at some instant between its check and the clear.",
			Why:   "What is cleared under a working node is given to the next one while the first still writes.",
			build: newNeverClearLive, kinds: []trace.Kind{trace.Op, trace.Return},
		},
		{
			Name: "S4", Title: "targeted", Source: section5, Needs: []string{"believer", "backend"},
			Text:  "Handling node N changes only N's entries; other holders of the same volume stay.",
			Why:   "A migration has two holders; losing one node must not cost the other its record.",
			kinds: []trace.Kind{trace.Call}, build: newTargeted,
		},
		{
			Name: "S5", Title: "grace", Source: section5, Needs: []string{"believer"},
			Text:  "The Reconciler never clears inside grace: missing for less than G is protected, exactly G is not; a detach stamp protects nothing.",
			Why:   "Node objects vanish for a moment in upgrades and repairs; clearing at once detaches disks under running machines.",
			build: newGrace, kinds: []trace.Kind{trace.Counter, trace.Call},
		},
		{
			Name: "S6", Title: "hand-off", Source: section5,
			Text:  "Grace grants nothing against a holder: a hand-off publish succeeds only if there is no holder.",
			Why:   "A window that lets the next node in lets any node in.",
			kinds: []trace.Kind{trace.Return}, build: newHandOff,
		},
		{
			Name: "S7", Title: "fail open", Source: section5, Needs: []string{"believer", "metrics"},
			Text:  "On error, timeout, unsynced or too old a cache, a pass changes nothing for that volume, and tries again; the mass-clear guard holds.",
			Why:   "An outage of the API server must not read as the death of every node.",
			kinds: []trace.Kind{trace.Process, trace.Op, trace.Counter, trace.Reply}, build: newFailOpen,
		},
		{
			Name: "S8", Title: "fail closed", Source: section5,
			Text:  "Publish with an unverifiable holder, and publish or unpublish before the first successful rebuild or outside leadership, is a retriable error without effect.",
			Why:   "A controller that does not know answers later, not wrongly.",
			kinds: []trace.Kind{trace.Return}, build: newFailClosed,
		},
	}
}

// systemInvariants are the other safety invariants.
func systemInvariants() []Invariant {
	return append(stateInvariants(), conductInvariants()...)
}

// stateInvariants are those about what the system knows and keeps.
func stateInvariants() []Invariant {
	return []Invariant{
		{
			Name: "S9", Title: "atomic", Source: section5, Needs: []string{"believer", "backend", "record"},
			Text:  "An operation that returns an error leaves memory as if never called, save an uncertain instance and the epoch, and no reader saw a held record in between.",
			Why:   "Half an operation is a holder that nobody will ever release.",
			kinds: []trace.Kind{trace.Return, trace.Process, trace.World, trace.Call, trace.Reply, trace.Counter, trace.Belief, trace.Phase}, build: newAtomic,
		},
		{
			Name: "S10", Title: "idempotent", Source: section5, Needs: []string{"believer"},
			Text:  "Repeating an OK operation with no other operation on the volume in between is OK and changes no state, time, counter or event; unpublish(V, A) never touches another node's entry.",
			Why:   "CSI callers repeat: they restart, and they time out.",
			kinds: []trace.Kind{trace.Op, trace.Return, trace.Change, trace.Counter, trace.Recorded, trace.Probe}, build: newIdempotent,
		},
		{
			Name: "S11", Title: "linearizable", Source: section5,
			Text:  "Each volume's history matches the sequential model.",
			Why:   "What no order of the calls explains, no caller can rely on.",
			kinds: []trace.Kind{trace.Op, trace.Return, trace.Call, trace.Reply, trace.Process, trace.Change, trace.Trouble}, build: newLinearizable,
		},
		{
			Name: "S12", Title: "isolated", Source: section5, Needs: []string{"believer"},
			Text:  "Returned values are immutable; a hung operation on one volume never blocks an operation or read on another.",
			Why:   "One hung call must not stop the whole controller.",
			kinds: []trace.Kind{trace.Probe, trace.Belief, trace.Op, trace.Return}, build: newIsolated,
		},
		{
			Name: "S13", Title: "rebuild is truth", Source: section5, Needs: []string{"believer", "record"},
			Text:  "After a restart memory is what VolumeAttachments and records say, by the table; epochs never repeat.",
			Why:   "What a new leader does not know it gives away a second time.",
			kinds: []trace.Kind{trace.Process, trace.Reply, trace.Return, trace.Counter, trace.Change}, build: newRebuild,
		},
		{
			Name: "S14", Title: "no lost update", Source: section5, Needs: []string{"believer", "direct"},
			Text:  "An operation acknowledged during a rebuild survives it.",
			Why:   "What a rebuild has read is older than what was done meanwhile.",
			kinds: []trace.Kind{trace.Return}, build: newNoLostUpdate,
		},
		{
			Name: "S15", Title: "record agrees", Source: section5, Needs: []string{"record", "believer", "backend"},
			Text:  "At rest the persisted record names exactly the holders and the uncertain; with none, only the tombstone is left.",
			Why:   "The record is what the next leader starts from.",
			kinds: []trace.Kind{trace.Phase, trace.Change, trace.Return}, build: newRecordAgrees,
		},
	}
}

// conductInvariants are those about how the system behaves.
func conductInvariants() []Invariant {
	return []Invariant{
		{
			Name: "S16", Title: "time", Source: section5, Needs: []string{"believer"},
			Text:  "AttachedAt <= MigrationStartedAt <= now; stamps do not decrease; a jump of the wall clock changes no grace or timeout decision.",
			Why:   "Clocks jump, and a grace of an hour is a volume that is lost for an hour.",
			kinds: []trace.Kind{trace.Belief, trace.Phase, trace.Op, trace.Return, trace.Change}, build: newTimeOrder,
		},
		{
			Name: "S17", Title: "observable", Source: section5, Needs: []string{"metrics", "recorder", "believer"},
			Text:  "Each transition counts once per incarnation and records exactly one event with the right reason, direction and nodes; no transition, no count; gauges equal the model.",
			Why:   "Operators page people by these numbers.",
			kinds: []trace.Kind{trace.Counter, trace.Recorded, trace.Return, trace.Process, trace.Call, trace.Reply}, build: newObservable,
		},
		{
			Name: "S18", Title: "split leadership", Source: section5,
			Text:  "Of two conflicting attaches by two managers at most one returns OK; a deposed leader issues no write.",
			Why:   "Two replicas overlap in every rollout.",
			kinds: []trace.Kind{trace.Process, trace.Call, trace.Return}, build: newSplitLeadership,
		},
		{
			Name: "S19", Title: "all nodes", Source: section5, Needs: []string{"believer", "backend"},
			Text:  `unpublish(V, "") leaves no holder.`,
			Why:   "A driver that ignores it reports success, and the volume is deleted under somebody's feet.",
			kinds: []trace.Kind{trace.Op, trace.Return}, build: newAllNodes,
		},
		{
			Name: "S20", Title: "sound", Source: section5, Needs: []string{"race", "mutex"},
			Text:  "No panic, no data race, no mutex held across I/O.",
			Why:   "A process that dies in mid-pass helps nobody.",
			kinds: []trace.Kind{trace.Probe, trace.Return, trace.Recorded}, build: newSound,
		},
	}
}

// livenessInvariants bound what must happen, in virtual time.
func livenessInvariants() []Invariant {
	return append(loopInvariants(), outcomeInvariants()...)
}

// loopInvariants are those about the reconcile loop.
func loopInvariants() []Invariant {
	return []Invariant{
		{
			Name: "L1", Title: "start and stop", Source: section5, Needs: []string{"lifecycle"},
			Text:  "Start returns at once; every Stop returns within 5 s and nothing happens afterwards.",
			Why:   "A Stop that hangs keeps a process from ending; a loop that goes on clears records in a dead owner's name.",
			kinds: []trace.Kind{trace.Op, trace.Return, trace.Process, trace.Counter, trace.Reply}, build: newStartStop,
		},
		{
			Name: "L2", Title: "one loop", Source: section5, Needs: []string{"lifecycle", "metrics"},
			Text:  "At most one loop; Stop then Start, and context end then Start, give a fully working reconciler.",
			Why:   "Two loops close each other's channels; one that cannot start again is dead until the process is.",
			kinds: []trace.Kind{trace.Op, trace.Return, trace.Process, trace.Call}, build: newOneLoop,
		},
		{
			Name: "L3", Title: "trigger", Source: section5, Needs: []string{"nudger", "metrics"},
			Text:  "A trigger accepted at t leads to a pass that begins after t, within the current pass and 1 s; n triggers coalesce to at most two passes.",
			Why:   "A trigger that gets lost leaves a dead node's volumes until the next tick.",
			kinds: []trace.Kind{trace.Op, trace.Return, trace.Process, trace.Change, trace.Deliver, trace.Counter}, build: newTrigger,
		},
		{
			Name: "L4", Title: "stale cleared", Source: section5, Needs: []string{"believer"},
			Text:  "Every stale entry, secondary and name-reused nodes included, is cleared by first-missing + G + I + T + A; with a node event by G + T + A.",
			Why:   "What is never cleared blocks its volume for ever.",
			kinds: []trace.Kind{trace.Change, trace.Deliver, trace.Process, trace.Reply}, build: newStaleCleared,
		},
		{
			Name: "L5", Title: "migration timeout", Source: section5, Needs: []string{"believer", "metrics"},
			Text:  "A migration past its timeout gives exactly one metric and event per incarnation within I.",
			Why:   "It is how an operator learns that a volume has been open on two nodes for too long.",
			kinds: []trace.Kind{trace.Process}, build: newMigrationTimeout,
		},
	}
}

// outcomeInvariants are those about what everybody comes to in the end.
func outcomeInvariants() []Invariant {
	return []Invariant{
		{
			Name: "L6", Title: "publish succeeds", Source: section5,
			Text:  "Once the blocking holder is gone, some retry of publish succeeds within 5 min + 2 x 15 s and jitter.",
			Why:   "A volume that is refused for ever is an outage that no restart of the pod can mend.",
			kinds: []trace.Kind{trace.Change, trace.Process, trace.Trouble, trace.Phase, trace.Op, trace.Return, trace.Belief}, build: newPublishSucceeds,
		},
		{
			Name: "L7", Title: "agreement", Source: section5, Needs: []string{"believer", "record"},
			Text:  "After faults stop, memory, record and API objects agree within I + G + T, and stay so.",
			Why:   "It is what lets an operator walk away after an incident.",
			kinds: []trace.Kind{trace.Phase}, build: newAgreement,
		},
		{
			Name: "L8", Title: "no goroutine leak", Source: section5,
			Text:  "The count of goroutines is back at its baseline after Stop and after many events.",
			Why:   "A goroutine per event is a controller that dies of memory after a month.",
			kinds: []trace.Kind{trace.Probe}, build: newGoroutines,
		},
		{
			Name: "L9", Title: "bounded memory", Source: section5, Needs: []string{"stats", "believer"},
			Text:  "Maps and locks are O(live volumes + detaches within grace), zero after a drain.",
			Why:   "What is kept per volume for ever grows with every claim that a cluster ever had.",
			kinds: []trace.Kind{trace.Phase, trace.Probe}, build: newBoundedMemory,
		},
		{
			Name: "L10", Title: "scale", Source: section5, Needs: []string{"believer", "metrics"},
			Text:  "Calls in a pass <= 2 x suspect nodes + 2 x dirty volumes + 4; a pass that outlasts its interval raises its metric; detaches do not starve attaches.",
			Why:   "At thousands of volumes a call per attachment is an outage of the API server.",
			kinds: []trace.Kind{trace.Process, trace.Call, trace.Reply, trace.Return, trace.Counter}, build: newScale,
		},
	}
}
