package nodeschema

import (
	"context"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Placement is where nodes go, by the names that the vSphere Client shows. All of
// it is known. The IP pool is a resource's own: a cluster names one in each
// placement, a gateway beside it.
type Placement struct {
	ComputeCluster   string  `tfsdk:"compute_cluster"`
	Datastore        *string `tfsdk:"datastore"`
	DatastoreCluster *string `tfsdk:"datastore_cluster"`
	StoragePolicy    *string `tfsdk:"storage_policy"`
	Network          string  `tfsdk:"network"`
	ResourcePool     *string `tfsdk:"resource_pool"`
	HostGroup        *string `tfsdk:"host_group"`
	VMGroup          *string `tfsdk:"vm_group"`
}

// ToModel returns the placement as a part of a spec.
func (p Placement) ToModel(ipPool uuid.UUID) model.Placement {
	return model.Placement{
		ComputeCluster:   p.ComputeCluster,
		Datastore:        OrZero(p.Datastore),
		DatastoreCluster: OrZero(p.DatastoreCluster),
		StoragePolicy:    OrZero(p.StoragePolicy),
		Network:          p.Network,
		ResourcePool:     OrZero(p.ResourcePool),
		HostGroup:        OrZero(p.HostGroup),
		VMGroup:          OrZero(p.VMGroup),
		IPPoolID:         ipPool,
	}
}

// PlacementAttributes are the schema of Placement.
func PlacementAttributes() map[string]schema.Attribute {
	name := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "Name or inventory path of a " + doc + ".",
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
		}
	}
	optional := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Name or inventory path of a " + doc,
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
		}
	}
	return map[string]schema.Attribute{
		"compute_cluster": name("compute cluster"),
		"datastore": optional("datastore that the hosts of the compute cluster mount, which has the disks of the nodes. " +
			"Exactly one of `datastore`, `datastore_cluster` and `storage_policy` is required. A change of any of them rolls the nodes."),
		"datastore_cluster": optional("datastore cluster. Each node is cloned onto the one of its datastores that Storage DRS recommends; " +
			"where that is off, or recommends none, onto the one with the most free space. Only datastores count that a host of the compute " +
			"cluster reaches and that are not in maintenance mode. That Storage DRS moves a node later is no change. Clones are full ones, " +
			"but with `clone_mode = \"linked\"`, when all of them are on the datastore of the template."),
		"storage_policy": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Name of a VM storage policy, which the home and the disk of each node get. Each node is cloned onto the one of " +
				"the compatible datastores with the most free space, of those that a host of the compute cluster reaches and that are not in " +
				"maintenance mode. Whether vCenter finds the nodes compliant later is the condition `StorageCompliant`. Clones are full ones, " +
				"but with `clone_mode = \"linked\"`, when all of them are on the datastore of the template, which then has to be compatible. " +
				"The account of the provider needs the privilege `StorageProfile.View` on the root object.",
			Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"network":       name("network or distributed port group that the compute cluster has"),
		"resource_pool": optional("resource pool of the compute cluster. Defaults to the compute cluster's own."),
		"host_group": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Name of a host group of DRS in the compute cluster, on whose hosts the nodes, and a load balancer, should run. " +
				"A VM group and a rule, both named `gantry-<cluster id>.<host group>`, have DRS keep them there; while none of these hosts can " +
				"run them, they run on others. It needs DRS and the privilege Host > Inventory > Modify cluster there; without them, the plan " +
				"warns and the condition `NodesPlaced` says so. Placements may differ in their host group alone. It changes in place. " +
				"A rule that was turned off, by hand or by vCenter for a conflict with another one, stays off. " +
				"At most 36 characters, since vCenter takes names of up to 80 for group and rule. " +
				"Defaults to none: nodes run on any host.",
			Validators: []validator.String{stringvalidator.UTF8LengthBetween(1, model.MaxHostGroup)},
		},
		"vm_group": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Name of a VM group of DRS in the compute cluster that an administrator has made, and that the nodes, and a load " +
				"balancer, are put in before they are powered on. Rules of the administrator then hold for them. The group itself is " +
				"neither made nor deleted, and VMs that others have put there stay. It needs the privilege Host > Inventory > Modify cluster " +
				"there, and DRS: without one of them, the plan warns and the condition `NodesGrouped` says which nodes are not in their group. " +
				"Placements may differ in their VM group alone. It changes in place: nodes that were put into the former group leave it. " +
				"Defaults to none.",
			Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		},
	}
}

