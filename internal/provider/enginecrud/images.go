package enginecrud

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// ImageLister is implemented by models with the images that nodes pull, which follow from the
// configuration alone.
type ImageLister interface {
	// ImagesValue is where they stand.
	ImagesValue() *types.List
}

// planImages shows them where all is known from which they follow.
func planImages(ctx context.Context, m Model, known bool) diag.Diagnostics {
	lister, ok := m.(ImageLister)
	if !ok {
		return nil
	}
	if !known {
		*lister.ImagesValue() = types.ListUnknown(types.StringType)
		return nil
	}
	spec, diags := m.Spec(ctx)
	setImages(m, &spec)
	return diags
}

// setImages shows those of a spec; null where they are not known.
func setImages(m Model, spec *model.ClusterSpec) {
	lister, ok := m.(ImageLister)
	if !ok {
		return
	}
	images := spec.Images()
	if images == nil {
		*lister.ImagesValue() = types.ListNull(types.StringType)
		return
	}
	values := make([]attr.Value, len(images))
	for i, image := range images {
		values[i] = types.StringValue(image)
	}
	*lister.ImagesValue() = types.ListValueMust(types.StringType, values)
}

// nullImages is NullUnknowns for them.
func nullImages(m Model) {
	if lister, ok := m.(ImageLister); ok && lister.ImagesValue().IsUnknown() {
		*lister.ImagesValue() = types.ListNull(types.StringType)
	}
}

// ImagesAttribute is the schema of the images that nodes pull.
func ImagesAttribute() schema.ListAttribute {
	return schema.ListAttribute{
		Computed:    true,
		ElementType: types.StringType,
		MarkdownDescription: "Container images that nodes pull by themselves, sorted: those that kubeadm of `kubernetes_version` lists, " +
			"the sandbox image where `registry` sets one, and kube-vip's or the load balancer's. A plan shows them before anything is built, " +
			"so that a mirror can be filled first. Images of packs are not among them. " +
			"Null for a patch of Kubernetes that is newer than this provider: ask `kubeadm config images list` then.",
	}
}
