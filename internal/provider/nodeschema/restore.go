package nodeschema

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// Restore is the snapshot of etcd that a control plane begins with.
func Restore() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Snapshot of etcd from which the control plane is built anew, where most of its VMs, or all, are gone: " +
			"VMs that are left are destroyed, the endpoint and the certificate authorities stay, and so do the workers, which connect again. " +
			"What was written after the snapshot was taken is lost. While the cluster has its quorum, the plan refuses it. " +
			"Each snapshot is restored once: after that the attribute may stay or be removed. In a new cluster it restores what was " +
			"another one, with the certificate authorities in the directory that the environment variable `GANTRY_IMPORT_AUTHORITIES` " +
			"names. The guide [Restoring a cluster](../guides/restoring.md) has the steps. Defaults to none.",
		Attributes: map[string]schema.Attribute{
			"url": schema.StringAttribute{
				Required:  true,
				Sensitive: true, // it may be presigned
				MarkdownDescription: "URL of the snapshot, of the scheme `https` or `http`, without a user and a password; it may be presigned. " +
					"The first control-plane node fetches it, through `proxy` where that is set. It is stored in state and, until the node has joined, " +
					"in the configuration of its VM.",
				Validators: []validator.String{snapshotURL{}},
			},
			"sha256": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "SHA-256 of the snapshot, 64 hex digits as `sha256sum` prints them. The node restores nothing else.",
				Validators:          []validator.String{snapshotSHA256{}},
			},
			"ca_certificate": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Certificate authorities, as PEM text, that the node trusts for the URL beside those of its image. " +
					"Defaults to none.",
				Validators: []validator.String{attribute.CABundle{}},
			},
		},
	}
}

// SetRestore sets the attribute in a spec, once all of it is known.
func SetRestore(ctx context.Context, o types.Object, spec *enginemodel.ClusterSpec) diag.Diagnostics {
	if o.IsNull() {
		return nil
	}
	var restore struct {
		URL           *string `tfsdk:"url"` // an imported state has none
		SHA256        string  `tfsdk:"sha256"`
		CACertificate *string `tfsdk:"ca_certificate"`
	}
	diags := o.As(ctx, &restore, AllKnown)
	if !diags.HasError() {
		spec.Restore = &enginemodel.Restore{
			URL:           OrZero(restore.URL),
			SHA256:        strings.ToLower(restore.SHA256),
			CACertificate: certificatesAlone(OrZero(restore.CACertificate)),
		}
		spec.Reset = spec.Restore.ID()
	}
	return diags
}

// snapshotURL validates a URL as the node will read it.
type snapshotURL struct{}

var _ validator.String = snapshotURL{}

// Description implements validator.Describer.
func (snapshotURL) Description(context.Context) string {
	return "must be a URL such as https://files.example.com/snapshot.db"
}

// MarkdownDescription implements validator.Describer.
func (v snapshotURL) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (snapshotURL) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	refuse(req, resp, "Invalid snapshot URL", bootstrap.CheckSnapshotURL)
}

// snapshotSHA256 validates a SHA-256. Some tools print it in upper case.
type snapshotSHA256 struct{}

var _ validator.String = snapshotSHA256{}

// Description implements validator.Describer.
func (snapshotSHA256) Description(context.Context) string { return "must be 64 hex digits" }

// MarkdownDescription implements validator.Describer.
func (v snapshotSHA256) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (snapshotSHA256) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	refuse(req, resp, "Invalid SHA-256", func(text string) error { return bootstrap.CheckSHA256(strings.ToLower(text)) })
}
