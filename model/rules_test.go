package model_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-sim/holdfast/model"
	"github.com/holdfast-sim/holdfast/sim/trace"
)

// judged judges a script by rules, and returns the result of the first.
func judged(t *testing.T, s *script, rules ...trace.Rule) model.Result {
	t.Helper()
	h := s.header
	h.Setup.Rules = rules
	r, ok := model.Check(h, s.events).Lookup(rules[0].Name)
	require.True(t, ok)
	return r
}

func ruled(t *testing.T, s *script, rule string) model.Result {
	t.Helper()
	return judged(t, s, trace.Rule{Name: "mine", Rule: rule})
}

// told is what an expression gives at the end of converge.
func told(t *testing.T, s *script, expression string) string {
	t.Helper()
	return judged(t, s, trace.Rule{Name: "mine", Rule: `phase != "converge"`, MessageExpression: expression}).Message
}

// What a rule sees is what the trace says.
func TestRulesSeeTheTrace(t *testing.T) {
	s := begin()
	s.wait(10 * time.Second)
	s.publish("vm", "n1")
	s.publish("shared", "n2")
	s.wait(time.Second)
	s.publish("shared", "n3")
	s.wait(time.Second)
	s.wish("vm", "n3")
	s.point(trace.Event{Kind: trace.Change, Verb: "updated", Resource: "nodes", Name: "n2", Node: "n2", UID: "u-n2", State: "notReady"})
	s.wait(time.Minute)
	s.deleteNode("n3")
	s.point(trace.Event{Kind: trace.Trouble, Verb: "clockStep", Limit: time.Hour})
	s.finish()
	for expression, want := range map[string]string{
		`volumes.map(v, v.handle + "=" + v.pv + "/" + v.mode).join(" ")`:                        "vm=pv-vm/ReadWriteOnce shared=pv-shared/ReadWriteMany",
		`volumes.map(v, v.holders.join("+")).join(" ")`:                                         "n1 n2+n3",
		`volumes.map(v, v.granted.join("+")).join(" ")`:                                         "n1 n2+n3",
		`volumes.map(v, v.writers.join("+")).join(" ")`:                                         "n1 n2", // n3's machine is dead
		`volumes.map(v, v.recorded.join("+") + string(v.epoch)).join(" ")`:                      "n11 n2+n32",
		`nodes.map(n, n.name + "=" + n.uid).join(" ")`:                                          "n1=u-n1 n2=u-n2 n3=u-n3",
		`nodes.filter(n, n.exists).map(n, n.name).join(" ")`:                                    "n1 n2",
		`nodes.filter(n, n.ready).map(n, n.name).join(" ")`:                                     "n1",
		`nodes.filter(n, n.alive).map(n, n.name).join(" ")`:                                     "n1 n2",
		`string(nodes.named("n1").since) + " " + string(nodes.named("n3").since)`:               "0s 72.011s",
		`attachments.map(a, a.volume + ">" + a.node + "/" + a.uid).join(" ")`:                   "vm>n1/u-n1 shared>n2/u-n2 shared>n3/u-n3",
		`attachments.map(a, a.state + string(a.epoch) + a.mode).join(" ")`:                      "held1ReadWriteOnce held1ReadWriteMany held2ReadWriteMany",
		`string(attachments[0].attachedAt)`:                                                     "2026-01-01T00:00:10.003Z",
		`string(attachments[2].migrationStart) + " " + string(attachments[2].migrationTimeout)`: "2026-01-01T00:00:11.009Z 300s",
		`string(has(attachments[0].migrationStart))`:                                            "false",
		`attachments.filter(a, !a.nodeExists).map(a, a.node + string(a.nodeSince)).join(" ")`:   "n372.011s",
		`vas.map(x, x.name + "=" + x.volume + ">" + x.node).join(" ")`:                          "shared/n2=shared>n2 shared/n3=shared>n3 vm/n1=vm>n1 vm/n3=vm>n3",
		`vas.filter(x, x.attached).map(x, x.name).join(" ")`:                                    "shared/n2 shared/n3 vm/n1",
		`string(vas.named("vm/n3").since)`:                                                      "12.011s",
		`string(now)`:                                                                           "2026-01-01T01:01:12.011Z", // an hour ahead of the time that has passed
		`string(elapsed)`:                                                                       "72.011s",
	} {
		require.Equal(t, want, told(t, s, expression), expression)
	}
}

