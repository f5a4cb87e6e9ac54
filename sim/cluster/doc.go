// Package cluster is the simulated Kubernetes API server and the simulated storage backend: the two servers that a storage
// driver's controller talks to.
//
// client-go's fake clientset is the usual stand-in, and it hides the bugs that matter here: it takes stale
// resourceVersions, forgets finalizers, gives no uid, mixes status with spec, and its watches lose events. A Server keeps
// the API server's rules instead, one small function each (rules.go), and shows how far behind a cache may be: every watch
// event is a point of the scheduler, to be delivered late, after an outage, or never on that watch.
//
//	server := cluster.New(cluster.Config{Loop: loop, Clock: wall})
//	client := server.Client(process.Num, process) // a kubernetes.Interface for one incarnation of the system
//	node, err := cluster.Create(server, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}) // the operator
//
// The nouns: a table holds the objects of one resource and the log of their changes; a watch is a cursor into that log; a
// Caller carries requests to the loop, on whose goroutine they take effect, so that neither server has a lock; the Backend
// is the ground truth of who can write to which volume.
//
// Stored objects are frozen: a change stores a new object, so the log, the watches and the answers can share them, and a
// copy is made once, for whoever receives it.
package cluster
