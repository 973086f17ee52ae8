package engine

import (
	"context"
	"encoding/json"
	"fmt"
)

// Import is what a cluster tells about itself.
type Import struct {
	ID      string
	Secrets *Secrets
	Kept    map[string][]byte
}

// Import reads what a running cluster keeps in its own Secrets. The record in
// the ledger says which cluster it is; a kubeconfig of another one is refused.
func (e *Engine) Import(ctx context.Context, t Target, kubeconfig []byte) (*Import, error) {
	record, err := e.readRecord(ctx, t)
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, fmt.Errorf("no %s named %q is registered in this vCenter; an id of the form <gateway id>/<name> names one of a gateway", t.Kind, t.Name)
	}
	api, err := e.Kube.Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	pki, err := api.Secret(ctx, SecretPKI)
	if err != nil {
		return nil, fmt.Errorf("read the Secret %s: %w", SecretPKI, err)
	}
	kept, err := api.Secret(ctx, SecretCluster)
	if err != nil {
		return nil, fmt.Errorf("read the Secret %s: %w", SecretCluster, err)
	}
	if pki == nil || kept == nil {
		return nil, fmt.Errorf("the Secrets %s and %s are not in the namespace kube-system of the cluster; its creation never came that far", SecretPKI, SecretCluster)
	}
	if string(pki["id"]) != record.ID.String() {
		return nil, fmt.Errorf("the kubeconfig is of the cluster with the id %q, and %q is registered with %q", pki["id"], t.Name, record.ID)
	}
	found := &Import{ID: record.ID.String(), Kept: kept, Secrets: &Secrets{}}
	if err := json.Unmarshal(pki["secrets"], found.Secrets); err != nil {
		return nil, fmt.Errorf("the Secret %s cannot be read: %w", SecretPKI, err)
	}
	return found, nil
}
