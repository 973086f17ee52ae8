package vmwarecluster_test

import (
	"context"
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	dataschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	frameworkresource "github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// consumer is a provider that is configured from a cluster, as the kubernetes and helm
// providers are, and refuses what they would dial localhost for.
type consumer struct{}

func (consumer) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "consumer"
}

func (consumer) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	text := schema.StringAttribute{Optional: true}
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"host": text, "cluster_ca_certificate": text, "client_certificate": text, "client_key": text,
	}}
}

func (consumer) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config struct {
		Host                 types.String `tfsdk:"host"`
		ClusterCACertificate types.String `tfsdk:"cluster_ca_certificate"`
		ClientCertificate    types.String `tfsdk:"client_certificate"`
		ClientKey            types.String `tfsdk:"client_key"`
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	for name, value := range map[string]types.String{
		"host": config.Host, "cluster_ca_certificate": config.ClusterCACertificate,
		"client_certificate": config.ClientCertificate, "client_key": config.ClientKey,
	} {
		if value.IsUnknown() || value.IsNull() {
			resp.Diagnostics.AddError("The consumer would dial localhost", name+" is "+value.String())
		}
	}
}

func (consumer) Resources(context.Context) []func() frameworkresource.Resource { return nil }

func (consumer) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return nothing{} }}
}

// nothing is a data source, so that the consumer is configured at all.
type nothing struct{}

func (nothing) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "consumer_nothing"
}

func (nothing) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = dataschema.Schema{}
}

func (nothing) Read(context.Context, datasource.ReadRequest, *datasource.ReadResponse) {}

const consumed = `
provider "consumer" {
  host                   = gantry_vmware_cluster.prod.kubernetes_client_configuration.host
  cluster_ca_certificate = gantry_vmware_cluster.prod.kubernetes_client_configuration.cluster_ca_certificate
  client_certificate     = gantry_vmware_cluster.prod.kubernetes_client_configuration.client_certificate
  client_key             = gantry_vmware_cluster.prod.kubernetes_client_configuration.client_key
}

data "consumer_nothing" "any" {}
`

// TestAccClusterFeedsAProvider changes a running cluster in place, and repairs it, with
// a provider in the same configuration that is configured from it: what that needs is
// known in every plan.
func TestAccClusterFeedsAProvider(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	factories := e.Factories()
	maps.Copy(factories, map[string]func() (tfprotov6.ProviderServer, error){
		"consumer": providerserver.NewProtocol6WithError(consumer{}),
	})
	known := func(attributes ...string) resource.ConfigPlanChecks {
		var checks []plancheck.PlanCheck
		for _, name := range attributes {
			checks = append(checks, plancheck.ExpectKnownValue(cluster, tfjsonpath.New(name), knownvalue.NotNull()))
		}
		return resource.ConfigPlanChecks{PreApply: checks}
	}
	kept := known("id", "kubeconfig", "control_plane_endpoint", "kubernetes_client_configuration")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{controlPlane: 1, workers: 1})},
			{Config: config(e, shape{controlPlane: 1, workers: 1}) + consumed},
			{Config: config(e, shape{controlPlane: 1, workers: 2}) + consumed, ConfigPlanChecks: kept},
			{Config: config(e, shape{controlPlane: 1, workers: 2, extra: described}) + consumed, ConfigPlanChecks: kept},
			{
				PreConfig: func() {
					if err := e.DeleteVM("prod-general-1"); err != nil {
						t.Error(err)
					}
				},
				Config:           config(e, shape{controlPlane: 1, workers: 2, extra: described}) + consumed,
				ConfigPlanChecks: kept,
			},
			{Config: config(e, shape{controlPlane: 3, workers: 2}) + consumed, ConfigPlanChecks: kept},
			// The consumer goes first, as before a destruction.
			{Config: config(e, shape{controlPlane: 3, workers: 2})},
		},
	})
}
