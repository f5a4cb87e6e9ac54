// Package sim runs a storage driver's controller under a virtual clock against a simulated Kubernetes and storage backend.
package sim
