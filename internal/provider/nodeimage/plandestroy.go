package nodeimage

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// planDestroy warns of what keeps the image from being destroyed now, but for clusters that this run
// destroys: only the apply knows what there is by then.
func (r *imageResource) planDestroy(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var m model
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	h, known, diags := readHeld(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() || !known {
		return
	}
	made, err := r.deleted(ctx, h, m.Name.ValueString())
	if err == nil {
		err = made.CheckDeletion()
	}
	if err != nil {
		resp.Diagnostics.AddWarning(diagnostics.Title(m.subject())+" cannot be destroyed now", diagnostics.Sentence(err.Error())+
			" The apply tries to destroy it all the same, and fails if that is still so.")
	}
}

// deleted is what a destruction of the image deletes, with what uses it now and is not destroyed in
// this run; nothing where others hold it, to whom it is left.
func (r *imageResource) deleted(ctx context.Context, h held, name string) (*enginemodel.MadeImage, error) {
	nothing := &enginemodel.MadeImage{Built: true}
	eng, err := r.engineOf(ctx, h)
	if err != nil {
		return nothing, err
	}
	if others, err := eng.OtherHolders(ctx, h.target(name)); err == nil && len(others) > 0 {
		return nothing, nil
	}
	made, err := eng.ImageUse(ctx, h.identity())
	switch {
	case err != nil:
		return nothing, err
	case made.Ref == "" && made.Hidden == "":
		return nothing, nil // it is gone
	}
	made.Users = slices.DeleteFunc(made.Users, func(u enginemodel.ImageUser) bool { return r.conn.Deleted(u.Cluster) })
	return made, nil
}

// warnOfReplacement says what keeps the former image from being deleted: unless the new one is made
// before that, the apply fails half way. A provider does not see the lifecycle, so that it is a warning.
// It is said where the creation is planned, which is so whatever the image is replaced for.
func (p *planning) warnOfReplacement(ctx context.Context, former held) {
	made, err := p.deleted(ctx, former, p.m.Name.ValueString())
	if err == nil && len(made.Users) > 0 {
		p.resp.Diagnostics.AddWarning(diagnostics.Title(p.m.subject())+" is replaced while it is in use", fmt.Sprintf(
			"These VMs were cloned from %s: %s. As long as they are there it is not deleted, and the apply fails where it is to be deleted before "+
				"the new image is made. Set `lifecycle { create_before_destroy = true }` in the resource: then the new image is made first, "+
				"the clusters that name its `template` change to that, and the former one is deleted after them. Where that is set, "+
				"all is as it should be.", made.Path, enginemodel.Listed(made.UserPaths())))
		return
	}
	if err == nil {
		err = made.CheckDeletion()
	}
	if err != nil {
		p.resp.Diagnostics.AddWarning(diagnostics.Title(p.m.subject())+" cannot be replaced now", diagnostics.Sentence(err.Error())+
			" The apply tries to delete it all the same, and fails if that is still so.")
	}
}
