// Package provider is the Terraform provider: its configuration and the list
// of its resources and data sources, each a package of its own.
package provider

import (
	"context"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/cloudaccount"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/datacenters"
	"github.com/gantry/terraform-provider-gantry/internal/provider/gateway"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippool"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeimage"
	"github.com/gantry/terraform-provider-gantry/internal/provider/orphans"
	"github.com/gantry/terraform-provider-gantry/internal/provider/privilegetable"
	"github.com/gantry/terraform-provider-gantry/internal/provider/templatefacts"
	"github.com/gantry/terraform-provider-gantry/internal/provider/vmwarecluster"
	"github.com/gantry/terraform-provider-gantry/internal/provider/zonetag"
	"github.com/gantry/terraform-provider-gantry/internal/provider/zonetags"
)

var (
	_ provider.Provider                   = (*gantry)(nil)
	_ provider.ProviderWithValidateConfig = (*gantry)(nil)
)

type gantry struct {
	version string
	process *connection.Process
}

// New returns what the plugin server calls for a provider of this version in the
// main process.
func New(version string) func() provider.Provider { return NewIn(connection.Main, version) }

// NewIn is New for a process of its own. A test that serves several runs of
// Terraform from one operating system process keeps them apart by it.
func NewIn(process *connection.Process, version string) func() provider.Provider {
	return func() provider.Provider { return &gantry{version: version, process: process} }
}

// Metadata implements provider.Provider.
func (p *gantry) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "gantry"
	resp.Version = p.version
}

// Schema implements provider.Provider.
func (p *gantry) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Gantry builds and runs Kubernetes clusters on VMware vSphere. " +
			"It keeps its records as vSphere tags in vCenter, so that there is no server to install.",
		Attributes: attributes(),
	}
}

// ValidateConfig implements provider.ProviderWithValidateConfig: it checks what needs
// neither environment nor vCenter.
func (p *gantry) ValidateConfig(ctx context.Context, req provider.ValidateConfigRequest, resp *provider.ValidateConfigResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(m.validate()...)
}

// Configure implements provider.Provider. It makes no call: the first resource that
// needs vCenter logs in, so that a configuration without resources needs no network.
func (p *gantry) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	settings, known, diags := m.settings(os.Getenv)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	c := p.process.Unknown()
	if known {
		settings.UserAgent = "terraform-provider-gantry/" + p.version + " terraform/" + req.TerraformVersion
		c = p.process.New(settings)
	}
	resp.ResourceData = c
	resp.DataSourceData = c
	resp.EphemeralResourceData = c
}

// Resources implements provider.Provider.
func (p *gantry) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		cloudaccount.NewResource,
		gateway.NewResource,
		ippool.NewResource,
		nodeimage.NewResource,
		vmwarecluster.NewResource,
		zonetag.NewResource,
	}
}

// DataSources implements provider.Provider.
func (p *gantry) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		cloudaccount.NewDataSource,
		datacenters.NewDataSource,
		gateway.NewDataSource,
		ippool.NewDataSource,
		orphans.NewDataSource,
		privilegetable.NewDataSource,
		templatefacts.NewDataSource,
		vmwarecluster.NewDataSource,
		zonetags.NewDataSource,
	}
}
