//go:debug randseednop=0

// Command holdfast runs attachment controllers of CSI drivers under simulated faults, and says whether they kept their promises.
//
//	holdfast run                        the library of scenarios once, and 200 seeds of chaos
//	holdfast run node-deleted --seeds 1-500
//	holdfast run cluster.audit.log      what a real cluster went through
//	holdfast replay holdfast-out/chaos-0x2a.trace
//
// One verb, one file. Campaigns run in worker processes of this same executable; see worker.go.
package main

import "os"

func main() { os.Exit(execute(systems(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
