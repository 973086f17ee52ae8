package vmwarecluster

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// clientTypes are the types of kubernetes_client_configuration.
var clientTypes = map[string]attr.Type{
	"host":                   types.StringType,
	"cluster_ca_certificate": types.StringType,
	"client_certificate":     types.StringType,
	"client_key":             types.StringType,
}

// clientConfiguration splits the kubeconfig into its parts; null where there is none
// yet.
func clientConfiguration(secrets *enginemodel.Secrets) (types.Object, diag.Diagnostics) {
	null := types.ObjectNull(clientTypes)
	if secrets == nil || len(secrets.Kubeconfig) == 0 {
		return null, nil
	}
	connection, err := pki.ParseKubeconfig(secrets.Kubeconfig)
	if err != nil {
		return null, diag.Diagnostics{diag.NewErrorDiagnostic("Unable to read the kubeconfig",
			fmt.Sprintf("The kubeconfig in the state cannot be read: %s.", err))}
	}
	return types.ObjectValue(clientTypes, map[string]attr.Value{
		"host":                   types.StringValue(connection.Server),
		"cluster_ca_certificate": types.StringValue(string(connection.CA)),
		"client_certificate":     types.StringValue(string(connection.Client.Cert)),
		"client_key":             types.StringValue(string(connection.Client.Key)),
	})
}

func clientConfigurationAttribute() schema.SingleNestedAttribute {
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	return schema.SingleNestedAttribute{
		Computed:  true,
		Sensitive: true,
		// A provider that is configured from it would dial localhost while it is unknown.
		PlanModifiers: []planmodifier.Object{objectplanmodifier.UseNonNullStateForUnknown()},
		MarkdownDescription: "The parts of `kubeconfig` as the `kubernetes` and `helm` providers take them; " +
			"known in every plan of a cluster that exists.",
		Attributes: map[string]schema.Attribute{
			"host":                   text("URL of the API."),
			"cluster_ca_certificate": text("Certificate authority of the API, as PEM text."),
			"client_certificate":     text("Certificate of the administrator, as PEM text."),
			"client_key": schema.StringAttribute{
				Computed:            true,
				Sensitive:           true,
				MarkdownDescription: "Key of the administrator's certificate, as PEM text.",
			},
		},
	}
}
