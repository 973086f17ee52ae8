package hardening

import (
	"errors"
	"fmt"
)

// Row is one check of the benchmark.
type Row struct {
	ID string
	// Automated is what the benchmark takes for decidable without a person.
	Automated bool
	// Holds says what is so by default, with an exception in its place.
	Holds string
	// By is who sees to it.
	By By
	// Exception is why the benchmark's check does not hold by default. Empty: it does.
	Exception string

	about subject
	// check returns an error where the benchmark's check does not hold.
	check func(Evidence) error
	// instead returns an error where what holds in its place does not.
	instead func(Evidence) error
}

// By is who sees to it that a row holds.
type By string

// Those who do. What kubeadm and Kubernetes do is asserted as well: it may change.
const (
	Gantry     By = "Gantry"
	Kubeadm    By = "kubeadm"
	Kubernetes By = "Kubernetes"
)

// subject is what a row looks at.
type subject int

const (
	nothing subject = iota // a matter of how the cluster is used
	controlPlaneFiles
	nodeFiles
	controlPlaneFlags
	kubeletFlags
	kubeletSettings
	proxySettings
	auditPolicy
)

// Table returns all rows by their ids.
func Table() []Row {
	var rows []Row
	for _, part := range sections() {
		rows = append(rows, part.rows...)
	}
	return rows
}

// section is a chapter of the benchmark.
type section struct {
	title string
	rows  []Row
}

func sections() []section {
	return []section{
		{"1.1 Files of the control plane", controlPlaneFileRows()},
		{"1.2 API server", apiServerRows()},
		{"1.3 Controller manager", controllerManagerRows()},
		{"1.4 Scheduler", schedulerRows()},
		{"2 etcd", etcdRows()},
		{"3 Users and audit", accessRows()},
		{"4.1 Files of every node", nodeFileRows()},
		{"4.2 kubelet", kubeletRows()},
		{"4.3 kube-proxy", proxyRows()},
	}
}

// Verify returns what is not as the row says. Without evidence there is nothing to say.
func (r Row) Verify(e Evidence) error {
	if !r.Concerns(e) {
		return nil
	}
	err := r.check(e)
	if r.Exception == "" {
		return r.wrap(err)
	}
	if err == nil {
		return r.wrap(errors.New("the benchmark's check holds, so that this is no exception any more"))
	}
	if r.instead == nil {
		return nil
	}
	return r.wrap(r.instead(e))
}

func (r Row) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s (%s): %w", r.ID, r.Holds, err)
}

// Checkable reports whether there is anything to look at.
func (r Row) Checkable() bool { return r.check != nil }

// Concerns reports whether evidence says anything about the row.
func (r Row) Concerns(e Evidence) bool { return r.check != nil && e.has(r.about) }
