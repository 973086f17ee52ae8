package vmwarecluster

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// loadBalancerPoolModel is decoded only where all of it is known.
type loadBalancerPoolModel struct {
	IPPoolID string `tfsdk:"ip_pool_id"`
	Range    struct {
		Start string `tfsdk:"start"`
		End   string `tfsdk:"end"`
	} `tfsdk:"range"`
}

// maxRanges and maxRangeName bound what the ranges take in the cluster's record.
const (
	maxRanges    = 8
	maxRangeName = 32
)

func loadBalancerPoolsAttribute() schema.MapNestedAttribute {
	return schema.MapNestedAttribute{
		Optional: true,
		MarkdownDescription: "Ranges of IP pools that no node gets an address of, by name: addresses for services of type LoadBalancer, " +
			"which a pack such as MetalLB or kube-vip gives out. A range is free when it is reserved, which the plan checks, and is the cluster's " +
			fmt.Sprintf("until it is taken out here or the cluster is destroyed. At most %d ranges with %d addresses in all, each of which is "+
				"a tag in vCenter and counts by `max_claims`. ", maxRanges, enginemodel.MaxReserved) +
			"Write ranges into `locals`, from which the pack takes them, too. Changed in place: what is new is reserved before packs are applied, " +
			"and what goes is released after all of them have been, and once no service has an address of it. A range moves to another cluster " +
			"in two applies. Defaults to none.",
		Validators: []validator.Map{
			attribute.NoNulls{},
			mapvalidator.SizeAtMost(maxRanges),
			mapvalidator.KeysAre(nodeschema.NodePoolName(), stringvalidator.LengthAtMost(maxRangeName)),
		},
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"ip_pool_id": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Id of the IP pool that the range is in. It belongs to the cluster's gateway.",
				Validators:          []validator.String{attribute.IDOf("gantry_ip_pool")},
			},
			"range": schema.SingleNestedAttribute{
				Required: true,
				MarkdownDescription: "First and last address, both of them reserved, within the IP pool and without addresses that this does not " +
					"hand out.",
				Attributes: map[string]schema.Attribute{
					"start": schema.StringAttribute{Required: true, MarkdownDescription: "First address, such as `10.10.183.200`."},
					"end":   schema.StringAttribute{Required: true, MarkdownDescription: "Last address, not below `start`."},
				},
			},
		}},
	}
}

func loadBalancerPoolPath(name string) path.Path {
	return path.Root("load_balancer_pools").AtMapKey(name)
}

// setLoadBalancerPools sets the ranges that the cluster reserves.
func (m *model) setLoadBalancerPools(ctx context.Context, spec *enginemodel.ClusterSpec) diag.Diagnostics {
	pools := map[string]loadBalancerPoolModel{}
	diags := m.LoadBalancerPools.ElementsAs(ctx, &pools, false)
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		pool := pools[name]
		id, more := attribute.ParseID(types.StringValue(pool.IPPoolID), loadBalancerPoolPath(name).AtName("ip_pool_id"))
		diags.Append(more...)
		addresses, more := parseRange(loadBalancerPoolPath(name), types.StringValue(pool.Range.Start), types.StringValue(pool.Range.End))
		diags.Append(more...)
		spec.ReservedRanges = append(spec.ReservedRanges, enginemodel.ReservedRange{Name: name, IPPoolID: id, Range: addresses})
	}
	return diags
}

// checkLoadBalancerPools refuses ranges that are none, as far as they are known.
func checkLoadBalancerPools(m *model) diag.Diagnostics {
	var diags diag.Diagnostics
	pools := m.LoadBalancerPools.Elements()
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		pool, _ := pools[name].(types.Object)
		addresses, _ := pool.Attributes()["range"].(types.Object)
		start, _ := addresses.Attributes()["start"].(types.String)
		end, _ := addresses.Attributes()["end"].(types.String)
		_, more := parseRange(loadBalancerPoolPath(name), start, end)
		diags.Append(more...)
	}
	return diags
}

// parseRange reads the ends of a range; none of what is not known yet.
func parseRange(at path.Path, start, end types.String) (ipam.Range, diag.Diagnostics) {
	if start.IsNull() || start.IsUnknown() || end.IsNull() || end.IsUnknown() {
		return ipam.Range{}, nil
	}
	addresses, err := ipam.ParseRange(start.ValueString() + "-" + end.ValueString())
	if err != nil {
		return ipam.Range{}, diag.Diagnostics{diagnostics.AttributeError(at.AtName("range"), "Invalid range",
			fmt.Sprintf("The range is from start to end, two addresses of one family: %s.", err))}
	}
	return addresses, nil
}