func TestRulesSeeAnUnpublish(t *testing.T) {
	s := begin()
	s.wait(10 * time.Second)
	s.publish("vm", "n1")
	s.unwish("vm", "n1")
	require.Equal(t, "vm/n1", told(t, s.finish(), `vas.filter(x, x.deleting).map(x, x.name).join(" ")`))
	s = begin()
	s.publish("shared", "n3")
	s.publish("shared", "n1")
	require.Equal(t, "n1+n3 n1+n3 n1+n3 n1+n3", told(t, s.finish(),
		`[volumes[1].holders, volumes[1].granted, volumes[1].writers, volumes[1].recorded].map(l, l.join("+")).join(" ")`), "names are sorted")
	s = begin()
	s.publish("vm", "n1")
	s.unpublish("vm", "n1")
	require.Equal(t, "0 0 0 1 2026-01-01T00:00:00.006Z", told(t, s.finish(),
		`[volumes[0].holders.size(), volumes[0].granted.size(), attachments.size(), volumes[0].epoch].map(n, string(n)).join(" ") + " " + string(volumes[0].detachedAt)`))
}

// Each of these rules is broken by one event, at its step, and holds without it.
func TestRulesBreakByOneEvent(t *testing.T) {
	for _, c := range []struct {
		rule   string
		break_ func(s *script)
		why    string
	}{
		{`volumes.all(v, v.mode != "ReadWriteOnce" || v.writers.size() <= 1)`, func(s *script) {
			s.point(trace.Event{Kind: trace.World, Verb: "grant", Volume: "vm", Node: "n2", Epoch: 9})
			s.see(trace.Event{Kind: trace.World, Verb: "write", Volume: "vm", Node: "n2"})
		}, "volume vm, held by n1, granted to n1 and n2, written by n1 and n2"},
		{`vas.all(x, !x.attached || attachments.exists(a, a.volume == x.volume && a.node == x.node) || phase == "drain")`, func(s *script) {
			s.point(trace.Event{Kind: trace.Belief, Proc: 1, Volume: "vm", Node: "n1", UID: "u-n1", Epoch: 1, State: "gone"})
		}, "VolumeAttachment vm/n1 of vm on n1"},
		{`volumes.all(v, v.epoch >= old.volumes.named(v.handle).epoch)`, func(s *script) {
			s.point(trace.Event{Kind: trace.Change, Verb: "updated", Resource: "persistentvolumes", Name: "pv-vm", Volume: "vm", Record: `{"version":1,"epoch":0}`})
		}, "volume vm, held by n1"},
		{`volumes.all(v, v.holders.size() <= 1)`, func(s *script) { s.publish("vm", "n2") }, "volume vm, held by n1 and n2"},
		{`nodes.all(n, n.exists || volumes.all(v, !(n.name in v.holders)))`, func(s *script) { s.deleteNode("n1") }, "node n1 (uid u-n1)"},
	} {
		make := func(broken bool) (*script, int) {
			s := begin()
			s.wait(time.Second)
			s.publish("vm", "n1")
			at := s.step + 1
			if broken {
				c.break_(s)
			}
			return s.finish(), at
		}
		s, _ := make(false)
		require.Equal(t, model.Held, ruled(t, s, c.rule).Outcome, c.rule)
		s, from := make(true)
		r := ruled(t, s, c.rule)
		require.Equal(t, model.Violated, r.Outcome, c.rule)
		require.Contains(t, r.Message, c.why)
		require.GreaterOrEqual(t, r.Step, from)
		require.Equal(t, r.Step, r.Witnesses[len(r.Witnesses)-1])
	}
}

// A bound on an age is broken between two changes, and what ends it in one step does not hide that.
func TestRulesAboutTimeAreAskedBetweenChanges(t *testing.T) {
	rule := `attachments.all(a, a.nodeExists || elapsed - a.nodeSince <= duration("2m"))`
	after := func(d time.Duration) *script {
		s := begin()
		s.publish("vm", "n1")
		s.deleteNode("n1")
		s.wait(d)
		s.point(trace.Event{Kind: trace.Belief, Proc: 1, Volume: "vm", Node: "n1", UID: "u-n1", Epoch: 1, State: "gone"})
		return s.finish()
	}
	require.Equal(t, model.Held, ruled(t, after(2*time.Minute), rule).Outcome)
	r := ruled(t, after(2*time.Minute+2), rule)
	require.Equal(t, model.Violated, r.Outcome)
	require.Equal(t, "2m0.00", r.At.String()[:6], "at the last instant before the change")
	r = ruled(t, after(700*time.Millisecond), `attachments.all(a, a.nodeExists || elapsed - a.nodeSince <= duration("500ms"))`)
	require.Equal(t, model.Violated, r.Outcome, "however short the time is")
	require.Equal(t, model.Held, ruled(t, after(time.Minute), `attachments.all(a, a.nodeExists || now < timestamp("2026-01-01T00:02:00Z"))`).Outcome)
	require.Equal(t, model.Violated, ruled(t, after(3*time.Minute), `attachments.all(a, a.nodeExists || now < timestamp("2026-01-01T00:02:00Z"))`).Outcome)
	s := begin() // steps that change nothing let the time be seen
	s.publish("vm", "n1")
	s.deleteNode("n1")
	gone := s.at
	for range 300 {
		s.wait(time.Second).point(trace.Event{Kind: trace.Wake, Proc: 1, Actor: "run", Name: "other"})
	}
	r = ruled(t, s, rule)
	require.Equal(t, model.Violated, r.Outcome)
	require.Less(t, r.At-gone, 2*time.Minute+2*time.Second)
	require.Zero(t, r.More, "it is one violation however long it lasts")
}

