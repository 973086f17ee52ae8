package privilegetable

import (
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
)

// model is the values of gantry_privileges.
type model struct {
	Username   types.String `tfsdk:"username"`
	Version    types.String `tfsdk:"version"`
	On         *onModel     `tfsdk:"on"`
	Privileges []rowModel   `tfsdk:"privileges"`
	Missing    []string     `tfsdk:"missing"`
}

// onModel are the objects of a cluster.
type onModel struct {
	Datacenter     types.String `tfsdk:"datacenter"`
	ComputeCluster types.String `tfsdk:"compute_cluster"`
	Datastore      types.String `tfsdk:"datastore"`
	Network        types.String `tfsdk:"network"`
	ResourcePool   types.String `tfsdk:"resource_pool"`
	Folder         types.String `tfsdk:"folder"`
	Template       types.String `tfsdk:"template"`
	ImageFolder    types.String `tfsdk:"image_folder"`
}

// rowModel is a row of the table.
type rowModel struct {
	Role       string   `tfsdk:"role"`
	Group      string   `tfsdk:"group"`
	Name       string   `tfsdk:"name"`
	ID         string   `tfsdk:"id"`
	Propagates bool     `tfsdk:"propagates"`
	Optional   bool     `tfsdk:"optional"`
	UsedBy     []string `tfsdk:"used_by"`
	UsedFor    []string `tfsdk:"used_for"`
	Granted    *bool    `tfsdk:"granted"`
	MissingOn  []string `tfsdk:"missing_on"`
}

// names are the objects as a cluster names them.
func (o *onModel) names(place enginemodel.PlacementRef) *enginemodel.Names {
	return &enginemodel.Names{
		Datacenter: o.Datacenter.ValueString(),
		Image:      enginemodel.Image{Template: o.Template.ValueString(), Folder: o.ImageFolder.ValueString()},
		Folder:     o.Folder.ValueString(),
		Placements: map[enginemodel.PlacementRef]enginemodel.Placement{place: {
			ComputeCluster: o.ComputeCluster.ValueString(),
			Datastore:      o.Datastore.ValueString(),
			Network:        o.Network.ValueString(),
			ResourcePool:   o.ResourcePool.ValueString(),
		}},
	}
}

// attributeOf is the attribute that a finding about a name is about.
func attributeOf(field enginemodel.Field) path.Path {
	names := map[enginemodel.FieldName]string{
		enginemodel.FieldDatacenter:     "datacenter",
		enginemodel.FieldComputeCluster: "compute_cluster",
		enginemodel.FieldDatastore:      "datastore",
		enginemodel.FieldNetwork:        "network",
		enginemodel.FieldResourcePool:   "resource_pool",
		enginemodel.FieldFolder:         "folder",
		enginemodel.FieldTemplate:       "template",
		enginemodel.FieldImageFolder:    "image_folder",
	}
	if name := names[field.Name]; name != "" {
		return path.Root("on").AtName(name)
	}
	return path.Root("on")
}

// fill sets the table, as far as what is lacking is known, by the reference of the object.
func (m *model) fill(version string, objects map[privileges.Object]object, lacks map[string][]string) {
	m.Version = types.StringValue(version)
	m.Privileges = []rowModel{}
	m.Missing = []string{}
	for _, row := range privileges.Table() {
		if !row.In(version) {
			continue
		}
		r := rowModel{
			Role: string(row.Role), Group: row.Group, Name: row.Name, ID: row.ID,
			Propagates: row.Role.Propagates(), Optional: row.Optional,
			UsedBy: []string{}, UsedFor: []string{}, MissingOn: []string{},
		}
		for _, use := range row.Uses {
			if !slices.Contains(r.UsedBy, string(use.By)) {
				r.UsedBy = append(r.UsedBy, string(use.By))
			}
			r.UsedFor = append(r.UsedFor, use.For)
		}
		r.judge(row, objects, lacks)
		if len(r.MissingOn) > 0 && len(row.Uses) > 0 && !row.Optional && !slices.Contains(m.Missing, row.ID) {
			m.Missing = append(m.Missing, row.ID)
		}
		m.Privileges = append(m.Privileges, r)
	}
	slices.Sort(m.Missing)
}

// judge sets whether the row is granted on all objects that show it; one that is not known
// leaves it unknown unless another one lacks it.
func (r *rowModel) judge(row privileges.Row, objects map[privileges.Object]object, lacks map[string][]string) {
	known := len(row.Objects()) > 0
	for _, kind := range row.Objects() {
		o := objects[kind]
		missing, asked := lacks[o.ref]
		switch {
		case !asked:
			known = false
		case slices.Contains(missing, row.ID):
			r.MissingOn = append(r.MissingOn, string(kind)+" "+o.name)
		}
	}
	if granted := len(r.MissingOn) == 0; known || !granted {
		r.Granted = &granted
	}
}
