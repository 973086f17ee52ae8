package kube

import (
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// NewForClients returns the API over client-go's fakes, with a short interval.
func NewForClients(clients kubernetes.Interface) model.API {
	return &api{clients: clients, interval: time.Millisecond}
}