// A rule about what the system believes is not asked while nobody knows: between two leaders, and until the next has rebuilt.
func TestRulesAboutBeliefWaitForALeader(t *testing.T) {
	rule := `volumes.all(v, v.holders.all(h, attachments.exists(a, a.volume == v.handle && a.node == h)))`
	s := begin()
	s.publish("vm", "n1")
	s.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "crash"})
	s.proc = 2
	s.counts = map[string]float64{}
	s.point(trace.Event{Kind: trace.Process, Proc: 2, Verb: "start"})
	s.lead()
	s.point(trace.Event{Kind: trace.Belief, Proc: 2, Volume: "vm", Node: "n1", UID: "u-n1", Epoch: 1, State: "held", Mode: "ReadWriteOnce"})
	believed := len(s.events) - 1
	s.pass(func() {})
	s.finish()
	require.Equal(t, model.Held, ruled(t, s, rule).Outcome)
	s.events[believed].Volume = "shared"
	r := ruled(t, s, rule)
	require.Equal(t, model.Violated, r.Outcome)
	require.GreaterOrEqual(t, r.Step, s.events[believed].Step, "only when it shows that memory was rebuilt")

	quiet := *s // nothing changes when the pass begins, and nothing after it
	quiet.events = append(append([]trace.Event(nil), s.events[:believed]...), s.events[believed+1:believed+3]...)
	require.Equal(t, model.Violated, ruled(t, &quiet, rule).Outcome)

	dead := begin() // nobody leads, and the time goes by
	dead.publish("vm", "n1")
	dead.point(trace.Event{Kind: trace.Process, Proc: 1, Verb: "crash"})
	for range 9 {
		dead.wait(time.Minute).point(trace.Event{Kind: trace.Wake, Proc: 1, Actor: "run", Name: "other"})
	}
	dead.see(trace.Event{Kind: trace.Phase, Name: "teardown"})
	require.Equal(t, model.Held, ruled(t, dead, `elapsed < duration("1m") || attachments.size() > 0`).Outcome)

	s.header.Setup.Offers = []string{"backend", "record"}
	r = ruled(t, s, rule)
	require.Equal(t, model.NotJudged, r.Outcome)
	require.Equal(t, "the system does not offer: believer", r.Reason)
	require.Equal(t, model.Held, ruled(t, s, `volumes.all(v, v.writers.size() <= 1)`).Outcome)
	s.header.Setup.Offers = nil
	require.Equal(t, model.NotJudged, ruled(t, s, `volumes.all(v, v.writers.size() <= 1)`).Outcome)
	require.Equal(t, model.Held, ruled(t, s, `volumes.all(v, v.holders.size() <= 1)`).Outcome)
}

// A rule that mentions old is asked from its second point on, and sees the point before.
func TestRulesCompareWithTheStateBefore(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.finish()
	first := ruled(t, s, `volumes.size() == 9`)
	second := ruled(t, s, `old.volumes.size() == 9`)
	require.Equal(t, 0, first.Step)
	require.Greater(t, second.Step, first.Step)
	require.Equal(t, model.Held, ruled(t, s, `old.elapsed <= elapsed && old.volumes.all(o, o.epoch <= volumes.named(o.handle).epoch)`).Outcome)
	require.Equal(t, model.Violated, ruled(t, s, `old.volumes.all(o, o.epoch == volumes.named(o.handle).epoch)`).Outcome)
}

