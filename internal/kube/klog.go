package kube

import (
	"log/slog"

	"k8s.io/klog/v2"
)

// client-go writes to the standard error of the process what it also returns as errors,
// such as each connection of a port-forward that ends because a member of etcd has gone.
// There is one logger for the process.
func init() { klog.SetSlogLogger(slog.New(slog.DiscardHandler)) }
