// Package zonetags is the data source gantry_zone_tags.
package zonetags

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

var (
	_ datasource.DataSource              = (*dataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*dataSource)(nil)
)

type dataSource struct{ connection.DataSource }

// NewDataSource returns the data source gantry_zone_tags.
func NewDataSource() datasource.DataSource {
	return &dataSource{connection.DataSource{Type: "gantry_zone_tags"}}
}

// Schema implements datasource.DataSource.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: description}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The topology tags of a datacenter: the tag of category `k8s-region` on the datacenter and those of " +
			"category `k8s-zone` " +
			"on its compute clusters, with what keeps them from becoming node labels. Compute clusters are named by inventory path where " +
			"several share a name.",
		Attributes: map[string]schema.Attribute{
			"datacenter": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name or inventory path of the datacenter. One that does not exist is an error.",
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"region": text("Value of the datacenter's `k8s-region` tag; null where it has none that is valid."),
			"zones": schema.MapAttribute{
				Computed: true, ElementType: types.StringType,
				MarkdownDescription: "Value of the `k8s-zone` tag of each compute cluster that has a valid one, keyed by compute cluster.",
			},
			"untagged_compute_clusters": schema.ListAttribute{
				Computed: true, ElementType: types.StringType,
				MarkdownDescription: "Compute clusters without any `k8s-zone` tag.",
			},
			"duplicates": schema.MapAttribute{
				Computed: true, ElementType: types.ListType{ElemType: types.StringType},
				MarkdownDescription: "Compute clusters that share a zone, keyed by the zone. It is empty where every zone is one compute cluster.",
			},
			"invalid": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "Tags that can't become node labels. It is empty where there are none.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"object":   text("Inventory path of the datacenter or compute cluster that has the tag."),
					"category": text("Category of the tag, `k8s-region` or `k8s-zone`."),
					"value":    text("Name of the tag."),
					"reason":   text("What is wrong with the tag."),
				}},
			},
		},
	}
}

// model is the values of gantry_zone_tags.
type model struct {
	Datacenter types.String        `tfsdk:"datacenter"`
	Region     *string             `tfsdk:"region"`
	Zones      map[string]string   `tfsdk:"zones"`
	Untagged   []string            `tfsdk:"untagged_compute_clusters"`
	Duplicates map[string][]string `tfsdk:"duplicates"`
	Invalid    []invalid           `tfsdk:"invalid"`
}

type invalid struct {
	Object   string `tfsdk:"object"`
	Category string `tfsdk:"category"`
	Value    string `tfsdk:"value"`
	Reason   string `tfsdk:"reason"`
}

// fromTags is the model of what vCenter showed. What there is none of is empty
// and not null, so that length() and for work on it.
func fromTags(datacenter types.String, tags vsphere.ZoneTags) model {
	m := model{
		Datacenter: datacenter,
		Zones:      map[string]string{},
		Untagged:   append([]string{}, tags.Untagged...),
		Duplicates: map[string][]string{},
		Invalid:    []invalid{},
	}
	if tags.Region != "" {
		m.Region = &tags.Region
	}
	for cluster, zone := range tags.Zones {
		m.Zones[cluster] = zone
	}
	for zone, clusters := range tags.Duplicates {
		m.Duplicates[zone] = clusters
	}
	for _, i := range tags.Invalid {
		m.Invalid = append(m.Invalid, invalid{i.Object, i.Category, i.Value, i.Reason})
	}
	return m
}

// Read implements datasource.DataSource.
func (d *dataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var datacenter types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("datacenter"), &datacenter)...)
	if resp.Diagnostics.HasError() {
		return
	}
	subject := fmt.Sprintf("the zone tags of datacenter %q", datacenter.ValueString())
	vcenter, err := d.Connection.VCenter(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", subject, err))
		return
	}
	tags, err := vcenter.ZoneTags(ctx, datacenter.ValueString())
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("datacenter"), "Unable to read "+subject, diagnostics.Detail(err))
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, fromTags(datacenter, tags))...)
}
