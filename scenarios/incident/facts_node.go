package incident

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func (f *facts) learnNode(r *record, o object) (news bool) {
	uid := string(o.meta.UID)
	if o.gone || r.verb == "deletecollection" {
		return f.endNode(o.meta.Name, uid, r.at)
	}
	life := f.nodeLife(o.meta.Name, uid)
	if life == nil || r.verb == "create" && uid == "" && !life.from.IsZero() {
		f.endUnseen(o.meta.Name, r.at)
		life = &nodeLife{name: o.meta.Name, uid: uid}
		if r.verb == "create" {
			life.from = r.at
		} else if created := o.meta.CreationTimestamp.Time; !f.start.IsZero() && created.After(f.start) {
			life.from = notAfter(created, r.at)
			f.tally.note(fmt.Sprintf("the creation of node %s is not in the log; its creationTimestamp is taken", life.name))
		}
		f.addNode(life)
		news = true
	}
	if o.node != nil {
		news = life.observe(r.at, o.node.Status.Conditions) || news
		if o.meta.DeletionTimestamp != nil && len(o.meta.Finalizers) == 0 {
			news = f.endNode(o.meta.Name, uid, r.at) || news
		}
	}
	return news
}

func (f *facts) addNode(life *nodeLife) {
	if len(f.nodes[life.name]) == 0 {
		f.nodeNames = append(f.nodeNames, life.name)
	}
	f.nodes[life.name] = append(f.nodes[life.name], life)
}

// nodeLife returns the life of a node name that a uid belongs to, or nil. An unknown uid is the present life's.
func (f *facts) nodeLife(name, uid string) *nodeLife {
	lives := f.nodes[name]
	if uid == "" {
		if len(lives) > 0 && lives[len(lives)-1].until.IsZero() {
			return lives[len(lives)-1]
		}
		return nil
	}
	for _, life := range lives {
		if life.uid == uid || life.uid == "" && life.until.IsZero() {
			life.uid = uid
			return life
		}
	}
	return nil
}

func (f *facts) endNode(name, uid string, at time.Time) bool {
	life := f.nodeLife(name, uid)
	if life == nil {
		if len(f.nodes[name]) > 0 && uid == "" {
			return false
		}
		life = &nodeLife{name: name, uid: uid} // seen for the first time at its end
		f.addNode(life)
	}
	if !life.until.IsZero() {
		return false
	}
	life.until = at
	return true
}

// endUnseen ends the present life of a name, since another one begins.
func (f *facts) endUnseen(name string, at time.Time) {
	lives := f.nodes[name]
	if len(lives) == 0 || !lives[len(lives)-1].until.IsZero() {
		return
	}
	lives[len(lives)-1].until = at.Add(-time.Millisecond)
	f.tally.note(fmt.Sprintf("the deletion of node %s is not in the log; it is taken to be just before the node of the same name appears", name))
}

// observe takes in the Ready condition, and reports whether it has changed. A node is born ready: what lies between its
// creation and its first condition is how it was made, not what happened to it.
func (n *nodeLife) observe(at time.Time, conditions []corev1.NodeCondition) bool {
	i := slices.IndexFunc(conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
	if i < 0 {
		return false
	}
	ready, was := conditions[i].Status == corev1.ConditionTrue, true
	if len(n.ready) > 0 {
		was = n.ready[len(n.ready)-1].ready
	}
	if ready == was {
		return false
	}
	n.ready = append(n.ready, readyChange{at, ready})
	return true
}

// resolve adds the nodes that only VolumeAttachments speak of.
func (f *facts) resolve() {
	for _, a := range f.attachments {
		if a.node != "" && len(f.nodes[a.node]) == 0 {
			f.addNode(&nodeLife{name: a.node, assumed: true})
			f.tally.note(fmt.Sprintf("nothing but VolumeAttachments speaks of node %s; it is taken to live from the beginning", a.node))
		}
	}
}
