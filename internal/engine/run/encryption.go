package run

import (
	"context"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// noteKeys records, before a control-plane node boots, with which key it writes Secrets:
// once the node is gone, only the record has it.
func (r *Runner) noteKeys(ctx context.Context, s model.CreateNode) error {
	if !s.NodePool.ControlPlane() {
		return nil
	}
	return r.record.update(ctx, func(b *record.Cluster) {
		b.EncryptionKeys = plan.StoredKeys(b.EncryptionKeys, s.First, s.EncryptionKeys)
	})
}

// secretKeys are those by which the node reads Secrets; none where nothing is encrypted.
func (n *newNode) secretKeys() ([]bootstrap.SecretKey, error) {
	if n.EncryptionKeys == "" {
		return nil, nil
	}
	var keys []bootstrap.SecretKey
	for _, version := range n.EncryptionKeys.Versions() {
		key := bootstrap.SecretKey{Name: fmt.Sprintf("v%d", version)}
		if version != model.Unencrypted {
			var err error
			if key.Key, err = n.Secrets.Authorities.SecretKey(version); err != nil {
				return nil, fmt.Errorf("derive the key of Secrets: %w", err)
			}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// rewriteSecrets has all Secrets encrypted with the first key of the control plane, and
// records that there are no others.
func (r *Runner) rewriteSecrets(ctx context.Context, s model.RewriteSecrets) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	if err := retry(ctx, r.Timing, api.RewriteSecrets); err != nil {
		return err
	}
	return r.record.update(ctx, func(b *record.Cluster) {
		b.EncryptionKeys = plan.StoredKeys(nil, true, model.NewEncryptionKeys(s.Version))
	})
}
