package nodeschema

import (
	"context"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// EtcdSnapshot is where snapshots of etcd are written to.
func EtcdSnapshot() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Snapshots of etcd: one is taken before an apply rolls the control plane, or removes a lost control-plane " +
			"node from etcd, and where that fails, no node is taken away. Defaults to the folder `gantry-<cluster>` of the control plane's " +
			"datastore, of which the newest three are kept, until the cluster is destroyed; the cloud account then needs " +
			"Datastore > Browse datastore and Low level file operations, and whoever may browse the datastore can read them. " +
			"A snapshot contains all Secrets of the cluster: keep it as you keep its state. It changes in place.",
		Attributes: map[string]schema.Attribute{
			"directory": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Directory on the machine that runs Terraform, absolute or relative to its working directory. It is made " +
					"where it is missing, and an apply that could not write there changes nothing. " +
					"Files are called `<cluster>-<part of its id>-<vCenter's time>-etcd-<version>.db`, readable for their owner alone. " +
					"Gantry deletes none there; where the machine does not outlive a run, copy them elsewhere.",
				Validators: []validator.String{
					stringvalidator.RegexMatches(regexp.MustCompile(`^[^~]`), "must be a path that does not begin with ~: use pathexpand()"),
				},
			},
		},
	}
}

// EtcdSnapshots decodes the attribute, once all of it is known.
func EtcdSnapshots(ctx context.Context, o types.Object) (*enginemodel.EtcdSnapshots, diag.Diagnostics) {
	if o.IsNull() {
		return &enginemodel.EtcdSnapshots{}, nil
	}
	var snapshots struct {
		Directory string `tfsdk:"directory"`
	}
	diags := o.As(ctx, &snapshots, AllKnown)
	return &enginemodel.EtcdSnapshots{Directory: snapshots.Directory}, diags
}
