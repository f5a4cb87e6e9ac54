package model

import (
	"encoding/json"
	"time"
)

// document is the persisted record P as the specification defines it: the JSON of the annotation holdfast.dev/attachment.
// The oracle reads it with a type of its own, so that an error in the system's codec does not hide in here.
type document struct {
	Version   int        `json:"version"`
	Mode      string     `json:"mode"`
	Epoch     uint64     `json:"epoch"`
	Instances []holding  `json:"instances"`
	Migration *migration `json:"migration"`
	Detached  time.Time  `json:"detachedAt"`
}

// holding is one instance in a record.
type holding struct {
	Node     string    `json:"node"`
	UID      string    `json:"uid"`
	NodeID   string    `json:"nodeID"` // what the driver calls the node, if the system keeps that
	Epoch    uint64    `json:"epoch"`
	State    string    `json:"state"`
	Attached time.Time `json:"attachedAt"`
}

// migration is a live migration in a record.
type migration struct {
	Started time.Time `json:"startedAt"`
	Timeout string    `json:"timeout"`
	Source  string    `json:"source"`
	Target  string    `json:"target"`
}

// decode reads a record. No record at all is a valid, empty one.
func decode(raw string) (document, bool) {
	var d document
	if raw == "" {
		return d, true
	}
	if err := json.Unmarshal([]byte(raw), &d); err != nil || d.Version != 1 {
		return document{}, false
	}
	return d, true
}

// find returns the instance of a node, uid and epoch. An unknown uid equals any, and so does an unknown epoch.
func (d document) find(node, uid string, epoch uint64) (holding, bool) {
	for _, i := range d.Instances {
		if i.Node == node && sameUID(i.UID, uid) && (i.Epoch == epoch || i.Epoch == 0 || epoch == 0) {
			return i, true
		}
	}
	return holding{}, false
}

// sameUID compares uids, of which an unknown one equals any.
func sameUID(a, b string) bool { return a == b || a == "" || b == "" }
