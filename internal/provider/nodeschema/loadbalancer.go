package nodeschema

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// replacesLoadBalancer is what a change of most parts of the attribute does.
const replacesLoadBalancer = "A change replaces the load balancer, and the API is not reached until the new one runs."

// LoadBalancer is the schema of the load balancer that fronts the control plane where nodes
// take leases.
func LoadBalancer(kind string) schema.SingleNestedAttribute {
	whole := func(doc string, standard int64) schema.Int64Attribute {
		return schema.Int64Attribute{
			CustomType:          attribute.Int64Type{},
			Optional:            true,
			MarkdownDescription: fmt.Sprintf("%s, 1 to 64. Defaults to %d. %s", doc, standard, replacesLoadBalancer),
			Validators:          []validator.Int64{int64validator.Between(1, 64)},
		}
	}
	image := Image("Node image of the load balancer, with kubelet and containerd. Defaults to the image of the " + kind + ", " +
		"so that the load balancer is replaced with each upgrade. " + replacesLoadBalancer)
	image.Required = false
	image.Optional = true
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "The load balancer of a " + kind + " with `ip_allocation = \"dhcp\"`: a VM named like the " + kind +
			" with `-lb` by default, " +
			"in the first placement of the control plane, that runs HAProxy and is the endpoint. All of it is optional. " +
			"Its MAC address stays the same when it is replaced: reserve its address for that on the DHCP server, or set `host_name`.",
		Attributes: map[string]schema.Attribute{
			"cpu":       whole("Virtual CPUs", model.DefaultLoadBalancerCPU),
			"memory_gb": whole("Memory in GB (2^30 bytes)", model.DefaultLoadBalancerMemoryGB),
			"image":     image,
			"haproxy_image": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Container image of HAProxy, 2.6 or newer, with its registry and a tag or a digest. Defaults to `" +
					bootstrap.DefaultHAProxyImage + "`, or to that of `registry.image_repository`. " + replacesLoadBalancer,
				Validators: []validator.String{containerImage{}},
			},
			"host_name": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Name by which the API is reached, in lower case: the load balancer asks its DHCP server for it, which has " +
					"to enter it into DNS. The endpoint and its certificates carry the name, so that the address may change. It does not change. " +
					"Defaults to none: the endpoint is the address.",
				Validators: []validator.String{hostName{}},
			},
		},
	}
}

// loadBalancerModel is the attribute load_balancer, all of which is known.
type loadBalancerModel struct {
	CPU          *int64      `tfsdk:"cpu"`
	MemoryGB     *int64      `tfsdk:"memory_gb"`
	Image        *ImageModel `tfsdk:"image"`
	HAProxyImage *string     `tfsdk:"haproxy_image"`
	HostName     *string     `tfsdk:"host_name"`
}

// setLoadBalancer decodes the attribute and sets it in a spec. Its image is looked up where
// that of the nodes is.
func setLoadBalancer(ctx context.Context, value types.Object, spec *model.ClusterSpec) diag.Diagnostics {
	if value.IsNull() {
		return nil
	}
	var lb loadBalancerModel
	diags := value.As(ctx, &lb, AllKnown)
	spec.LoadBalancer = model.LoadBalancer{
		CPU:          int32(OrZero(lb.CPU)),
		MemoryGB:     OrZero(lb.MemoryGB),
		HAProxyImage: OrZero(lb.HAProxyImage),
		HostName:     OrZero(lb.HostName),
	}
	if lb.Image != nil {
		spec.LoadBalancer.Image = lb.Image.ToModel("")
	}
	return diags
}

// loadBalancerFields are the parts of the attribute by the fields that they are.
var loadBalancerFields = map[model.FieldName]string{
	model.FieldCPU:          "cpu",
	model.FieldMemory:       "memory_gb",
	model.FieldHAProxyImage: "haproxy_image",
	model.FieldHostName:     "host_name",
}

// LoadBalancerPath returns the attribute of a field of the load balancer; false for a field
// of something else.
func LoadBalancerPath(f model.Field) (path.Path, bool) {
	at := path.Root("load_balancer")
	own := f.Name == model.FieldLoadBalancer || f.Name == model.FieldHAProxyImage || f.Name == model.FieldHostName
	switch {
	case f.NodePool != model.LoadBalancerPool && !own:
		return path.Empty(), false
	case f.Name == model.FieldTemplate:
		return at.AtName("image").AtName("template"), true
	case loadBalancerFields[f.Name] != "":
		return at.AtName(loadBalancerFields[f.Name]), true
	}
	return at, true
}

// Allocation is the attribute ip_allocation; empty while it is unknown.
func Allocation(network types.Object) model.Allocation {
	text, ok := network.Attributes()["ip_allocation"].(types.String)
	if !ok || text.IsUnknown() {
		return ""
	}
	return model.Allocation(text.ValueString())
}

// ValidateLoadBalancer refuses a load balancer beside a VIP.
func ValidateLoadBalancer(network, loadBalancer types.Object) diag.Diagnostics {
	if Allocation(network) != model.AllocationStatic || loadBalancer.IsNull() || loadBalancer.IsUnknown() {
		return nil
	}
	return diag.Diagnostics{diagnostics.AttributeError(path.Root("load_balancer"), "Load balancer without DHCP",
		`With ip_allocation = "static" a VIP fronts the control plane. Remove load_balancer, or set ip_allocation = "dhcp".`)}
}

// ValidateIPPoolID refuses an IP pool of nodes that take leases, and its absence where they do
// not. at is the attribute that names it.
func ValidateIPPoolID(network types.Object, id types.String, at path.Path) diag.Diagnostics {
	switch allocation := Allocation(network); {
	case allocation == model.AllocationStatic && id.IsNull():
		return diag.Diagnostics{diagnostics.AttributeError(at, "IP pool missing",
			`With ip_allocation = "static" each placement names the IP pool that the addresses of its nodes come from. Set ip_pool_id.`)}
	case allocation == model.AllocationDHCP && !id.IsNull() && !id.IsUnknown():
		return diag.Diagnostics{diagnostics.AttributeError(at, "IP pool with DHCP",
			`With ip_allocation = "dhcp" nodes take leases, and no address comes from an IP pool. Remove ip_pool_id.`)}
	}
	return nil
}

// containerImage validates a container image of a machine's own. Its error does not repeat a value
// that is none: it may be the address of a registry with a password.
type containerImage struct{}

var _ validator.String = containerImage{}

func (containerImage) Description(context.Context) string {
	return "must be a container image with its registry and a tag or a digest, such as " + bootstrap.DefaultHAProxyImage
}

func (v containerImage) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v containerImage) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || bootstrap.CheckImage(req.ConfigValue.ValueString()) == nil {
		return
	}
	resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid container image", "The value "+v.Description(ctx)+"."))
}

// hostName validates the name of a load balancer.
type hostName struct{}

var _ validator.String = hostName{}

func (hostName) Description(context.Context) string {
	return "must be a DNS name of lower-case letters, digits and dashes, such as prod-1.k8s.example.com, with at most 63 characters " +
		"before its first dot"
}

func (v hostName) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v hostName) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || bootstrap.CheckHostName(req.ConfigValue.ValueString()) == nil {
		return
	}
	resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid host name", "The value "+v.Description(ctx)+"."))
}
