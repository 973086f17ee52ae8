package enginecrud

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// privateRemains is set from the import of what nothing runs of any more: its state has
// no configuration, and it can only be destroyed or replaced.
const privateRemains = "remains"

// remains are what a destruction needs that is not in such a state.
type remains struct {
	GatewayID uuid.UUID `json:"gateway,omitzero"`
	OwnIPPool string    `json:"own_ip_pool,omitempty"`
}

// readRemains returns what an import without a cluster has kept; nil where the state is
// an ordinary one.
func readRemains(ctx context.Context, private crud.PrivateReader) (*remains, diag.Diagnostics) {
	var r *remains
	_, diags := crud.ReadPrivate(ctx, private, privateRemains, &r, "What was imported", "Import it again")
	return r, diags
}

// target identifies what a state holds, for a destruction.
func (d *Driver[T, M]) target(ctx context.Context, private crud.PrivateReader, m M) (model.Target, diag.Diagnostics) {
	left, diags := readRemains(ctx, private)
	if diags.HasError() {
		return model.Target{}, diags
	}
	var target model.Target
	var more diag.Diagnostics
	if left == nil {
		target, more = m.Target(ctx)
		diags.Append(more...)
		var account *Account
		if account, more = accountOf(ctx, m); account != nil {
			target.Parents = []uuid.UUID{account.ID}
		}
	} else {
		target.Ref = record.Ref{Kind: d.Kind, GatewayID: left.GatewayID, Name: m.base().Name.ValueString()}
		target.OwnIPPool = left.OwnIPPool
		target.ID, more = attribute.ParseID(m.base().ID, path.Root("id"))
	}
	diags.Append(more...)
	identity, more := crud.ReadIdentity(ctx, private)
	diags.Append(more...)
	target.Incarnation = identity.Incarnation
	target.Known = m.base().known()
	return target, diags
}

// observed is the spec that a refresh compares the world with: of remains it is empty.
func (d *Driver[T, M]) observed(ctx context.Context, private crud.PrivateReader, m M) (model.ClusterSpec, diag.Diagnostics) {
	left, diags := readRemains(ctx, private)
	if diags.HasError() {
		return model.ClusterSpec{}, diags
	}
	if left == nil {
		spec, more := m.Spec(ctx)
		spec.Known = m.base().known()
		return spec, append(diags, more...)
	}
	target, diags := d.target(ctx, private, m)
	return model.ClusterSpec{Ref: target.Ref, ID: target.ID, Known: target.Known}, diags
}

// importRemains imports, without a kubeconfig, what nothing runs of any more.
func (d *Driver[T, M]) importRemains(ctx context.Context, eng *engine.Engine, ref record.Ref, resp *resource.ImportStateResponse) error {
	left, err := eng.Remains(ctx, ref)
	var running *engine.RunningError
	if errors.As(err, &running) {
		return fmt.Errorf("the certificate authorities and the configuration are read from the cluster itself: "+
			"set %s to the path of a kubeconfig of its administrator, with the client certificate inside of it. "+
			"To destroy it without one, power its VMs off and import it again; powered on are: %s", ImportKubeconfig, model.Listed(running.VMs))
	}
	if err != nil {
		return err
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), attribute.IDValue(left.ID))...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), ref.Name)...)
	resp.Diagnostics.Append(crud.WriteIdentity(ctx, resp.Private, crud.Identity{ID: left.ID, Incarnation: left.Incarnation})...)
	kept := remains{GatewayID: ref.GatewayID, OwnIPPool: left.OwnIPPool}
	resp.Diagnostics.Append(crud.WritePrivate(ctx, resp.Private, privateRemains, kept)...)
	vms := "vCenter shows no VM of it"
	if left.VMs > 0 {
		vms = fmt.Sprintf("None of its VMs is powered on (%d)", left.VMs)
	}
	resp.Diagnostics.AddWarning(diagnostics.Title(ref.Describe())+" is imported to be destroyed", fmt.Sprintf(
		"%s, and %s is not set: the state gets the record alone. Destroying it deletes the VMs that vCenter shows, "+
			"releases the addresses that it holds of IP pools "+
			"and deletes the record; a configuration is planned as a replacement, which does the same and then creates it anew. "+
			"Make sure before that no VM of it runs where this user may not look: nothing would find it again, and "+
			"the address that it holds would be handed out to others.", vms, ImportKubeconfig))
	return nil
}
