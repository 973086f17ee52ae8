// Package templatefacts is the data source gantry_template.
package templatefacts

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

var (
	_ datasource.DataSource              = (*dataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*dataSource)(nil)
)

type dataSource struct{ connection.DataSource }

// NewDataSource returns the data source gantry_template.
func NewDataSource() datasource.DataSource {
	return &dataSource{connection.DataSource{Type: "gantry_template"}}
}

// Read implements datasource.DataSource.
func (d *dataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("datacenter"), &m.Datacenter)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("template"), &m.Template)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("image_folder"), &m.ImageFolder)...)
	if resp.Diagnostics.HasError() {
		return
	}
	subject := fmt.Sprintf("the template %q", m.Template.ValueString())
	vcenter, err := d.Connection.VCenter(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", subject, err))
		return
	}
	image := enginemodel.Image{Template: m.Template.ValueString(), Folder: m.ImageFolder.ValueString()}
	facts, findings, err := vcenter.Template(ctx, m.Datacenter.ValueString(), image)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", subject, err))
		return
	}
	if facts == nil {
		for _, problem := range findings.Problems {
			resp.Diagnostics.Append(diagnostics.AttributeError(attributeOf(problem), problem.Summary, problem.Detail))
		}
		return
	}
	m.fill(facts, findings)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// attributeOf is the attribute that a finding about a name is about.
func attributeOf(finding enginemodel.Finding) path.Path {
	for _, field := range finding.Fields {
		switch field.Name {
		case enginemodel.FieldDatacenter:
			return path.Root("datacenter")
		case enginemodel.FieldImageFolder:
			return path.Root("image_folder")
		}
	}
	return path.Root("template")
}