// StoragePlaced validates that a placement says exactly once where disks are.
type StoragePlaced struct{}

var _ validator.Object = StoragePlaced{}

// Description implements validator.Describer.
func (StoragePlaced) Description(context.Context) string {
	return "must have exactly one of datastore, datastore_cluster and storage_policy"
}

// MarkdownDescription implements validator.Describer.
func (v StoragePlaced) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// storageAttributes are the attributes of which a placement has one.
var storageAttributes = []string{"datastore", "datastore_cluster", "storage_policy"}

// ValidateObject implements validator.Object.
func (StoragePlaced) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	var set []string
	for _, name := range storageAttributes {
		switch v := req.ConfigValue.Attributes()[name]; {
		case v.IsUnknown():
			return // it may turn out to be null
		case !v.IsNull():
			set = append(set, name)
		}
	}
	switch {
	case len(set) == 0:
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Datastore missing",
			"Set datastore, the name of the datastore for the disks of the nodes, datastore_cluster, the name of a cluster of datastores, "+
				"or storage_policy, the name of a VM storage policy."))
	case len(set) > 1:
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path.AtName(set[1]), "More than one storage",
			"The nodes of a placement are on a datastore, in a datastore cluster, or where a storage policy allows it. "+
				"Set one of datastore, datastore_cluster and storage_policy, and remove the others."))
	}
}

// placementFields are the attributes of PlacementAttributes by the fields of a
// placement that they are.
var placementFields = map[model.FieldName]string{
	model.FieldComputeCluster: "compute_cluster",
	model.FieldDatastore:      "datastore",
	model.FieldNetwork:        "network",
	model.FieldResourcePool:   "resource_pool",

	model.FieldDatastoreCluster: "datastore_cluster",
	model.FieldStoragePolicy:    "storage_policy",
	model.FieldHostGroup:        "host_group",
	model.FieldVMGroup:          "vm_group",
}

// PlacementPath returns the attribute of a placement's field, given where the
// placement stands; false for a field that Placement does not have.
func PlacementPath(at path.Path, field model.FieldName) (path.Path, bool) {
	name, ok := placementFields[field]
	if !ok {
		return path.Empty(), false
	}
	return at.AtName(name), true
}

// Datacenter is where everything is.
func Datacenter(kind string) schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: "Name or inventory path of the datacenter. Another datacenter replaces the " + kind +
			"; another name of the same one does not.",
		Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
	}
}

// Folder is the VM folder of the nodes.
func Folder(kind string) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Path of the VM folder below the datacenter's, such as `k8s/prod-1`, or its inventory path, such as " +
			"`/dc-1/vm/k8s/prod-1`. A name in it has at most 80 characters. Missing folders are created, and deleted with the " +
			kind + ", or with the last one that uses them, if they are empty then, whatever they are called by then. " +
			"Defaults to the datacenter's own VM folder. " +
			"A change moves the VMs, which go on running, and deletes what was created of the old path if it is empty then.",
		Validators: []validator.String{FolderPath()},
	}
}

// ImageFolder is where templates are looked up.
func ImageFolder() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Path of the VM folder in which the template is looked up, or its inventory path. " +
			"Defaults to the whole datacenter. An OVA is imported into it, and it is made where it is missing; that defaults to the " +
			"datacenter's own VM folder. A change holds for new nodes.",
		Validators: []validator.String{FolderPath()},
	}
}
