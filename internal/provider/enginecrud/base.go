package enginecrud

import (
	"context"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// The time that an operation has unless the configuration says otherwise.
const (
	DefaultCreateTimeout = 60 * time.Minute
	DefaultUpdateTimeout = 60 * time.Minute
	DefaultDeleteTimeout = 30 * time.Minute
)

// The values of incomplete_create.
const (
	incompleteWarn  = "warn"
	incompleteError = "error"
)

// Base are the values that every resource has which the engine builds. A Model
// embeds it.
type Base struct {
	Computed
	Name             types.String   `tfsdk:"name"`
	IncompleteCreate types.String   `tfsdk:"incomplete_create"`
	StoreAuthorities types.Bool     `tfsdk:"store_authorities"`
	ForceDelete      types.Bool     `tfsdk:"force_delete"`
	ForceDeleteAfter types.String   `tfsdk:"force_delete_after"`
	Timeouts         timeouts.Value `tfsdk:"timeouts"`
}

// based is implemented by what embeds Base.
type based interface{ base() *Base }

var _ based = (*Base)(nil)

func (b *Base) base() *Base { return b }

// FailOnIncompleteCreate reports whether a creation that fails after the API has
// answered is an error.
func (b *Base) FailOnIncompleteCreate() bool {
	return b.IncompleteCreate.ValueString() == incompleteError
}

// OmitsAuthorities reports whether the certificate authorities are left out of what the
// cluster stores of itself.
func (b *Base) OmitsAuthorities() bool {
	return !b.StoreAuthorities.IsNull() && !b.StoreAuthorities.ValueBool()
}

// BaseAttributes are the schema of Base but for the name; incomplete is an example
// of a creation that fails late, as in "such as when a worker does not join".
func BaseAttributes(ctx context.Context, kind, incomplete string) map[string]schema.Attribute {
	attributes := computedAttributes(kind)
	maps.Copy(attributes, forceAttributes(kind))
	attributes["incomplete_create"] = schema.StringAttribute{
		Optional: true,
		Computed: true,
		Default:  stringdefault.StaticString(incompleteWarn),
		MarkdownDescription: "How to treat a creation that fails after the API has answered, " + incomplete + ": `warn` (the default) " +
			"keeps the " + kind +
			" as `Degraded` for the next plan to repair; `error` fails the apply, which taints the " + kind +
			", so that the next apply destroys it and creates it again.",
		Validators: []validator.String{stringvalidator.OneOf(incompleteWarn, incompleteError)},
	}
	attributes["store_authorities"] = schema.BoolAttribute{
		Optional: true,
		Computed: true,
		Default:  booldefault.StaticBool(true),
		MarkdownDescription: "Whether the " + kind + " stores its own certificate authorities, with their keys, in the Secret " +
			"`" + model.SecretPKI + "` of the namespace `kube-system`, from which import reads them. Set it to `false` where " +
			"etcd or its backups are not encrypted: the Secret is deleted, or never made, and the keys are in the state alone. " +
			"Import then needs them in the directory that the environment variable `" + ImportAuthorities + "` names, with the names that " +
			"they have below `/etc/kubernetes/pki` of a control-plane node. Backups of etcd from before still hold them. " +
			"Defaults to `true`. It changes in place.",
	}
	attributes["timeouts"] = timeouts.Attributes(ctx, timeouts.Opts{
		Create:            true,
		Update:            true,
		Delete:            true,
		CreateDescription: "How long a creation may take, such as `90m`. Defaults to 60 minutes.",
		UpdateDescription: "How long an update may take. Defaults to 60 minutes.",
		DeleteDescription: "How long a destruction may take. Defaults to 30 minutes.",
	})
	return attributes
}
