package vmwarecluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// usageLimitsModel is decoded only where all of it is known.
type usageLimitsModel struct {
	CPUPercent        *int64 `tfsdk:"cpu_percent"`
	MemoryPercent     *int64 `tfsdk:"memory_percent"`
	NodeCPUPercent    *int64 `tfsdk:"node_cpu_percent"`
	NodeMemoryPercent *int64 `tfsdk:"node_memory_percent"`
}

func usageLimitsAttribute() schema.SingleNestedAttribute {
	percent := func(what string) schema.Int64Attribute {
		return schema.Int64Attribute{
			CustomType:          attribute.Int64Type{},
			Optional:            true,
			MarkdownDescription: what + ", in percent of what they can give to pods, from 1 to 100. Defaults to no limit.",
			Validators:          []validator.Int64{int64validator.Between(1, 100)},
		}
	}
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "How much of its nodes the cluster may use before `health` is `Unhealthy`. Each refresh judges its own moment, by " +
			"the metrics that the cluster serves (`metrics.k8s.io`, as of metrics-server); the condition `UsageWithinLimits` says what is over. " +
			"Where none are served, that is `Unknown` and the health is as it was. No apply does anything about it. Defaults to no limits.",
		Attributes: map[string]schema.Attribute{
			"cpu_percent":         percent("CPU that all nodes together use"),
			"memory_percent":      percent("Memory that all nodes together use"),
			"node_cpu_percent":    percent("CPU that any node uses"),
			"node_memory_percent": percent("Memory that any node uses"),
		},
	}
}

// checkUsageLimits refuses limits of which there is none.
func checkUsageLimits(m *model) diag.Diagnostics {
	if m.UsageLimits.IsNull() || m.UsageLimits.IsUnknown() {
		return nil
	}
	for _, limit := range m.UsageLimits.Attributes() {
		if !limit.IsNull() {
			return nil
		}
	}
	return diag.Diagnostics{diagnostics.AttributeError(path.Root("usage_limits"), "No limit",
		"Set at least one of cpu_percent, memory_percent, node_cpu_percent and node_memory_percent, or take usage_limits out.")}
}

// setUsageLimits sets by what the health judges usage.
func (m *model) setUsageLimits(ctx context.Context, spec *enginemodel.ClusterSpec) diag.Diagnostics {
	if m.UsageLimits.IsNull() {
		return nil
	}
	var limits usageLimitsModel
	diags := m.UsageLimits.As(ctx, &limits, nodeschema.AllKnown)
	spec.UsageLimits = &enginemodel.UsageLimits{
		CPU:        int(nodeschema.OrZero(limits.CPUPercent)),
		Memory:     int(nodeschema.OrZero(limits.MemoryPercent)),
		NodeCPU:    int(nodeschema.OrZero(limits.NodeCPUPercent)),
		NodeMemory: int(nodeschema.OrZero(limits.NodeMemoryPercent)),
	}
	return diags
}

// ServicesValue implements enginecrud.ServiceReporter.
func (m *model) ServicesValue() *types.Map { return &m.Services }

// ImagesValue implements enginecrud.ImageLister.
func (m *model) ImagesValue() *types.List { return &m.Images }

// amountTypes are the types of what nodes have and what is taken of it.
var amountTypes = map[string]attr.Type{
	"cpu_allocatable_millicores": types.Int64Type,
	"cpu_requested_millicores":   types.Int64Type,
	"cpu_used_millicores":        types.Int64Type,
	"memory_allocatable_bytes":   types.Int64Type,
	"memory_requested_bytes":     types.Int64Type,
	"memory_used_bytes":          types.Int64Type,
}

var usageTypes = map[string]attr.Type{
	"total": types.ObjectType{AttrTypes: amountTypes},
	"nodes": types.MapType{ElemType: types.ObjectType{AttrTypes: amountTypes}},
}

// usageValue shows a usage; what is not measured is null.
func usageValue(usage enginemodel.Usage) types.Object {
	nodes := map[string]attr.Value{}
	for name, node := range usage {
		nodes[name] = amountsValue(node)
	}
	return types.ObjectValueMust(usageTypes, map[string]attr.Value{
		"total": amountsValue(usage.Total()),
		"nodes": types.MapValueMust(types.ObjectType{AttrTypes: amountTypes}, nodes),
	})
}

func amountsValue(u enginemodel.NodeUsage) types.Object {
	cpu, memory := types.Int64Null(), types.Int64Null()
	if u.Measured {
		cpu, memory = types.Int64Value(u.Used.CPU), types.Int64Value(u.Used.Memory)
	}
	return types.ObjectValueMust(amountTypes, map[string]attr.Value{
		"cpu_allocatable_millicores": types.Int64Value(u.Allocatable.CPU),
		"cpu_requested_millicores":   types.Int64Value(u.Requested.CPU),
		"cpu_used_millicores":        cpu,
		"memory_allocatable_bytes":   types.Int64Value(u.Allocatable.Memory),
		"memory_requested_bytes":     types.Int64Value(u.Requested.Memory),
		"memory_used_bytes":          memory,
	})
}

func usageAttribute() datasource.SingleNestedAttribute {
	number := func(doc string) datasource.Int64Attribute {
		return datasource.Int64Attribute{Computed: true, MarkdownDescription: doc}
	}
	amounts := map[string]datasource.Attribute{
		"cpu_allocatable_millicores": number("CPU that pods may have, in thousandths of one."),
		"cpu_requested_millicores":   number("CPU that pods request, in thousandths of one."),
		"cpu_used_millicores":        number("CPU that is used, in thousandths of one; null where it is not measured."),
		"memory_allocatable_bytes":   number("Memory that pods may have, in bytes."),
		"memory_requested_bytes":     number("Memory that pods request, in bytes."),
		"memory_used_bytes":          number("Memory that is used, in bytes; null where it is not measured."),
	}
	return datasource.SingleNestedAttribute{
		Computed: true,
		MarkdownDescription: "What the nodes have and what of that is taken, at the moment of the read; null without `kubeconfig`. " +
			"What is used is measured where the cluster serves metrics (`metrics.k8s.io`), and in all where each node is.",
		Attributes: map[string]datasource.Attribute{
			"total": datasource.SingleNestedAttribute{
				Computed: true, MarkdownDescription: "Of all nodes together.", Attributes: amounts,
			},
			"nodes": datasource.MapNestedAttribute{
				Computed: true, MarkdownDescription: "By node.", NestedObject: datasource.NestedAttributeObject{Attributes: amounts},
			},
		},
	}
}