// What a rule could not answer is no violation and not held; a later violation counts all the same.
func TestRulesWithoutAnAnswer(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	prefix := len(s.events)
	s.finish()
	for _, c := range []struct {
		rule   string
		want   model.Outcome
		reason string
	}{
		{`volumes[7].handle == ""`, model.Inconclusive, "evaluate the rule: index out of bounds: 7 (step 0)"},
		{`volumes[attachments.size() - 1].epoch >= 0 || nodes.size() == 3 && attachments.size() < 9`, model.Held, ""},
		{`volumes[attachments.size() - 1].holders.size() == 0`, model.Violated, ""},
		{`lists.range(200).all(a, lists.range(200).all(b, lists.range(200).all(c, a + b + c < 0 || nodes.size() > 0)))`, model.Inconclusive,
			"the rule is too expensive: more than 1000000 steps of work in one evaluation (step 0)"},
		{`volumes.al(v, true)`, model.Inconclusive, `the rule does not compile: rule:1:11: there is no "al" (did you mean "all"?)`},
	} {
		r := ruled(t, s, c.rule)
		require.Equal(t, c.want, r.Outcome, c.rule)
		require.Equal(t, c.reason, r.Reason, c.rule)
	}
	short := begin()
	short.events = short.events[:2] // the set-up alone
	require.Equal(t, "there was no point at which it could be judged", ruled(t, short, `volumes.size() == 2`).Reason)
	s.events = s.events[:prefix]
	require.Equal(t, model.Inconclusive, ruled(t, s, `volumes.size() >= 2`).Outcome, "a run that was not seen to its end has held nothing")
}

// Only what is asked for decides the verdict.
func TestJudgeNarrowsTheVerdict(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.refuse("vm", "n2")
	s.events[s.marks["returned"]].Code = "OK" // S1 is broken
	s.finish()
	rules := []trace.Rule{{Name: "mine", Rule: `volumes.size() >= 2`}, {Name: "single-writer", Rule: `nodes.size() == 7`}}
	check := func(judge ...string) model.Verdict {
		h := s.header
		h.Setup.Rules, h.Setup.Judge = rules[:1], judge
		return model.Check(h, s.events)
	}
	require.Equal(t, model.Violated, check().Outcome())
	require.Equal(t, model.Violated, check("S1", "mine").Outcome())
	v := check("S3", "L4", "mine")
	require.Equal(t, model.Held, v.Outcome())
	one, _ := v.Lookup("S1")
	require.Equal(t, model.NotJudged, one.Outcome)
	require.Equal(t, "asked for is only S3, L4", one.Reason)
	mine, _ := v.Lookup("mine")
	require.Equal(t, model.Held, mine.Outcome)
	v = check("S3")
	mine, _ = v.Lookup("mine")
	require.Equal(t, model.NotJudged, mine.Outcome)
	require.Equal(t, "asked for is only S3", mine.Reason)

	for judge, want := range map[string]bool{"S1": true, "S3": false} { // while it runs, too
		h := s.header
		h.Setup.Judge = []string{judge}
		c := model.New(h)
		for _, e := range s.events {
			c.Step(e)
		}
		require.Equal(t, want, c.Violated(), judge)
	}

	// A rule may have the title of an invariant: its own name goes first.
	h := s.header
	h.Setup.Rules = rules
	r, ok := model.Check(h, s.events).Lookup("single-writer")
	require.True(t, ok)
	require.Equal(t, "single-writer", r.Invariant)
	r, _ = model.Check(h, s.events).Lookup("singleWriter")
	require.Equal(t, "S1", r.Invariant)
}

// Rules change nothing of what the built-in invariants say.
func TestRulesLeaveTheInvariantsAlone(t *testing.T) {
	s := begin()
	s.publish("shared", "n1")
	s.publish("shared", "n2")
	s.finish()
	plain := model.Check(s.header, s.events)
	h := s.header
	h.Setup.Rules = []trace.Rule{{Name: "mine", Rule: `attachments.size() + vas.size() + nodes.size() + volumes.size() < 0`}}
	v := model.Check(h, s.events)
	require.Equal(t, plain.Results, v.Results[:len(plain.Results)])
	require.Len(t, v.Results, len(plain.Results)+1)
	require.Equal(t, plain.Tally, v.Tally)
}

// A rule that is broken, mended and broken again is violated twice, and told once.
func TestRulesCountViolations(t *testing.T) {
	s := begin()
	s.publish("vm", "n1")
	s.publish("shared", "n1")
	s.unpublish("vm", "n1")
	s.publish("vm", "n2")
	s.finish()
	r := ruled(t, s, `volumes.named("vm").holders.size() == 0`)
	require.Equal(t, model.Violated, r.Outcome)
	require.Equal(t, 1, r.More)
}
