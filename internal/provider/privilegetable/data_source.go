// Package privilegetable is the data source gantry_privileges.
package privilegetable

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

var (
	_ datasource.DataSource              = (*dataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*dataSource)(nil)
)

type dataSource struct{ connection.DataSource }

// NewDataSource returns the data source gantry_privileges.
func NewDataSource() datasource.DataSource {
	return &dataSource{connection.DataSource{Type: "gantry_privileges"}}
}

// Read implements datasource.DataSource.
func (d *dataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	const subject = "privileges"
	vcenter, err := d.Connection.VCenter(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", subject, err))
		return
	}
	user := m.Username.ValueString()
	if m.Username.IsNull() || d.Connection.IsProvider(user) {
		user = ""
	}
	version := m.Version.ValueString()
	if version == "" {
		version = tableVersion(vcenter.Version())
	}
	objects, diags := resolve(ctx, vcenter, m.On)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	lacks, err := read(ctx, vcenter, user, objects)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", subject, err))
		return
	}
	m.fill(version, objects, lacks)
	if user != "" && len(lacks) == 0 {
		resp.Diagnostics.Append(diagnostics.AttributeWarning(path.Root("username"), "Privileges are not known",
			"vCenter says nothing of the user "+user+". It finds those who are named with the domain, such as team-a@vsphere.local."))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// tableVersion is the version of the table for a vCenter: its own, or the newest.
func tableVersion(version string) string {
	all := privileges.Versions()
	for _, v := range all {
		if strings.HasPrefix(version, v+".") {
			return v
		}
	}
	return all[len(all)-1]
}

// object is an object on which privileges are judged.
type object struct{ ref, name string }

// resolve finds the objects, by kind, as for a cluster.
func resolve(ctx context.Context, vcenter *vsphere.Client, on *onModel) (map[privileges.Object]object, diag.Diagnostics) {
	objects := map[privileges.Object]object{privileges.Root: {ref: vcenter.RootFolder(), name: "/"}}
	if on == nil {
		return objects, nil
	}
	place := enginemodel.PlacementRef{NodePool: enginemodel.ControlPlanePool}
	survey, err := vcenter.Survey(ctx, enginemodel.SurveyRequest{Names: on.names(place)})
	if err != nil {
		return nil, diag.Diagnostics{diagnostics.FromError("read", "the objects of "+on.Datacenter.ValueString(), err)}
	}
	var diags diag.Diagnostics
	for _, problem := range survey.Findings.Problems {
		for _, field := range problem.Fields {
			diags.Append(diagnostics.AttributeError(attributeOf(field), problem.Summary, problem.Detail))
		}
	}
	found := survey.Site.Placements[place]
	folder := survey.Site.Folder.Ref
	if folder == "" {
		folder = survey.Site.Folder.Parent // where it would be made
	}
	objects[privileges.ComputeCluster] = object{found.ComputeCluster, on.ComputeCluster.ValueString()}
	objects[privileges.Datastore] = object{found.Datastore, on.Datastore.ValueString()}
	objects[privileges.Network] = object{found.Network.Ref, on.Network.ValueString()}
	objects[privileges.ResourcePool] = object{found.ResourcePool, on.ResourcePool.ValueString()}
	objects[privileges.Folder] = object{folder, on.Folder.ValueString()}
	objects[privileges.Template] = object{survey.Site.Template.Ref, on.Template.ValueString()}
	return objects, diags
}

// read asks vCenter for all privileges of the table on the objects, in one call.
func read(ctx context.Context, vcenter *vsphere.Client, user string, objects map[privileges.Object]object) (map[string][]string, error) {
	req := enginemodel.PrivilegeRequest{User: user, Objects: map[string][]string{}}
	for _, row := range privileges.Table() {
		for _, kind := range row.Objects() {
			ref := objects[kind].ref
			if ref != "" && !slices.Contains(req.Objects[ref], row.ID) {
				req.Objects[ref] = append(req.Objects[ref], row.ID)
			}
		}
	}
	return vcenter.Lacks(ctx, req)
}
