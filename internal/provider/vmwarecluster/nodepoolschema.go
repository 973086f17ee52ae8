package vmwarecluster

import (
	"maps"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/kubernetesschema"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// maxWorkers bounds a pool; Kubernetes is tested with clusters of up to 5,000 nodes.
const maxWorkers = 1000

// maxPoolName leaves room in a node's name for the cluster and a number.
const maxPoolName = 18

// changedPlacements says what becomes of nodes where the placements of their pool change.
const changedPlacements = "A placement that is added gets new nodes; the nodes of one that is removed are rolled."

// How what a pool has done on its nodes goes together with what the profile has.
const (
	profileFiles    = "They come beside the profile's `kubernetes.node_files`, and take the place of those with the same path. "
	profileCommands = "They run after those of the profile's `kubernetes`. "
)

func controlPlaneAttribute() schema.SingleNestedAttribute {
	attributes := nodeAttributes(controlPlaneTaints)
	attributes["node_count"] = schema.Int64Attribute{
		CustomType:          attribute.Int64Type{},
		Required:            true,
		MarkdownDescription: "Number of control-plane nodes: 1, 3 or 5. It grows in place and never shrinks.",
		Validators:          []validator.Int64{int64validator.OneOf(1, 3, 5)},
	}
	attributes["schedulable"] = schema.BoolAttribute{
		Optional:            true,
		Computed:            true,
		Default:             booldefault.StaticBool(false),
		MarkdownDescription: "Whether control-plane nodes run ordinary pods, too. Defaults to `false`.",
	}
	attributes["placements"] = schema.ListNestedAttribute{
		Required: true,
		MarkdownDescription: "Where the control plane goes: its nodes spread evenly over one or more placements, all on one network and " +
			"with one IP pool, since the endpoint moves between them. The IP pool does not change. A load balancer is built on the first " +
			"placement. " + changedPlacements,
		Validators:   []validator.List{attribute.NoNulls{}, listvalidator.SizeAtLeast(1)},
		NestedObject: placementObject(),
	}
	attributes["placement_policy"] = placementPolicyAttribute()
	attributes["rolling_update"] = controlPlaneRollingAttribute()
	setup := kubernetesschema.Setup("the nodes of the control plane", profileFiles, profileCommands, "A change rolls the control plane. ")
	maps.Copy(attributes, setup)
	return schema.SingleNestedAttribute{
		Required: true,
		MarkdownDescription: "The nodes that run the control plane. A change of `cpu`, `memory_gb`, `disk_gb`, `placements` or the " +
			"profile's image replaces the nodes that were built otherwise, one at a time: a successor joins, on an address that the cluster " +
			"keeps for it, and becomes a member of etcd; then the node is drained, leaves etcd and is deleted. A single node passes through " +
			"two members. Nothing is replaced while a member of etcd or a component of the control plane is not well. A VM that was deleted " +
			"outside Terraform is replaced by the next apply, as long as the others have the quorum.",
		Attributes: attributes,
	}
}

// anyPlacement has a node that its placement has no room for built on another one.
const anyPlacement = "any"

func placementPolicyAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "`any`: a node for which its placement has no room when it is made is built on another of `placements`, and an " +
			"apply warns of it. No room is what vCenter gives as the reason why it does not clone or power on a VM: a full datastore, no host " +
			"that can run it, a lack of CPU or memory, or the admission control of vSphere HA. The node stays there as long as its pool has " +
			"that placement. It changes in place. Defaults to none: such a node fails, and the next apply tries it on the same placement again.",
		Validators: []validator.String{stringvalidator.OneOf(anyPlacement)},
	}
}

func workerPoolsAttribute() schema.MapNestedAttribute {
	attributes := nodeAttributes(ownedTaints)
	attributes["node_count"] = schema.Int64Attribute{
		CustomType:          attribute.Int64Type{},
		Required:            true,
		MarkdownDescription: "Number of nodes, 0 to 1000. It changes in place; nodes that are not ready are removed first, then the newest.",
		Validators:          []validator.Int64{int64validator.Between(0, maxWorkers)},
	}
	attributes["placements"] = schema.ListNestedAttribute{
		Required:            true,
		MarkdownDescription: "Where the nodes go: round-robin over one or more placements. " + changedPlacements,
		Validators:          []validator.List{attribute.NoNulls{}, listvalidator.SizeAtLeast(1)},
		NestedObject:        placementObject(),
	}
	attributes["spread"] = schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "`host`: an anti-affinity rule of DRS keeps the nodes of the pool on different hosts of each compute cluster, " +
			"from two nodes on and for as many of them as there are hosts in service. It needs DRS and the privilege Host > Inventory > " +
			"Modify cluster there; without them, the plan warns and the condition `NodesSpread` says so. The control plane always has " +
			"such a rule. It changes in place. Defaults to none: nodes go to different hosts when they are created, as far as there are hosts.",
		Validators: []validator.String{stringvalidator.OneOf(string(enginemodel.SpreadHost))},
	}
	attributes["placement_policy"] = placementPolicyAttribute()
	attributes["rolling_update"] = rollingUpdateAttribute()
	maps.Copy(attributes, kubernetesschema.Setup("the nodes of the pool", profileFiles, profileCommands, "A change rolls the pool. "))
	attributes["kubernetes_version"] = poolVersionAttribute()
	attributes["image"] = poolImageAttribute()
	return schema.MapNestedAttribute{
		Optional: true,
		MarkdownDescription: "Pools of worker nodes, by name. A pool is added and removed in place, and rolled where its nodes have " +
			"to be replaced. " +
			"Defaults to none.",
		Validators: []validator.Map{attribute.NoNulls{}, mapvalidator.KeysAre(
			nodeschema.NodePoolName(),
			stringvalidator.LengthAtMost(maxPoolName),
			stringvalidator.NoneOf(enginemodel.ControlPlanePool, enginemodel.LoadBalancerPool),
		)},
		NestedObject: schema.NestedAttributeObject{Attributes: attributes},
	}
}

