// Package processes holds tests of the provider as people run it: Terraform or
// OpenTofu starts the built provider as a process of its own, against a
// simulated datacenter. They show what no test inside one process can: what
// becomes of a run that is killed or interrupted, whether sessions are closed
// when processes end, and what two runs at a time do to each other.
package processes
