package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Import is what a cluster stores about itself.
type Import struct {
	ID uuid.UUID
	// Incarnation is the creation that the record belongs to.
	Incarnation record.Incarnation
	Secrets     *model.Secrets
	Data        map[string][]byte
}

// Import reads what a running cluster stores in its own Secrets. The record in the
// ledger says which cluster it is; a kubeconfig of another one is refused.
func (e *Engine) Import(ctx context.Context, ref record.Ref, kubeconfig []byte) (*Import, error) {
	registered, err := e.observer(false).Record(ctx, ref)
	if err != nil {
		return nil, err
	}
	if !registered.Found {
		return nil, fmt.Errorf("no %s named %q is registered in this vCenter; an id of the form <gateway id>/<name> names one of a gateway",
			ref.Kind, ref.Name)
	}
	api, err := e.Kube.Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	pki, err := api.Secret(ctx, model.SecretPKI)
	if err != nil {
		return nil, fmt.Errorf("read the Secret %s: %w", model.SecretPKI, err)
	}
	data, err := api.Secret(ctx, model.SecretCluster)
	if err != nil {
		return nil, fmt.Errorf("read the Secret %s: %w", model.SecretCluster, err)
	}
	if pki == nil || data == nil {
		return nil, fmt.Errorf("the Secrets %s and %s are not in the namespace kube-system of the cluster; its creation never came that far",
			model.SecretPKI, model.SecretCluster)
	}
	if string(pki["id"]) != registered.ID.String() {
		return nil, fmt.Errorf("the kubeconfig is of the cluster with the id %q, and %q is registered with %q",
			pki["id"], ref.Name, registered.ID)
	}
	found := &Import{ID: registered.ID, Incarnation: registered.Incarnation, Data: data, Secrets: &model.Secrets{}}
	if err := json.Unmarshal(pki["secrets"], found.Secrets); err != nil {
		return nil, fmt.Errorf("the Secret %s cannot be read: %w", model.SecretPKI, err)
	}
	return found, nil
}
