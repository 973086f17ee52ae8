package zonetag

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// resolve finds the object that a model names, as it is now.
func (r *tagResource) resolve(ctx context.Context, m *model) (*vsphere.Client, vsphere.ZoneObject, error) {
	vcenter, err := r.conn.VCenter(ctx)
	if err != nil {
		return nil, vsphere.ZoneObject{}, err
	}
	object, err := vcenter.ZoneObject(ctx, m.Datacenter.ValueString(), m.ComputeCluster.ValueString(), 0)
	return vcenter, object, err
}

// holder is the object that a state is of, whatever it is called by now, and whether it is
// still there or not.
func (r *tagResource) holder(ctx context.Context, m *model, own held) (*vsphere.Client, vsphere.ZoneObject, error) {
	vcenter, err := r.conn.VCenter(ctx)
	if err != nil {
		return nil, vsphere.ZoneObject{}, err
	}
	id, err := uuid.Parse(m.ID.ValueString())
	if err != nil {
		return nil, vsphere.ZoneObject{}, err
	}
	object, found, err := vcenter.ZoneObjectByID(ctx, id, 0)
	if found || err != nil {
		return vcenter, object, err
	}
	if err := sameVCenter(ctx, vcenter, own); err != nil {
		return nil, object, err
	}
	if own.Object == "" {
		return nil, object, errors.New("the object that has the tag is not seen in vCenter, and may be hidden: " +
			"grant the account read access, or remove the resource from the state with `terraform state rm`")
	}
	object, err = vcenter.ZoneObjectOf(own.Object)
	return vcenter, object, err
}

// sameVCenter returns an error where a state is of another vCenter than the provider's: that
// nothing is found there proves nothing.
func sameVCenter(ctx context.Context, vcenter *vsphere.Client, own held) error {
	instance, err := vcenter.InstanceUUID(ctx)
	if err != nil || own.VCenter == "" || own.VCenter == instance {
		return err
	}
	return fmt.Errorf("it belongs to the vCenter with the instance UUID %s, and the provider is connected to %s. "+
		"Set vcenter_server of the provider back, or remove the resource from the state with `terraform state rm`", own.VCenter, instance)
}

// refused is the diagnostic of a write or plan that failed, on the attribute at fault.
func refused(verb string, m *model, err error) diag.Diagnostic {
	var name *vsphere.ZoneObjectError
	var taken *vsphere.ZoneTakenError
	switch {
	case errors.As(err, &name) && name.ComputeCluster:
		return diag.NewAttributeErrorDiagnostic(atComputeCluster, name.Summary, name.Detail)
	case errors.As(err, &name):
		return diag.NewAttributeErrorDiagnostic(atDatacenter, name.Summary, name.Detail)
	case errors.As(err, &taken):
		return diag.NewAttributeErrorDiagnostic(atValue, "Another zone tag is there", takenDetail(taken))
	}
	return diagnostics.FromError(verb, m.subject(), err)
}

func takenDetail(taken *vsphere.ZoneTakenError) string {
	return diagnostics.Sentence(taken.Error()) + " Set value to it, or have it taken off the object in the vSphere Client. " +
		"To destroy where this is in the way: `terraform destroy -refresh=false` (or `tofu destroy -refresh=false`)."
}
