package enginecrud

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Lookup is what a data source says of a cluster or gateway that another workspace has
// made: what vCenter knows of it. Its API is not asked, since no kubeconfig is at hand.
type Lookup struct {
	ID                   types.String            `tfsdk:"id"`
	Name                 types.String            `tfsdk:"name"`
	State                types.String            `tfsdk:"state"`
	LockedBy             types.String            `tfsdk:"locked_by"`
	Conditions           []foundCondition        `tfsdk:"conditions"`
	Nodes                map[string]foundMachine `tfsdk:"nodes"`
	ControlPlaneEndpoint types.String            `tfsdk:"control_plane_endpoint"`
}

type foundCondition struct {
	Type    string `tfsdk:"type"`
	Status  string `tfsdk:"status"`
	Reason  string `tfsdk:"reason"`
	Message string `tfsdk:"message"`
}

type foundMachine struct {
	Role           string `tfsdk:"role"`
	Pool           string `tfsdk:"pool"`
	Address        string `tfsdk:"address"`
	VMID           string `tfsdk:"vm_id"`
	ComputeCluster string `tfsdk:"compute_cluster"`
}

// LookupAttributes are the schema of Lookup.
func LookupAttributes(kind string) map[string]schema.Attribute {
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	return map[string]schema.Attribute{
		"id": text("Identifier of the " + kind + "."),
		"name": schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "Name of the " + kind + ". One that does not exist is an error.",
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"state": text("Life of the " + kind + " in one word, also while another run works on it: `Pending` before its first VM, " +
			"`Provisioning` until its creation has ended, `Running`, `Updating` while a run works on it, `Degraded` where something is missing " +
			"or the last run did not end, `Deleting`, also where a deletion has failed half way, and `Failed` where its API has never answered."),
		"locked_by": text("The run that works on the " + kind + " now, with host and process, and since when; null for none."),
		"conditions": schema.ListNestedAttribute{
			Computed: true,
			MarkdownDescription: "Aspects of the state that vCenter shows, as in the resource. What the API of the " + kind + " would say " +
				"is `Unknown`, since its kubeconfig is in the state of the workspace that made it.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"type":    text("Type of the condition, such as `MachinesReady`."),
				"status":  text("`True`, `False` or `Unknown`."),
				"reason":  text("Reason in one word."),
				"message": text("What is wrong, for people."),
			}},
		},
		"nodes": schema.MapNestedAttribute{
			Computed:            true,
			MarkdownDescription: "Nodes by name, as their VMs say; with DHCP also the load balancer.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"role":            text("`control-plane`, `worker` or `load-balancer`."),
				"pool":            text("Node pool; `cp` is the control plane, and `lb` a load balancer."),
				"address":         text("Address of the node; empty for a lease that is not known."),
				"vm_id":           text("Managed object id of the VM."),
				"compute_cluster": text("Compute cluster that the VM was built in."),
			}},
		},
		"control_plane_endpoint": text("Host and port of the API; null before there is one."),
	}
}

// Found is what a lookup has found beyond what every data source shows.
type Found struct {
	ID     uuid.UUID
	Life   engine.Life
	Facts  *model.Facts // nil where nothing is made yet
	Engine *engine.Engine
}

// Find looks up by name what has the reference.
func (l *Lookup) Find(ctx context.Context, conn *connection.Connection, ref record.Ref) (*Found, diag.Diagnostics) {
	failed := func(err error) diag.Diagnostics {
		return diag.Diagnostics{diagnostics.FromError("read", ref.Describe(), err)}
	}
	eng, err := newEngine(ctx, conn, nil)
	if err != nil {
		return nil, failed(err)
	}
	found := &Found{ID: eng.Ledger.ID(ref), Engine: eng}
	found.Life, err = engine.ReadLife(ctx, eng.Ledger.Recent(eng.Timing.ReadMaxAge), found.ID)
	if err != nil {
		return nil, failed(err)
	}
	state := found.Life.State()
	if state == "" {
		return nil, diag.Diagnostics{diagnostics.AttributeError(path.Root("name"), diagnostics.Title(ref.Kind.String())+" not found",
			fmt.Sprintf("vCenter has no record of %s%s.", ref.Describe(), ofGateway(ref)))}
	}
	if found.Life.Record.Found {
		found.ID = found.Life.Record.ID
	}
	status, facts, err := eng.Status(ctx, model.ClusterSpec{Ref: ref, ID: found.ID}, nil)
	if err != nil {
		return nil, failed(err)
	}
	found.Facts = facts
	l.ID = attribute.IDValue(found.ID)
	l.LockedBy = types.StringNull()
	if holder := found.Life.Holder; holder != nil && !holder.Dead {
		l.LockedBy = types.StringValue(found.Life.Worker())
	}
	l.show(status, state)
	return found, nil
}

// CountNodes is the number of nodes that have a VM. A load balancer is none.
func (l *Lookup) CountNodes() int {
	count := 0
	for _, node := range l.Nodes {
		if node.Role != string(model.RoleLoadBalancer) {
			count++
		}
	}
	return count
}

// ofGateway says where something was looked up.
func ofGateway(ref record.Ref) string {
	switch {
	case ref.GatewayID != uuid.Nil:
		return fmt.Sprintf(" of gateway %s", ref.GatewayID)
	case ref.Kind == record.KindGateway:
		return ""
	}
	return " of the system gateway. One that belongs to a gateway is found with gateway_id"
}

// show sets what was observed. What vCenter shows now may be worse than what the last
// run has left.
func (l *Lookup) show(status *model.Status, state model.State) {
	l.Conditions = []foundCondition{}
	l.Nodes = map[string]foundMachine{}
	l.ControlPlaneEndpoint = types.StringNull()
	if status != nil {
		if state == model.StateRunning && status.State == model.StateDegraded {
			state = status.State
		}
		for _, c := range status.Conditions {
			l.Conditions = append(l.Conditions, foundCondition{c.Type, string(c.Status), c.Reason, c.Message})
		}
		for _, node := range status.Nodes {
			l.Nodes[node.Name] = foundMachine{
				Role: string(node.Role), Pool: node.NodePool, Address: node.Address,
				VMID: strings.TrimPrefix(node.VM, machineType), ComputeCluster: node.ComputeCluster,
			}
		}
		if status.Endpoint != "" {
			l.ControlPlaneEndpoint = types.StringValue(status.Endpoint)
		}
	}
	l.State = types.StringValue(string(state))
}
