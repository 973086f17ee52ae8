package kube

import (
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// NewForClients returns the API over client-go's fakes, with a short interval.
func NewForClients(clients kubernetes.Interface) engine.API {
	return &api{clients: clients, interval: time.Millisecond}
}
