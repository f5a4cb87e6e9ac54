// Package benchmarks measures what the Manager, the simulation and the oracle cost, in the format that benchstat reads.
//
//	go test -run '^$' -bench . -benchmem -count 10 ./benchmarks/...
//
// Beside time each benchmark reports what noise cannot touch: allocations, and steps or events per operation.
package benchmarks
