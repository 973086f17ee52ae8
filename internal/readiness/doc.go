// Package readiness judges by kstatus whether objects of a cluster are ready, and asks the cluster
// why they are not. It changes nothing.
package readiness
