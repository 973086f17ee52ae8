package vmwarecluster

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// maxAtOnce bounds how many nodes of a pool are replaced side by side.
const maxAtOnce = 100

// leastNotReady is longer than a node is away that boots, and that a pod is left on one
// that does not report.
const leastNotReady = 5 * time.Minute

func rollingUpdateAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "How nodes are replaced and removed. A change of `cpu`, `memory_gb`, `disk_gb`, `placements` or the " +
			"profile's image replaces the nodes that were built otherwise, " +
			"one pool after the other and as many nodes of it at once as `max_surge` or `max_unavailable` says, " +
			"each once enough others of its pool are Ready. A node that fails stops the roll, and " +
			"the next apply resumes it, as it does after `timeouts.update`. Defaults to the defaults of its attributes.",
		Attributes: map[string]schema.Attribute{
			"strategy": schema.StringAttribute{
				Optional: true,
				Computed: true,
				Default:  stringdefault.StaticString(string(enginemodel.ExpandFirst)),
				MarkdownDescription: "`expand_first` creates a node's successor before the node is drained and deleted: the pool never has " +
					"fewer nodes than `node_count`, " +
					"and addresses for `max_surge` more of them must be free in its IP pools, which every plan that creates nodes checks. " +
					"`contract_first` deletes the node first, and needs no spare address. Defaults to `expand_first`.",
				Validators: []validator.String{
					stringvalidator.OneOf(string(enginemodel.ExpandFirst), string(enginemodel.ContractFirst)),
				},
			},
			"max_surge": schema.Int64Attribute{
				CustomType: attribute.Int64Type{},
				Optional:   true,
				MarkdownDescription: "With `expand_first`, how many nodes more than `node_count` the pool may have while it is rolled, 1 to 100: " +
					"so many are replaced at once. Defaults to 1.",
				Validators: []validator.Int64{int64validator.Between(1, maxAtOnce), onlyWith{enginemodel.ExpandFirst}},
			},
			"max_unavailable": schema.Int64Attribute{
				CustomType: attribute.Int64Type{},
				Optional:   true,
				MarkdownDescription: "With `contract_first`, how many nodes fewer than `node_count` may be Ready while the pool is rolled, 1 to 100: " +
					"so many are replaced at once. Defaults to 1.",
				Validators: []validator.Int64{int64validator.Between(1, maxAtOnce), onlyWith{enginemodel.ContractFirst}},
			},
			"node_pause": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "How long an apply pauses after it has replaced a node, or as many at once as it may, " +
					"before it goes on to the next of the pool, such as `5m`, from one second to 24 hours. " +
					"`timeouts.update` has to leave room for it. Defaults to no pause.",
				Validators: []validator.String{nodeschema.Duration{}},
			},
			"drain_timeout": drainTimeoutAttribute(),
		},
	}
}

func controlPlaneRollingAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "How control-plane nodes are replaced: one at a time, each after its successor has joined. " +
			"Defaults to the defaults of its attributes.",
		Attributes: map[string]schema.Attribute{"drain_timeout": drainTimeoutAttribute()},
	}
}

func drainTimeoutAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional:            true,
		Computed:            true,
		Default:             stringdefault.StaticString("10m"),
		MarkdownDescription: "How long the eviction of a node's pods may take, such as `10m`, from one second to 24 hours. Defaults to `10m`.",
		Validators:          []validator.String{nodeschema.Duration{}},
	}
}

func repairAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Repair of nodes whose VM runs and which are not Ready: an apply replaces workers as a roll of their pool, " +
			"and control-plane nodes one after the other, each taken out of etcd before another one is built, " +
			"as long as the others keep its quorum; the only one never is. " +
			"Nodes whose VM is gone or powered off, or which never joined, are repaired by every apply, with or without it. " +
			"Defaults to none.",
		Attributes: map[string]schema.Attribute{
			"not_ready_after": schema.StringAttribute{
				Optional: true,
				Computed: true,
				Default:  stringdefault.StaticString("10m"),
				MarkdownDescription: "For how long a node has not been Ready, by vCenter's clock at the time of a refresh, when it is replaced, " +
					"such as `10m`, from 5 minutes to 24 hours. Where no node is Ready, none is replaced. Defaults to `10m`.",
				Validators: []validator.String{nodeschema.Duration{Least: leastNotReady}},
			},
			"max_unhealthy": schema.Int64Attribute{
				CustomType: attribute.Int64Type{},
				Optional:   true,
				Computed:   true,
				Default:    int64default.StaticInt64(1),
				MarkdownDescription: "How many nodes may be unhealthy at once, 1 to 1000: gone, powered off, not joined, or not Ready for " +
					"`not_ready_after`, the control plane's included. Where there are more, the plan warns and no worker is replaced or powered on, " +
					"whatever its reason, nor a control-plane node replaced that is not Ready, but what never joined is built again. Defaults to 1.",
				Validators: []validator.Int64{int64validator.Between(1, maxWorkers)},
			},
		},
	}
}

// onlyWith refuses a value where the strategy of the rolling update is another one.
type onlyWith struct{ strategy enginemodel.RollStrategy }

var _ validator.Int64 = onlyWith{}

// Description implements validator.Describer.
func (o onlyWith) Description(context.Context) string {
	return fmt.Sprintf("is only for strategy = %q", o.strategy)
}

// MarkdownDescription implements validator.Describer.
func (o onlyWith) MarkdownDescription(ctx context.Context) string { return o.Description(ctx) }

// ValidateInt64 implements validator.Int64.
func (o onlyWith) ValidateInt64(ctx context.Context, req validator.Int64Request, resp *validator.Int64Response) {
	var strategy types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName("strategy"), &strategy)...)
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || strategy.IsUnknown() || resp.Diagnostics.HasError() {
		return
	}
	has := enginemodel.RollStrategy(strategy.ValueString())
	if strategy.IsNull() {
		has = enginemodel.ExpandFirst
	}
	if has != o.strategy {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Not for this strategy",
			fmt.Sprintf("The attribute %s, and the strategy here is %q. Remove it, or change the strategy.", o.Description(ctx), has)))
	}
}