func poolVersionAttribute() schema.StringAttribute {
	version := nodeschema.KubernetesVersion()
	version.Required = false
	version.Optional = true
	version.MarkdownDescription = "Kubernetes version of the pool's nodes, such as `1.36.3`, so that the pool may stay behind while " +
		"the control plane is upgraded: it is not newer than the profile's, and not more than three minor versions older. " +
		"Its nodes need an image of that version: set `image`, too. A change rolls the pool. Defaults to the profile's `kubernetes_version`."
	return version
}

func poolImageAttribute() schema.SingleNestedAttribute {
	image := nodeschema.Image("Node image of the pool, with kubeadm and kubelet of its Kubernetes version, in the cluster's `image_folder`. " +
		"A change rolls the pool. Defaults to the profile's `image`.")
	image.Required = false
	image.Optional = true
	return image
}

// nodeAttributes are what all nodes have; taints are those that users cannot set.
func nodeAttributes(taints []owned) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"cpu":       nodeschema.CPU(2),
		"memory_gb": nodeschema.MemoryGB(2),
		"disk_gb":   nodeschema.DiskGB(1),
		"labels": schema.MapAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Labels of the nodes, by qualified names such as `example.com/tier` or `node-role.kubernetes.io/worker`. " +
				"Those that kubelet, kubeadm, a cloud provider or the zone tags of vCenter decide are refused. " +
				"They change in place. Defaults to none.",
			Validators: []validator.Map{
				attribute.NoNulls{},
				mapvalidator.KeysAre(qualifiedName(), notOwned{"label", ownedLabels}),
				mapvalidator.ValueStringsAre(labelValue()),
			},
		},
		"annotations": schema.MapAttribute{
			Optional:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "Annotations of the nodes, by qualified names. They change in place. Defaults to none.",
			Validators: []validator.Map{
				attribute.NoNulls{},
				mapvalidator.KeysAre(qualifiedName(), notOwned{"annotation", ownedAnnotations}),
			},
		},
		"taints": schema.ListNestedAttribute{
			Optional: true,
			MarkdownDescription: "Taints of the nodes, at most one of a key and effect. Those under `node.kubernetes.io/` and " +
				"`node.cloudprovider.kubernetes.io/` are not for users. They change in place. Defaults to none.",
			Validators: []validator.List{attribute.NoNulls{}, distinctTaints{}},
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"key": schema.StringAttribute{
					Required:            true,
					MarkdownDescription: "Key of the taint, a qualified name such as `example.com/gpu`.",
					Validators:          []validator.String{qualifiedName(), notOwned{"taint", taints}},
				},
				"value": schema.StringAttribute{
					Optional:            true,
					MarkdownDescription: "Value of the taint, at most 63 characters. Defaults to none.",
					Validators:          []validator.String{labelValue()},
				},
				"effect": schema.StringAttribute{
					Required:            true,
					MarkdownDescription: "Effect of the taint: `NoSchedule`, `PreferNoSchedule` or `NoExecute`.",
					Validators:          []validator.String{stringvalidator.OneOf("NoSchedule", "PreferNoSchedule", "NoExecute")},
				},
			}},
		},
	}
}

// placementObject is the schema of placementModel.
func placementObject() schema.NestedAttributeObject {
	attributes := nodeschema.PlacementAttributes()
	attributes["ip_pool_id"] = schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Id of the IP pool that the addresses come from; for the control plane also the VIP and the extra. " +
			"It belongs to the cluster's gateway. Required with `ip_allocation = \"static\"`, and refused with `dhcp`.",
		Validators: []validator.String{attribute.IDOf("gantry_ip_pool")},
	}
	return schema.NestedAttributeObject{Attributes: attributes, Validators: []validator.Object{nodeschema.StoragePlaced{}}}
}

var (
	qualifiedForm = regexp.MustCompile(
		`^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelForm = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
)

func qualifiedName() validator.String {
	return stringvalidator.RegexMatches(qualifiedForm, "must be a qualified name of Kubernetes, such as example.com/tier")
}

func labelValue() validator.String {
	return stringvalidator.RegexMatches(labelForm,
		"must be empty or at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends")
}
